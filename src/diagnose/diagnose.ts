/**
 * Facts and causes → the diagnosis. Pure: the same facts give the same answer, whoever asks. It names the first cause to
 * be mended, every other one that holds, and why the rest is ruled out.
 */
import { portOf } from '../addresses.ts';
import type { Config } from '../config/config.ts';
import { userUrlOf } from '../config/scheduler.ts';
import type { Advice, Diagnosis, Evidence, Fact, Remedy } from '../diagnosis.ts';
import { shellWord } from '../shell-word.ts';
import type { Cause, Word } from './causes.ts';
import { type Conditions, test, testAll } from './conditions.ts';
import { FactSet } from './fact-set.ts';

export interface DiagnoseInput {
  /** A user; for a service or an address, its name. */
  user: string;
  /** All facts, the derived ones too. */
  facts: readonly Fact[];
  causes: readonly Cause[];
  config: Pick<Config, 'host' | 'scheduler'>;
}

/** What one cause came to. `open`: something it asks for could not be asked, so it is neither found nor ruled out. */
type Finding =
  | { kind: 'holds'; cause: Cause; conditions: Conditions; known: number; asked: number }
  /** It shows nothing by itself, but is there beside a cause that holds. */
  | { kind: 'beside'; cause: Cause; conditions: Conditions; known: number; asked: number; by: string }
  | { kind: 'ruled-out'; cause: Cause; by: string }
  | { kind: 'open'; cause: Cause; by: string };

export function diagnose(input: DiagnoseInput): Diagnosis {
  const facts = new FactSet(input.facts);
  const found = input.causes.map(cause => find(cause, facts));
  const alone = !found.some(f => f.kind === 'holds');
  const findings = found.map(f => (alone && f.kind === 'beside' ? ruledOutBy(f) : f));
  const holding = findings.filter(f => f.kind === 'holds' || f.kind === 'beside');
  const [first, ...others] = holding;
  const say: Say = (text, as) => fill(text, input, facts, as);
  const ruledOut = findings.flatMap(f =>
    f.kind === 'ruled-out' ? [{ cause: f.cause.name, because: because(f.cause, f.by, facts, say) }] : [],
  );
  const open = findings.filter(f => f.kind === 'open');
  return {
    user: input.user,
    cause: first?.cause.name ?? null,
    title: first ? say(first.cause.title) : `why ${input.user} is denied could not be found out`,
    also: others.map(({ cause, conditions }) => ({
      cause: cause.name,
      title: say(cause.title),
      evidence: evidenceOf(conditions, facts),
    })),
    confidence: first ? Math.round((first.known / Math.max(1, first.asked)) * 100) / 100 : 0,
    evidence: first ? evidenceOf(first.conditions, facts) : told(facts),
    ruledOut,
    unknown: unknowns(input.facts, open),
    remedy: first
      ? withOthers(remedyOf(first.cause, say), first.cause, others, facts, say)
      : { kind: 'none', why: 'no known cause holds; somebody has to look at the facts' },
  };
}

/**
 * A configuration mended for somebody who also lacks the group would not let them in, so what else holds and can be
 * mended is mended in the same plan. Never while the service itself is the matter, never for a whole service, and
 * never for somebody whom the site's own list leaves out: they'd come in on the back of another change.
 */
function withOthers(remedy: Remedy, first: Cause, others: { cause: Cause }[], facts: FactSet, say: Say): Remedy {
  const kind = facts.value('denial.kind');
  if (remedy.kind !== 'plan' || first.first || kind === 'service' || kind === 'address' || isLeftOut(facts))
    return remedy;
  const more = others.map(o => remedyOf(o.cause, say)).flatMap(r => (r.kind === 'plan' ? r.actions : []));
  return more.length > 0 ? { ...remedy, more } : remedy;
}

/** Does the site's own list leave them out of the group that they lack? Of the standard one, where they lack none. */
function isLeftOut(facts: FactSet): boolean {
  const missing = facts.value('access.missing-group');
  const listed = facts.list('entitlement.groups');
  return typeof missing === 'string' && listed
    ? !listed.includes(missing)
    : facts.value('entitlement.listed') === false;
}

function find(cause: Cause, facts: FactSet): Finding {
  const tried = cause.any.map(conditions => ({ conditions, ...testAll(conditions, facts) }));
  const held = tried.find(t => t.verdict === 'holds');
  if (held) return { kind: 'holds', cause, conditions: held.conditions, known: held.known, asked: held.asked };
  const shown = cause.beside
    .map(conditions => ({ conditions, ...testAll(conditions, facts) }))
    .find(t => t.verdict === 'holds');
  if (shown) return { ...shown, kind: 'beside', cause, by: tried[0]!.by! };
  const unsure = tried.find(t => t.verdict === 'unknown');
  if (unsure) return { kind: 'open', cause, by: unsure.by! };
  return { kind: 'ruled-out', cause, by: tried[0]!.by! };
}

