/**
 * The user's running processes and whether they carry the groups a new login would have. A session keeps the groups it
 * was started with, so somebody who was added an hour ago may still be turned away in an old shell.
 */
import type { Fact } from '../../incident.ts';
import { factMaker, type Ground, messageOf, type Probe } from '../ground.ts';
import { accountOf } from '../lookup.ts';

const MAX_PROCESSES = 50_000;

interface Running {
  pid: number;
  gids: number[];
}

export const session: Probe = {
  name: 'session',
  facts: ['session.pids', 'session.gids'],
  needsUser: true,
  async run({ user }, ground) {
    const { known, unknown } = factMaker(ground);
    const cannot = (because: string): Fact[] => this.facts.map(fact => unknown(fact, because));
    const who = await accountOf(ground, user!);
    if (who.state !== 'found') return cannot(who.source);
    const { proc } = ground.config.paths;
    try {
      const pids = ((await ground.list(proc)) ?? []).filter(name => /^\d+$/.test(name)).map(Number);
      if (pids.length > MAX_PROCESSES) return cannot(`${proc}: more than ${MAX_PROCESSES} processes`);
      const running = (await Promise.all(pids.map(pid => sessionOf(ground, proc, pid, who.value.uid)))).filter(r => r !== null);
      const source = `${proc}/*/status of uid ${who.value.uid}`;
      return [
        known('session.pids', running.map(r => String(r.pid)).slice(0, 500), source),
        // One entry per process, `gid gid …`, so that it can be compared with what a new login would have.
        known('session.gids', running.map(r => r.gids.join(' ')).slice(0, 500), source),
      ];
    } catch (error) {
      return cannot(messageOf(error));
    }
  },
};

/** A process of this uid that belongs to a login: it has a terminal, or the table does not say. */
async function sessionOf(ground: Ground, proc: string, pid: number, uid: number): Promise<Running | null> {
  try {
    const status = await ground.read(`${proc}/${pid}/status`);
    const uids = status?.text.match(/^Uid:\s*(\d+)/m);
    const groups = status?.text.match(/^Groups:[ \t]*([\d \t]*)$/m);
    if (!status || Number(uids?.[1] ?? -1) !== uid || !groups) return null;
    const gid = status.text.match(/^Gid:\s*(\d+)/m)?.[1];
    const stat = await ground.read(`${proc}/${pid}/stat`).catch(() => null);
    // Field 7 after the name in brackets is the terminal; a per-user daemon without one is no session of anybody.
    const terminal = stat?.text.slice(stat.text.lastIndexOf(')') + 2).split(' ')[4];
    if (terminal === '0') return null;
    return { pid, gids: [...(gid ? [Number(gid)] : []), ...(groups[1] ?? '').split(/\s+/).filter(Boolean).map(Number)] };
  } catch {
    return null; // It ended while we looked.
  }
}
