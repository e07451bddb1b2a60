/**
 * The executor's side of its socket: a nonce out, one bounded line in from a peer that showed who it is, replies out.
 * Strangers get no answer. Few connections at once, each with a time limit; one order each.
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, statSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { Refused, Retry } from '../incident.ts';
import { MAX_LINE, openLine, parseRequest, type Reply, type Request } from './order.ts';
import { whoIs } from './peer.ts';

const MAX_CONNECTIONS = 8;
const READ_TIMEOUT_MS = 10_000;

export interface Door {
  path: string;
  agentUid: number | null;
  /** Answers one request; may reply more than once. What it throws is said to the peer, Retry as such. */
  answer: (request: Request, reply: (reply: Reply) => void) => Promise<void>;
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
  const open = new Set<Socket>();
  const server = createServer(socket => {
    open.add(socket);
    door.present(open.size);
    socket.on('close', () => {
      open.delete(socket);
      door.present(open.size);
    });
    socket.on('error', () => {});
    serveOne(socket, door);
  });
  server.maxConnections = MAX_CONNECTIONS;
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
    for (const socket of open) socket.destroySoon();
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

function serveOne(socket: Socket, door: Door): void {
  const nonce = randomBytes(32).toString('hex');
  const chunks: Buffer[] = [];
  let size = 0;
  const drop = (why: string, uid: number | null = null): void => {
    socket.removeAllListeners('data');
    door.dropped(why, uid);
    socket.destroy();
  };
  const timer = setTimeout(() => drop('no order came in time'), READ_TIMEOUT_MS);
  socket.on('close', () => clearTimeout(timer));
  socket.on('data', (chunk: Buffer) => {
    const end = chunk.indexOf(10);
    chunks.push(end < 0 ? chunk : chunk.subarray(0, end));
    size += chunk.length;
    if (size > MAX_LINE) return drop(`a line longer than ${MAX_LINE} bytes`);
    if (end < 0) return;
    clearTimeout(timer);
    // One order a connection: whatever follows is never looked at.
    socket.removeAllListeners('data');
    socket.resume();
    void takeLine(Buffer.concat(chunks).toString('utf8'), nonce, socket, door, drop);
  });
  send(socket, { v: 1, nonce });
}

async function takeLine(
  line: string,
  nonce: string,
  socket: Socket,
  door: Door,
  drop: (why: string, uid?: number | null) => void,
): Promise<void> {
  let body: unknown;
  try {
    const opened = openLine(line);
    const peer = whoIs(dirname(door.path), nonce, opened.proof, door.agentUid);
    if (peer.kind === 'stranger') return drop(peer.why, peer.uid);
    body = opened.body;
  } catch (error) {
    return drop((error as Error).message);
  }
  try {
    await door.answer(parseRequest(body), reply => send(socket, reply));
  } catch (error) {
    if (error instanceof Refused) door.dropped(error.message, null);
    const why = (error as Error).message.slice(0, 1000);
    send(socket, error instanceof Retry ? { again: why } : { refused: why });
  }
  socket.end();
}

/** To a peer that has gone, nothing is said; what was begun goes on without it. */
function send(socket: Socket, line: Reply | { v: 1; nonce: string }): void {
  if (socket.writable) socket.write(`${JSON.stringify(line)}\n`);
}