const ruledOutBy = ({ cause, by }: Extract<Finding, { kind: 'beside' }>): Finding => ({ kind: 'ruled-out', cause, by });

/** The facts that were known and meant something: a `not` that holds because nobody could say is no evidence. */
function evidenceOf(conditions: Conditions, facts: FactSet): Evidence[] {
  return Object.keys(conditions).flatMap(name => {
    const fact = facts.facts.get(name);
    return fact?.known && test(conditions[name]!, fact.value) === 'holds'
      ? [{ fact: name, value: fact.value, source: fact.source, at: fact.at }]
      : [];
  });
}

/** What decides about access, for whoever has to look where no cause holds. */
const DECIDING = [
  'account.exists',
  'groups.nss',
  'access.mode',
  'access.authorized-groups',
  'access.member-of',
  'config.valid',
  'config.problem',
  'config.loaded-groups',
  'scheduler.active',
  'scheduler.health4',
  'denial.event',
  'client.event',
];

/** The facts of those that are known; null is no news. */
const told = (facts: FactSet): Evidence[] =>
  DECIDING.flatMap(name => {
    const fact = facts.facts.get(name);
    return fact?.known && fact.value !== null
      ? [{ fact: name, value: fact.value, source: fact.source, at: fact.at }]
      : [];
  });

function because(cause: Cause, by: string, facts: FactSet, say: Say): string {
  const fact = facts.facts.get(by);
  const shown = Array.isArray(fact?.value) ? fact.value.join(', ') || 'none' : String(fact?.value);
  return `${cause.refuses[by] ? say(cause.refuses[by]) : `${by} is ${shown}`} (${fact?.source ?? 'unknown'})`;
}

/** Facts that another one, known to be false, leaves no question about: nobody is in a group that is not there. */
const MOOT: Record<string, string> = { 'directory.member': 'directory.standard-group' };

/** What couldn't be asked, and which causes stay open for it. */
function unknowns(facts: readonly Fact[], open: { cause: Cause; by: string }[]): { fact: string; because: string }[] {
  const missing = open
    .filter(f => !facts.some(fact => fact.fact === f.by))
    .map(f => ({ fact: f.by, because: `nobody was asked; ${f.cause.name} stays open` }));
  const settled = new Set(facts.filter(f => f.known && f.value === false).map(f => f.fact));
  return [...facts.filter(f => !f.known).map(f => ({ fact: f.fact, because: f.source })), ...missing].filter(
    (one, n, all) => !settled.has(MOOT[one.fact] ?? '') && all.findIndex(other => other.fact === one.fact) === n,
  );
}

/** A rule's text with names and facts put in; a command is for somebody's shell, and empty where it would name nothing. */
type Say = (text: string, as?: 'text' | 'command') => string;

function remedyOf(cause: Cause, say: Say): Remedy {
  const spec = cause.remedy;
  const advice = (a: Advice): Advice => ({
    to: a.to,
    text: say(a.text),
    commands: a.commands.map(command => say(command, 'command')).filter(Boolean),
    check: say(a.check, 'command'),
  });
  if ('plan' in spec) {
    const actions = spec.plan.map(({ action, ...params }) => ({
      action: action!,
      params: Object.fromEntries(Object.entries(params).map(([key, value]) => [key, say(value)])),
    }));
    return spec.advice ? { kind: 'plan', actions, advice: advice(spec.advice) } : { kind: 'plan', actions };
  }
  if ('tell' in spec) return { kind: 'tell', advice: advice(spec.tell) };
  if ('advice' in spec) return { kind: 'advice', advice: advice(spec.advice) };
  return { kind: 'none', why: say(spec.none) };
}

/**
 * Puts names and facts into a rule's text. What is not known is said so, never left as a hole; a command for something
 * that nobody knows is none. In a command a name is one word.
 */
function fill(
  text: string,
  { user: name, config }: DiagnoseInput,
  facts: FactSet,
  as: 'text' | 'command' = 'text',
): string {
  const user = as === 'command' ? shellWord(name) : name;
  const { standardGroup, unit, config: file, url, url6 } = config.scheduler;
  const words: Record<Word, string | null> = {
    user,
    key: user,
    standardGroup,
    unit,
    config: file,
    url,
    url6,
    userUrl: userUrlOf(config.host, config.scheduler),
    port: portOf(url),
  };
  let hollow = false;
  const filled = text.replace(/\{([^}]+)\}/g, (_, name: string) => {
    const value = Object.hasOwn(words, name) ? words[name as Word] : facts.value(name);
    if (value === undefined || value === null) {
      hollow = true;
      return 'unknown';
    }
    return Array.isArray(value) ? value.join(', ') || 'nothing' : String(value);
  });
  return hollow && as === 'command' ? '' : filled;
}
