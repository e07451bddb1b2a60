/**
 * One question, asked now: why is this person denied? The same probes, causes and plans that the service uses, without
 * it: `readmit why USER` works where nothing else runs.
 */
import { isIP } from 'node:net';
import type { Config } from '../config/config.ts';
import { type PlanInShort, planInShort } from '../desk.ts';
import { knownCauses } from '../diagnose/causes.ts';
import { collect } from '../diagnose/collect.ts';
import { diagnose } from '../diagnose/diagnose.ts';
import { packDirs } from '../diagnose/effects.ts';
import { type Ground, sharedGround } from '../diagnose/ground.ts';
import { snapshot } from '../diagnose/snapshot.ts';
import { type Advice, alsoSaid, type Diagnosis, type Fact } from '../diagnosis.ts';
import type { Snapshot } from '../messages.ts';
import { letsIn } from '../remedy/access-model.ts';
import { makePlan } from '../remedy/plan.ts';
import { visible } from '../visible.ts';
import { nothingInTheWay } from './conduct/given-facts.ts';

/**
 * All facts about a user (or, with null, about the service) and the state that history is made of.
 * @param given what the store knows: `denial.*`, `success.*`, `history.*`
 */
async function collectFacts(
  user: string | null,
  ground: Ground,
  given: readonly Fact[] = [],
  limitMs?: number,
): Promise<{ facts: Fact[]; snapshot: Snapshot }> {
  const shared = sharedGround(ground);
  const [facts, seen] = await Promise.all([
    collect(user, shared, given, limitMs === undefined ? {} : { limitMs }),
    snapshot(shared),
  ]);
  return { facts, snapshot: seen };
}

/** What `readmit why USER --json` prints. */
export interface Why {
  user: string;
  cause: string | null;
  title: string;
  also: Diagnosis['also'];
  confidence: number;
  evidence: Diagnosis['evidence'];
  ruledOut: Diagnosis['ruledOut'];
  unknown: Diagnosis['unknown'];
  plan?: PlanInShort;
  advice?: Advice;
}

/** How long somebody at a terminal waits for one probe (ms): what takes longer is said not to be known. */
const PATIENCE = 1200;

/**
 * Collects, diagnoses and plans. Changes nothing and offers nothing: the plan is what would be offered.
 * @param user a name, or an address that tried many names: `given` then says what it did
 * @throws Usage when the pack's rules don't load
 */
export async function whyNow(
  user: string,
  config: Config,
  ground: Ground,
  given: readonly Fact[] = [],
  limitMs: number = PATIENCE,
): Promise<Why> {
  const address = isIP(user) !== 0;
  // The system is asked while the causes are read.
  const asked = collectFacts(address ? null : user, ground, given, limitMs);
  asked.catch(() => {});
  const causes = knownCauses(packDirs(config)).filter(c => !address || c.kind === 'address');
  const { facts, snapshot: seen } = await asked;
  const diagnosis = diagnose({ user, facts, causes, config });
  const { cause, also, confidence, evidence, ruledOut, unknown } = diagnosis;
  const well = cause === null && (address || letsIn(facts).verdict === 'in');
  const title = !well ? diagnosis.title : address ? `nothing calls for a look at ${user}` : nothingInTheWay(user);
  const answer: Why = { user, cause, title, also, confidence, evidence, ruledOut, unknown };
  if (well) return answer;
  const { remedy } = diagnosis;
  switch (remedy.kind) {
    case 'plan': {
      const made = makePlan({
        incident: 'now',
        serial: 1,
        host: config.host,
        diagnosis,
        facts,
        snapshot: seen,
        config,
        now: ground.now(),
      });
      return 'refused' in made
        ? { ...answer, advice: forAdministrators(`No plan is offered: ${made.refused}`) }
        : { ...answer, plan: planInShort(made) };
    }
    case 'tell':
    case 'advice':
      return { ...answer, advice: remedy.advice };
    case 'none':
      return { ...answer, advice: forAdministrators(remedy.why) };
    default:
      return remedy satisfies never;
  }
}

const forAdministrators = (text: string): Advice => ({ to: 'administrator', text, commands: [], check: '' });

/** The same for a terminal: the answer first, then what it rests on. Text from outside shows its escapes. */
export function inWords(why: Why): string {
  const value = (v: unknown): string => (Array.isArray(v) ? v.join(', ') || 'none' : String(v));
  const part = (name: string, lines: string[]): string[] =>
    lines.length > 0 ? ['', name, ...lines.map(line => `  ${visible(line)}`)] : [];
  const { plan, advice } = why;
  return [
    visible(why.title),
    ...(why.cause ? [`cause: ${visible(why.cause)} (${Math.round(why.confidence * 100)} % of its facts known)`] : []),
    ...part(
      'Evidence',
      why.evidence.map(e => `${e.fact} = ${value(e.value)}   ${e.source}`),
    ),
    ...part('Also holds', why.also.map(alsoSaid)),
    ...part(
      'Plan',
      plan
        ? [
            plan.summary,
            ...plan.steps.flatMap(s => ('argv' in s ? [`$ ${s.argv.join(' ')}`] : s.diff.split('\n').filter(Boolean))),
            ...plan.notes,
          ]
        : [],
    ),
    ...part(
      'What to do',
      advice
        ? [advice.text, ...advice.commands.map(c => `$ ${c}`), ...(advice.check ? [`then: ${advice.check}`] : [])]
        : [],
    ),
    ...part(
      'Ruled out',
      why.ruledOut.map(r => `${r.cause}: ${r.because}`),
    ),
    ...part(
      'Not known',
      why.unknown.map(u => `${u.fact}: ${u.because}`),
    ),
  ].join('\n');
}
