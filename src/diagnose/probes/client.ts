/**
 * What the user's own client saw last, by the last lines of its log. It may speak for its owner only, and it counts
 * as what the user wrote, not as what the scheduler did.
 */
import type { ParsedLine } from '../../incident.ts';
import { factMaker, messageOf, type Probe } from '../ground.ts';
import { accountOf } from '../lookup.ts';

export const client: Probe = {
  name: 'client',
  facts: ['client.event', 'client.at', 'client.container', 'client.proxy'],
  needsUser: true,
  async run({ user }, ground) {
    const { known, unknown } = factMaker(ground);
    const cannot = (because: string) => this.facts.map(fact => unknown(fact, because));
    if (!ground.config.watch.homes) return cannot('client logs are switched off');
    if (!ground.parse) return cannot('no pattern for client logs was given');
    const who = await accountOf(ground, user!);
    if (who.state !== 'found') return cannot(who.source);
    const below = ground.config.watch.clientLog;
    const source = `tail ~${user}/${below}`;
    try {
      const file = await ground.readHome({ path: who.value.home, uid: who.value.uid }, below, true);
      if (!file) return cannot(`~${user}/${below}: no such file`);
      const bytes = Buffer.from(file.text.slice(0, file.text.lastIndexOf('\n') + 1));
      const events: ParsedLine[] = [];
      // The parser may use its line again, so what it says is copied.
      ground.parse(bytes, 0, bytes.length, { kind: 'client', owner: user }, line => void events.push({ ...line }));
      const seen = events.at(-1);
      if (!seen) return cannot(`${source}: nothing in it that a pattern knows`);
      // The client's clock is the user's: a time that lies ahead of us is not believed.
      const at = Math.min(seen.time ?? file.mtime, ground.now());
      const { container, proxy } = ground.system.hints;
      const written = beside(bytes, seen, [...container, ...proxy]);
      const says = (hints: string[]): boolean => written.some(line => hints.some(hint => line.includes(hint)));
      return [
        known('client.event', seen.event, source),
        known('client.at', new Date(at).toISOString(), source),
        known('client.container', says(container), source),
        known('client.proxy', says(proxy), source),
      ];
    } catch (error) {
      return cannot(messageOf(error));
    }
  },
};

/** The hints that the client wrote for that very request: the lines right above it, as far as each of them is one. */
function beside(bytes: Buffer, line: ParsedLine, hints: string[]): string[] {
  const above = bytes.toString('utf8', 0, line.start).split('\n').slice(0, -1);
  const other = above.findLastIndex(text => !hints.some(hint => text.includes(hint)));
  return above.slice(other + 1);
}
