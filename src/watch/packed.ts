/**
 * Reads a gzip'd rotation by position in its *unpacked* bytes, as if it were a plain file. One stream stands open and
 * runs forward; asked for an earlier place it begins again. Memory is that of one chunk, whatever the file unpacks to.
 */
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { Disk } from './disk.ts';

/** How much may still be unpacked to look for something. */
export interface Allowance {
  bytes: number;
}

/** It would have to be unpacked further than may be. */
export class TooMuch extends Error {}

export class Packed {
  /** Null: it may be read to its end. */
  allowance: Allowance | null = null;
  #disk: Disk;
  #fd: number;
  #chunks: AsyncIterator<Buffer> | null = null;
  #at = 0;
  #rest: Buffer = Buffer.alloc(0);
  /** Why the stream ended before its proper end (cut short, damaged), or null. */
  problem: string | null = null;

  constructor(disk: Disk, fd: number) {
    this.#disk = disk;
    this.#fd = fd;
  }

  /** As a plain read: fills `into` from `position`, answers how many bytes, 0 at the end. @throws TooMuch */
  async read(into: Buffer, length: number, position: number): Promise<number> {
    if (position < this.#at || !this.#chunks) this.#begin();
    let filled = 0;
    while (filled < length) {
      if (this.allowance && this.allowance.bytes <= 0) throw new TooMuch();
      if (this.#rest.length === 0 && !(await this.#more())) break;
      const skip = Math.min(position - this.#at, this.#rest.length);
      if (skip > 0) {
        this.#step(skip);
        continue;
      }
      const part = Math.min(length - filled, this.#rest.length);
      this.#rest.copy(into, filled, 0, part);
      this.#step(part);
      filled += part;
      position += part;
    }
    return filled;
  }

  /** Can it be read to its proper end? One that is being written, or was cut short, can't. @throws TooMuch */
  async whole(): Promise<'yes' | 'no'> {
    const bytes = Buffer.allocUnsafe(64 << 10);
    let at = 0;
    for (let got = 1; got > 0; at += got) got = await this.read(bytes, bytes.length, at);
    return at > 0 && this.problem === null ? 'yes' : 'no';
  }

  close(): void {
    void this.#chunks?.return?.(undefined);
    this.#chunks = null;
  }

  #step(bytes: number): void {
    this.#at += bytes;
    this.#rest = this.#rest.subarray(bytes);
  }

  #begin(): void {
    this.close();
    this.#at = 0;
    this.#rest = Buffer.alloc(0);
    this.problem = null;
    const disk = this.#disk;
    const fd = this.#fd;
    async function* packed(): AsyncGenerator<Buffer> {
      for (let at = 0; ; ) {
        const chunk = Buffer.allocUnsafe(64 << 10);
        const length = await disk.read(fd, chunk, chunk.length, at);
        if (length === 0) return;
        at += length;
        yield chunk.subarray(0, length);
      }
    }
    const source = Readable.from(packed(), { objectMode: false, highWaterMark: 64 << 10 });
    const unpacked = createGunzip({ chunkSize: 64 << 10 });
    source.on('error', error => unpacked.destroy(error));
    source.pipe(unpacked);
    this.#chunks = unpacked[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  async #more(): Promise<boolean> {
    try {
      const next = await this.#chunks!.next();
      if (next.done) return false;
      this.#rest = next.value;
      if (this.allowance) this.allowance.bytes -= next.value.length;
      return true;
    } catch (error) {
      this.problem = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
      return false;
    }
  }
}
