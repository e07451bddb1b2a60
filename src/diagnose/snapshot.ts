/**
 * The state of the scheduler's configuration and of the groups that matter, as it is now: what history is made of.
 * Small and cheap, because it is taken often. A group that could not be asked is left out, not reported as empty.
 */
import { sha256 } from '../digest.ts';
import type { Snapshot } from '../messages.ts';
import { membersOf } from './accounts.ts';
import { type Ground, messageOf } from './ground.ts';
import { findGroups, localUsers } from './lookup.ts';
import { readSchedulerConfig } from './scheduler-config.ts';

export async function snapshot(ground: Ground): Promise<Snapshot> {
  const config = await configNow(ground);
  const { standardGroup, elevatedGroups } = ground.config.scheduler;
  const wanted = [...new Set([standardGroup, ...elevatedGroups, ...(config?.authorizedGroups ?? [])])];
  const [found, users] = await Promise.all([findGroups(ground, wanted), localUsers(ground)]);
  const entries = found.state === 'found' && users.state === 'found' ? found.value : [];
  const people = users.state === 'found' ? users.value : [];
  return {
    v: 1,
    host: ground.config.host,
    at: new Date(ground.now()).toISOString(),
    config,
    groups: Object.fromEntries(
      entries.map(group => [group.name, membersOf(group, people).filter(name => name.length <= 64)]),
    ),
  };
}

async function configNow(ground: Ground): Promise<Snapshot['config']> {
  const path = ground.config.scheduler.config;
  const nowhere = { path, hash: '', valid: false, mtime: new Date(0).toISOString(), mode: null, authorizedGroups: [] };
  try {
    const file = await ground.read(path);
    if (!file) return { ...nowhere, problem: 'there is no such file' };
    const read = readSchedulerConfig(file.text, ground.system);
    const about = { path, hash: sha256(file.bytes), mtime: new Date(file.mtime).toISOString() };
    return read.valid
      ? { ...about, valid: true, problem: null, mode: read.mode, authorizedGroups: read.authorized }
      : { ...about, valid: false, problem: read.problem.slice(0, 1000), mode: null, authorizedGroups: [] };
  } catch (error) {
    return { ...nowhere, problem: messageOf(error) };
  }
}
