/**
 * Who is at the socket? Node shows no peer credentials, so the executor sends a nonce and the peer creates a file of that
 * name beside the socket: only its owner's uid counts. The directory must be one in which nobody else can create or
 * rename files, or a file could be pushed under the name.
 */
import { lstatSync, mkdirSync, readdirSync, type Stats, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Refused, Usage } from '../incident.ts';
import { NONCE } from './order.ts';

export type PeerVerdict = { kind: 'agent' } | { kind: 'stranger'; why: string; uid: number | null };

/** Makes the socket's directory if it is missing. @throws Usage when others could write in it */
export function prepareDirectory(dir: string): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const why = unsafe(lstatSync(dir));
  if (why) throw new Usage(`${dir}: ${why}; only the agent and the executor may write to it`);
  for (const name of readdirSync(dir)) if (NONCE.test(name)) tryUnlink(join(dir, name));
}

/** Looks at the file the peer created, and takes it away. */
export function whoIs(dir: string, nonce: string, proof: string, agentUid: number | null): PeerVerdict {
  const stranger = (why: string, uid: number | null = null): PeerVerdict => ({ kind: 'stranger', why, uid });
  const file = join(dir, nonce);
  if (proof !== nonce) {
    tryUnlink(file);
    return stranger('the proof is not for this connection');
  }
  let stat: Stats;
  let home: Stats;
  try {
    stat = lstatSync(file);
    home = lstatSync(dir);
  } catch {
    return stranger('no file of that name was created');
  } finally {
    tryUnlink(file);
  }
  const why = unsafe(home);
  if (why) return stranger(`the socket's directory: ${why}`, stat.uid);
  if (!stat.isFile() || stat.nlink !== 1 || stat.size !== 0)
    return stranger('what was created is not a new, empty, regular file', stat.uid);
  const wanted = agentUid ?? home.uid;
  return stat.uid === wanted ? { kind: 'agent' } : stranger(`uid ${stat.uid} is not the agent's (${wanted})`, stat.uid);
}

/** Takes away a socket nobody answers on. @throws Refused when somebody does, Usage when it is no socket */
export async function clearStaleSocket(path: string): Promise<void> {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (!stat) return;
  if (!stat.isSocket()) throw new Usage(`${path}: is there and is not a socket`);
  const answered = await new Promise<boolean>(resolve => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
  if (answered) throw new Refused(`another executor answers on ${path}`);
  unlinkSync(path);
}

function unsafe(dir: Stats): string | null {
  if (!dir.isDirectory()) return 'is not a directory';
  if (dir.mode & 0o002) return 'everybody may write to it';
  // A group may only when it is root's or our own: then the executor can take files away without capabilities.
  if (dir.mode & 0o020 && dir.gid !== 0 && dir.gid !== process.getegid?.()) return `group ${dir.gid} may write to it`;
  return null;
}

function tryUnlink(file: string): void {
  try {
    unlinkSync(file);
  } catch {}
}
