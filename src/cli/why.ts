/**
 * `readmit why USER`: the diagnosis now; of an address, why it has an incident. The probes run here, in this process, so that the answer comes where nothing
 * else runs; what only history knows is read from the database where there is one.
 */
import { isIP } from 'node:net';
import { addressKey, canonicalAddress } from '../addresses.ts';
import { type Config, inState, loadConfig } from '../config/config.ts';
import { packDirs, realGround } from '../diagnose/effects.ts';
import type { Fact } from '../diagnosis.ts';
import { orderExecutor } from '../execute/client.ts';
import { NotFound } from '../incident.ts';
import { userNames } from '../names.ts';
import { inWords, whyNow } from '../roles/ask.ts';
import { denialFacts } from '../roles/conduct/given-facts.ts';
import { compiledPacks } from '../rules/cache.ts';
import { makeParser } from '../rules/parser.ts';
import { historyFacts } from '../store/history.ts';
import { lastIncident } from '../store/incidents.ts';
import { openStoreToRead } from '../store/open.ts';
import { print, printJson } from './print.ts';

export async function why(asked: string, o: { config?: string; json?: boolean }): Promise<void> {
  const config = loadConfig(o.config);
  const user = canonicalAddress(asked) ?? asked;
  const { rules } = await compiledPacks(packDirs(config), config.userNames);
  const parse = makeParser(rules, userNames(config.userNames));
  const ground = realGround(config, {
    parse,
    requestMs: 900,
    ask: question =>
      orderExecutor(config.executor.socket, { v: 1, kind: 'shadow', user: question.user }, { timeoutMs: 800 }),
  });
  const answer = await whyNow(user, config, ground, given(config, user));
  if (o.json) printJson(answer);
  else print(inWords(answer));
}

/** What the logs and our own history know of this user or address. Without a database there is no history, and that is said. */
function given(config: Config, user: string): Fact[] {
  try {
    const store = openStoreToRead(inState(config, 'serve', 'readmit.db'));
    try {
      if (isIP(user)) {
        const looked = lastIncident(store, 'address', addressKey(user), config.host);
        return looked ? denialFacts(store, Date.now(), looked, null, config) : [];
      }
      return [
        ...historyFacts(store, Date.now(), config.host, user),
        ...denialFacts(store, Date.now(), null, user, config),
      ];
    } finally {
      store.close();
    }
  } catch (error) {
    if (!(error instanceof NotFound))
      process.stderr.write(`readmit: history is not read: ${(error as Error).message}\n`);
    return [];
  }
}
