/**
 * A connection to the mail server, opened while a letter waits for its time. Many servers let their callers wait before
 * they greet them (a tenth of a second to some seconds): then that is over when the letter is due.
 */
import { connect, type Socket } from 'node:net';

/** A letter that is folded into another one never comes: the server is not kept waiting for it. */
const KEPT_MS = 5000;
const GOODBYE_MS = 1000;

export class EarlyConnection {
  readonly #to: { host: string; port: number };
  /** `secure`: the server waits for TLS first, and would not understand a goodbye. */
  readonly #wire: 'plain' | 'secure';
  #socket: Socket | null = null;
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
    };
    socket.on('error', gone);
    socket.on('close', gone);
    this.#socket = socket;
    this.#timer = setTimeout(() => this.close(), KEPT_MS).unref();
  }

  /** Hands it over, with what the server said so far unread; null when there is none that is open. */
  take(): Socket | null {
    const socket = this.#socket;
    if (socket?.readyState !== 'open') return null;
    this.#release();
    socket.removeAllListeners('error');
    socket.removeAllListeners('close');
    return socket;
  }

  /** Takes leave of the server. */
  close(): void {
    const socket = this.#socket;
    this.#release();
    if (!socket) return;
    if (this.#wire === 'secure' || socket.readyState !== 'open') return void socket.destroy();
    socket.setTimeout(GOODBYE_MS, () => socket.destroy());
    socket.resume();
    socket.end('QUIT\r\n');
  }

  #release(): void {
    this.#socket = null;
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
