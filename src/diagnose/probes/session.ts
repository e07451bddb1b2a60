/**
 * The user's running processes and whether they carry the groups a new login would have. A session keeps the groups it
 * was started with, so somebody who was added an hour ago may still be turned away in an old shell.
 */
import type { Fact } from '../../diagnosis.ts';
import { factMaker, type Ground, messageOf, type Probe } from '../ground.ts';
import { accountOf } from '../lookup.ts';

const MAX_PROCESSES = 50_000;
/** What stays behind for a user without being a session of theirs: it is old, and nobody works in it. */
const DAEMONS = new Set([
  'systemd',
  '(sd-pam)',
  'dbus-daemon',
  'dbus-broker',
  'ssh-agent',
  'gpg-agent',
  'pipewire',
  'wireplumber',
  'pulseaudio',
]);

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
      const running = (await Promise.all(pids.map(pid => sessionOf(ground, proc, pid, who.value.uid)))).filter(
        r => r !== null,
      );
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

/** A process of this uid that belongs to a login. */
async function sessionOf(ground: Ground, proc: string, pid: number, uid: number): Promise<Running | null> {
  try {
    const status = (await ground.read(`${proc}/${pid}/status`))?.text ?? '';
    const field = (name: string): string[] =>
      (status.match(new RegExp(`^${name}:[ \\t]*(.*)$`, 'm'))?.[1] ?? '').split(/\s+/).filter(Boolean);
    if (field('Uid')[0] !== String(uid) || !/^Groups:/m.test(status)) return null;
    if (DAEMONS.has(field('Name').join(' '))) return null;
    return { pid, gids: [...field('Gid').slice(0, 1), ...field('Groups')].map(Number) };
  } catch {
    return null; // It ended while we looked.
  }
}
