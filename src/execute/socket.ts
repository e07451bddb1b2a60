/**
 * The executor's side of its socket: a nonce out, one bounded line in from a peer that showed who it is, replies out.
 * Strangers get no answer. One request a connection, each with a time limit. There is room for so many of each kind, so
 * that neither test jobs nor lookups nor those who say nothing keep an order out, however many connections they hold.
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, statSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { Refused, Retry } from '../incident.ts';
import { MAX_LINE, openLine, parseRequest, type Reply, type Request } from './order.ts';
import { whoIs } from './peer.ts';

/** Requests of each kind that may be under way at once; whoever comes beyond that is told to come again. */
const ROOM: Record<Request['kind'], number> = { run: 32, canary: 8, shadow: 64, status: 8 };
/** Connections that have not said yet what they want, and what they have said of it in bytes. */
const MOST_SILENT = 256;
const MOST_UNSAID = 32 << 20;
const READ_TIMEOUT_MS = 10_000;
/** For the peer to take its answer; then it is hung up on. */
const TAKE_TIMEOUT_MS = 10_000;

export interface Door {
  path: string;
  agentUid: number | null;
  /**
   * Answers one request; may reply more than once. What it throws is said to the peer, Retry as such.
   * @param isThere whether the peer still waits: what was not begun need not be begun for one who has gone
   */
  answer: (request: Request, reply: (reply: Reply) => void, isThere: () => boolean) => Promise<void>;
  /** Somebody who isn't the agent, or a line that isn't a request. */
  dropped: (why: string, uid: number | null) => void;
  /** How many connections there are now, whenever that changes. */
  present: (connections: number) => void;
}

/**
 * @param fd an already listening socket (systemd), instead of one made at `door.path`
 * @returns the way to close it: no new connection, and those that are left end once their replies are out
 */
export async function openDoor(door: Door, fd: number | null): Promise<() => void> {
  const hall = new Hall(door);
  const server = createServer(socket => hall.enter(socket));
  const umask = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(fd === null ? { path: door.path } : { fd }, resolve);
    });
  } finally {
    process.umask(umask);
  }
  if (fd === null) openFor(door);
  return () => {
    server.close();
    hall.leave();
  };
}

/** The agent must be able to connect: the socket becomes its own, or, without the right to do that, its directory guards it. */
function openFor({ path, agentUid }: Door): void {
  const agent = agentUid ?? statSync(dirname(path)).uid;
  if (agent === process.getuid?.()) return;
  try {
    chownSync(path, agent, process.getegid?.() ?? 0);
  } catch {
    chmodSync(path, 0o666);
  }
}

/** Everybody who is connected: first those whose line is awaited, then those whose request is under way. */
class Hall {
  readonly #door: Door;
  readonly #open = new Set<Socket>();
  /** In the order in which they came. */
  readonly #silent = new Map<Socket, { size: number; drop: (why: string) => void }>();
  readonly #underWay: Record<Request['kind'], number> = { run: 0, canary: 0, shadow: 0, status: 0 };

  constructor(door: Door) {
    this.#door = door;
  }

  enter(socket: Socket): void {
    this.#open.add(socket);
    this.#door.present(this.#open.size);
    socket.on('close', () => {
      this.#open.delete(socket);
      this.#silent.delete(socket);
      this.#door.present(this.#open.size);
    });
    socket.on('error', () => {});
    this.#hear(socket);
  }

  leave(): void {
    for (const socket of this.#open) socket.destroySoon();
  }

  #hear(socket: Socket): void {
    const nonce = randomBytes(32).toString('hex');
    const chunks: Buffer[] = [];
    const drop = (why: string, uid: number | null = null): void => {
      socket.removeAllListeners('data');
      this.#silent.delete(socket);
      this.#door.dropped(why, uid);
      socket.destroy();
    };
    const said = { size: 0, drop };
    this.#silent.set(socket, said);
    const timer = setTimeout(() => drop('no order came in time'), READ_TIMEOUT_MS);
    socket.on('close', () => clearTimeout(timer));
    socket.on('data', (chunk: Buffer) => {
      const end = chunk.indexOf(10);
      chunks.push(end < 0 ? chunk : chunk.subarray(0, end));
      said.size += chunk.length;
      if (said.size > MAX_LINE) return drop(`a line longer than ${MAX_LINE} bytes`);
      if (end < 0) return this.#makeRoom();
      clearTimeout(timer);
      // One order a connection: whatever follows is never looked at.
      socket.removeAllListeners('data');
      socket.resume();
      this.#silent.delete(socket);
      void this.#take(Buffer.concat(chunks).toString('utf8'), nonce, socket, drop);
    });
    send(socket, { v: 1, nonce });
    this.#makeRoom();
  }

  /** Who has waited longest has had the most time to speak, and goes first. */
  #makeRoom(): void {
    let bytes = 0;
    for (const { size } of this.#silent.values()) bytes += size;
    for (const { size, drop } of this.#silent.values()) {
      if (this.#silent.size <= MOST_SILENT && bytes <= MOST_UNSAID) return;
      bytes -= size;
      drop('no order had come, and others wanted the room');
    }
  }

  async #take(
    line: string,
    nonce: string,
    socket: Socket,
    drop: (why: string, uid?: number | null) => void,
  ): Promise<void> {
    let body: unknown;
    try {
      const opened = openLine(line);
      const peer = whoIs(dirname(this.#door.path), nonce, opened.proof, this.#door.agentUid);
      if (peer.kind === 'stranger') return drop(peer.why, peer.uid);
      body = opened.body;
    } catch (error) {
      return drop((error as Error).message);
    }
    try {
      await this.#answer(parseRequest(body), socket);
    } catch (error) {
      if (error instanceof Refused) this.#door.dropped(error.message, null);
      const why = (error as Error).message.slice(0, 1000);
      send(socket, error instanceof Retry ? { again: why } : { refused: why });
    }
    hangUp(socket);
  }

  /** A place is held for as long as the work lasts, not the connection: who hangs up and calls again gets no second one. */
  async #answer(request: Request, socket: Socket): Promise<void> {
    const { kind } = request;
    const most = ROOM[kind];
    if (this.#underWay[kind] >= most) throw new Retry(`${most} requests of the kind ${kind} are under way already`);
    this.#underWay[kind]++;
    try {
      await this.#door.answer(
        request,
        reply => send(socket, reply),
        () => !socket.destroyed,
      );
    } finally {
      this.#underWay[kind]--;
    }
  }
}

/** To a peer that has gone, nothing is said; what was begun goes on without it. */
function send(socket: Socket, line: Reply | { v: 1; nonce: string }): void {
  if (socket.writable) socket.write(`${JSON.stringify(line)}\n`);
}

/** Once the answer is out. A peer that neither takes it nor hangs up does not keep the executor from leaving. */
function hangUp(socket: Socket): void {
  const timer = setTimeout(() => socket.destroy(), TAKE_TIMEOUT_MS);
  socket.on('close', () => clearTimeout(timer));
  socket.destroySoon();
}
