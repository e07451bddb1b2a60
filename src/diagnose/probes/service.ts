/**
 * What systemd says of the scheduler's unit, and whether the process that runs has loaded the configuration that is on
 * the disk: a scheduler that reads it at its start only goes on with the old one.
 */
import type { Fact } from '../../diagnosis.ts';
import { factMaker, failure, type Ground, messageOf, type Probe, type TextFile } from '../ground.ts';
import { type Info, infoOf, loadedBy } from '../info.ts';
import { readSchedulerConfig } from '../scheduler-config.ts';
import { valueAt } from '../system.ts';

export const service: Probe = {
  name: 'service',
  facts: [
    'scheduler.active',
    'scheduler.started',
    'config.loaded',
    'config.loaded-groups',
    'queue.free',
    'queue.running',
  ],
  needsUser: false,
  async run(_subject, ground) {
    const { known, unknown } = factMaker(ground);
    const [active, info, unit] = await Promise.all([activeState(ground), infoOf(ground), unitStart(ground)]);
    const started = info.started ?? unit.started;
    const { http } = ground.system;
    const slots = http.slots ? valueAt(info.answer, http.slots) : undefined;
    const running = http.running ? valueAt(info.answer, http.running) : undefined;
    const counted = typeof slots === 'number' && typeof running === 'number';
    return [
      active,
      started === null
        ? unknown('scheduler.started', `${info.because}; ${unit.because}`)
        : known(
            'scheduler.started',
            new Date(started).toISOString(),
            info.started === null ? unit.because : info.because,
          ),
      loadedGroups(ground, info),
      active.value === 'inactive' || active.value === 'failed'
        ? unknown('config.loaded', `${active.source}: ${active.value}, so nothing is loaded`)
        : await loaded(ground, info, started, info.started === null ? unit.because : info.because),
      counted ? known('queue.free', Math.max(0, slots - running), info.because) : unknown('queue.free', info.because),
      counted ? known('queue.running', running, info.because) : unknown('queue.running', info.because),
    ];
  },
};

async function activeState(ground: Ground): Promise<Fact> {
  const { known, unknown } = factMaker(ground);
  const argv = ['systemctl', 'is-active', ground.config.scheduler.unit];
  try {
    const result = await ground.run(argv);
    const state = result.stdout.trim().split('\n')[0] ?? '';
    // The words are systemd's; the exit code only repeats them.
    const words = ['active', 'inactive', 'failed', 'activating', 'deactivating', 'reloading', 'maintenance'];
    return words.includes(state)
      ? known('scheduler.active', state, argv.join(' '))
      : unknown('scheduler.active', failure(result, argv));
  } catch (error) {
    return unknown('scheduler.active', messageOf(error));
  }
}

async function unitStart(ground: Ground): Promise<{ started: number | null; because: string }> {
  const plain = ['systemctl', 'show', '-p', 'ExecMainStartTimestamp', ground.config.scheduler.unit];
  // systemd before 247 knows no --timestamp, and prints the time as people read it.
  const unix = [...plain.slice(0, 2), '--timestamp=unix', ...plain.slice(2)];
  let because = '';
  for (const argv of [unix, plain])
    try {
      const result = await ground.run(argv);
      const started = timeOf(result.stdout.match(/^ExecMainStartTimestamp=(.+)$/m)?.[1] ?? '');
      if (started !== null) return { started, because: argv.join(' ') };
      because = failure(result, argv);
    } catch (error) {
      because = messageOf(error);
    }
  return { started: null, because };
}

/** `@1726655415`, or `Wed 2024-09-18 10:30:15 CEST`, which is the time of this machine where it is not UTC. */
function timeOf(text: string): number | null {
  const seconds = text.match(/^@(\d+)$/)?.[1];
  if (seconds) return Number(seconds) * 1000;
  const [, day, time, zone] = text.match(/^\w+ (\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) (\S+)$/) ?? [];
  return day ? Date.parse(`${day}T${time}${zone === 'UTC' ? 'Z' : ''}`) : null;
}

/** The groups the running scheduler says it lets in. */
function loadedGroups(ground: Ground, info: Info): Fact {
  const { known, unknown } = factMaker(ground);
  const { authorized } = loadedBy(info, ground.system);
  return authorized
    ? known('config.loaded-groups', authorized, info.because)
    : unknown('config.loaded-groups', info.because);
}

/**
 * What the scheduler says it runs counts most, then the times: a file changed after the start can't have been loaded
 * by a scheduler that reads it at its start only.
 */
async function loaded(ground: Ground, info: Info, started: number | null, startedBy: string): Promise<Fact> {
  const { known, unknown } = factMaker(ground);
  const path = ground.config.scheduler.config;
  let file: TextFile | null;
  try {
    file = await ground.read(path);
  } catch (error) {
    return unknown('config.loaded', messageOf(error));
  }
  if (!file) return unknown('config.loaded', `${path}: no such file`);
  const { authorized, mode } = loadedBy(info, ground.system);
  const read = readSchedulerConfig(file.text, ground.system);
  if (authorized && read.valid) {
    const same =
      JSON.stringify([...authorized].sort()) === JSON.stringify([...read.authorized].sort()) &&
      (mode === null || mode === read.mode);
    return known('config.loaded', same, `${info.because}, ${path}`);
  }
  if (started === null) return unknown('config.loaded', 'neither the scheduler nor systemd says when it started');
  // systemd's time has whole seconds: a file written in the same second counts as loaded.
  return known('config.loaded', file.mtime < started + 1000, `${startedBy}, stat ${path}`);
}
