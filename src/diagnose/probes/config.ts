/**
 * What the scheduler's configuration file says about access (or, where it can't be read, the scheduler that runs), and the
 * one-line change that would authorise the pack's standard group. The file's text stays here: it may hold secrets, so only what decides about access goes on.
 */
import type { Fact } from '../../diagnosis.ts';
import { sha256 } from '../../digest.ts';
import { authorizeGroup, SpliceRefused, textOf } from '../../splice.ts';
import { factMaker, type Ground, messageOf, type Probe, type WholeFile } from '../ground.ts';
import { infoOf, loadedBy } from '../info.ts';
import { findGroups } from '../lookup.ts';
import { readSchedulerConfig } from '../scheduler-config.ts';

const ABOUT = ['config.valid', 'config.problem', 'config.hash', 'config.mtime', 'config.directory-lag'];
const ACCESS = [
  'access.mode',
  'access.authorized-groups',
  'access.standard-authorized',
  'access.group-ids',
  'access.local-groups',
  'config.splice',
];

export const config: Probe = {
  name: 'config',
  facts: [...ABOUT, ...ACCESS],
  needsUser: false,
  async run(_subject, ground) {
    const { known, unknown } = factMaker(ground);
    const path = ground.config.scheduler.config;
    let file: WholeFile | null;
    try {
      file = await ground.read(path);
    } catch (error) {
      const because = messageOf(error);
      return [...ABOUT.map(fact => unknown(fact, because)), ...(await asItRuns(ground, because))];
    }
    if (!file)
      return [
        known('config.valid', false, `${path}: no such file`),
        known('config.problem', 'there is no such file', path),
        ...ABOUT.slice(2).map(fact => unknown(fact, `${path}: no such file`)),
        ...(await asItRuns(ground, `${path}: no such file`)),
      ];
    const read = readSchedulerConfig(file.text, ground.system);
    const about: Fact[] = [
      known('config.valid', read.valid, path),
      known('config.problem', read.valid ? null : read.problem, path),
      known('config.hash', sha256(file.bytes), `sha256sum ${path}`),
      known('config.mtime', new Date(file.mtime).toISOString(), `stat ${path}`),
      known('config.directory-lag', read.valid ? read.directoryLag : null, path),
    ];
    return read.valid
      ? [...about, ...(await access(ground, read.mode, read.authorized, path)), spliceFact(ground, file.bytes, path)]
      : [...about, ...(await asItRuns(ground, `${path} is not valid: ${read.problem}`))];
  },
};

/** What decides about access, by whom or what says so. */
async function access(ground: Ground, mode: string, authorized: string[], source: string): Promise<Fact[]> {
  const { known } = factMaker(ground);
  return [
    known('access.mode', mode, source),
    known('access.authorized-groups', authorized, source),
    known('access.standard-authorized', authorized.includes(ground.config.scheduler.standardGroup), source),
    ...(await groupIds(ground, authorized)),
  ];
}

/**
 * Where the file says nothing, the scheduler that runs still lets in whom it let in before, and tells whom. The file is
 * not changed by that: no line is prepared for it.
 */
async function asItRuns(ground: Ground, because: string): Promise<Fact[]> {
  const { unknown } = factMaker(ground);
  const info = await infoOf(ground);
  const { mode, authorized } = loadedBy(info, ground.system);
  if (mode === null || authorized === null || !ground.system.config.modes.includes(mode))
    return ACCESS.map(fact => unknown(fact, because));
  return [
    ...(await access(ground, mode, authorized, `${info.because} (${because})`)),
    unknown('config.splice', because),
  ];
}

/** `name:gid` of every group that matters here, and which of them the local file holds. */
async function groupIds(ground: Ground, authorized: string[]): Promise<Fact[]> {
  const { known, unknown } = factMaker(ground);
  const { standardGroup } = ground.config.scheduler;
  const found = await findGroups(ground, [standardGroup, ...authorized]);
  if (found.state !== 'found')
    return [unknown('access.group-ids', found.source), unknown('access.local-groups', found.source)];
  return [
    known(
      'access.group-ids',
      found.value.map(g => `${g.name}:${g.gid}`),
      found.source,
    ),
    known(
      'access.local-groups',
      found.value.filter(g => g.local).map(g => g.name),
      ground.config.paths.group,
    ),
  ];
}

/** `[group, byte, sha256 after, insert, diff]` of the line that would authorise the standard group; null where it is. */
function spliceFact(ground: Ground, bytes: Buffer, path: string): Fact {
  const { known, unknown } = factMaker(ground);
  const group = ground.config.scheduler.standardGroup;
  try {
    const splice = authorizeGroup(textOf(bytes), group, path, ground.system.config.authorized.split('.'));
    return known('config.splice', [group, String(splice.at), sha256(splice.after), splice.insert, splice.diff], path);
  } catch (error) {
    return error instanceof SpliceRefused && error.reason === 'already-there'
      ? known('config.splice', null, `${path}: ${messageOf(error)}`)
      : unknown('config.splice', messageOf(error));
  }
}
