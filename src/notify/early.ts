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

interface Call {
  socket: Socket;
  /** What the server said so far. It is listened to, since who hangs up is only heard by those who listen. */
  said: Buffer;
  /** Listens no more. */
  leave: () => void;
}

export class EarlyConnection {
  readonly #to: { host: string; port: number };
  /** `secure`: the server waits for TLS first, and would not understand a goodbye. */
  readonly #wire: 'plain' | 'secure';
  #call: Call | null = null;
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
      if (this.#call === call) this.#call = null;
      socket.destroy();
    };
    const heard = (chunk: Buffer): void => {
      call.said = Buffer.concat([call.said, chunk]);
      if (call.said.length > MOST_BYTES) gone();
    };
    // Our own listeners alone: Node has one at `end` that closes our side too.
    const leave = (): void => void socket.off('data', heard).off('error', gone).off('end', gone).off('close', gone);
    socket.on('data', heard).on('error', gone).on('end', gone).on('close', gone);
    const call: Call = { socket, said: Buffer.alloc(0), leave };
    this.#call = call;
    this.#timer = setTimeout(() => this.close(), KEPT_MS).unref();
  }

  /**
   * Hands it over, paused, with what the server said still to be read; null when there is none, or none to be used: then
   * whoever asks opens one of their own and hears for themselves why.
   */
  take(): Socket | null {
    const call = this.#call;
    if (!call) return null;
    this.#call = null;
    const { socket, said, leave } = call;
    if (socket.readyState !== 'open' || TURNED_AWAY.test(said.toString('latin1'))) {
      socket.destroy();
      return null;
    }
    this.#release();
    leave();
    socket.pause();
    if (said.length > 0) socket.unshift(said);
    return socket;
  }

  /** Takes leave of the server. To one that has not greeted yet nothing is said: it would take us for a spammer. */
  close(): void {
    const call = this.#call;
    this.#release();
    if (!call) return;
    const { socket, said } = call;
    const greeted = this.#wire === 'plain' && GREETED.test(said.toString('latin1'));
    if (!greeted || socket.readyState !== 'open') return void socket.destroy();
    socket.setTimeout(GOODBYE_MS, () => socket.destroy());
    socket.end('QUIT\r\n');
  }

  #release(): void {
    this.#call = null;
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
