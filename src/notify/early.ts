/**
 * A connection to the mail server, opened while a letter waits for its time. Many servers let their callers wait before
 * they greet them (a tenth of a second to some seconds): then that is over when the letter is due.
 */
import { connect, type Socket } from 'node:net';

/** A letter that is folded into another one never comes: the server is not kept waiting for it. */
const KEPT_MS = 5000;
const GOODBYE_MS = 1000;
/** No greeting is longer. */
const MOST_BYTES = 4096;
const GREETED = /^220[ \r\n]/m;
const TURNED_AWAY = /^[45]\d\d/;

export class EarlyConnection {
  readonly #to: { host: string; port: number };
  /** `secure`: the server waits for TLS first, and would not understand a goodbye. */
  readonly #wire: 'plain' | 'secure';
  #socket: Socket | null = null;
  /** What the server said so far. It is listened to, since who hangs up is only heard by those who listen. */
  #said = Buffer.alloc(0);
  /** Until the line is given up; a server that refused or hung up is not called again before. */
  #timer: NodeJS.Timeout | null = null;

  constructor(to: { host: string; port: number }, wire: 'plain' | 'secure') {
    this.#to = to;
    this.#wire = wire;
  }

  /** Opens it, unless it is open. A server that can't be reached is the business of the letter itself. */
  open(): void {
    if (this.#timer) return;
    const socket = connect(this.#to);
    const gone = (): void => {
      if (this.#socket === socket) this.#socket = null;
      socket.destroy();
    };
    socket.on('data', (chunk: Buffer) => {
      // An earlier one may still be told goodbye.
      if (this.#socket !== socket) return;
      this.#said = Buffer.concat([this.#said, chunk]);
      if (this.#said.length > MOST_BYTES) gone();
    });
    for (const event of ['error', 'end', 'close']) socket.on(event, gone);
    this.#said = Buffer.alloc(0);
    this.#socket = socket;
    this.#timer = setTimeout(() => this.close(), KEPT_MS).unref();
  }

  /**
   * Hands it over, paused, with what the server said still to be read; null when there is none, or none to be used: then
   * whoever asks opens one of their own and hears for themselves why.
   */
  take(): Socket | null {
    const socket = this.#socket;
    if (!socket) return null;
    this.#socket = null;
    const said = this.#said;
    if (socket.readyState !== 'open' || TURNED_AWAY.test(said.toString('latin1'))) {
      socket.destroy();
      return null;
    }
    this.#release();
    for (const event of ['data', 'error', 'end', 'close']) socket.removeAllListeners(event);
    socket.pause();
    if (said.length > 0) socket.unshift(said);
    return socket;
  }

  /** Takes leave of the server. To one that has not greeted yet nothing is said: it would take us for a spammer. */
  close(): void {
    const socket = this.#socket;
    this.#release();
    if (!socket) return;
    const greeted = this.#wire === 'plain' && GREETED.test(this.#said.toString('latin1'));
    if (!greeted || socket.readyState !== 'open') return void socket.destroy();
    socket.setTimeout(GOODBYE_MS, () => socket.destroy());
    socket.end('QUIT\r\n');
  }

  #release(): void {
    this.#socket = null;
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
