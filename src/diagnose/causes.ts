/**
 * Causes are rules: YAML files of conditions over facts, with what is to be done, checked whole at load. A fact or a
 * field nobody knows is an error with its line; a rule's own examples are run by `checkCauses`.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { z } from 'zod';
import type { FactValue } from '../diagnosis.ts';
import { Usage } from '../incident.ts';
import { kept } from '../kept.ts';
import { faultLines, readYaml, SOME_ALIASES } from '../yaml-text.ts';
import { ConditionSchema, type Conditions, testAll } from './conditions.ts';
import { FactSet } from './fact-set.ts';
import { FACTS } from './probes.ts';

const word = z.string().regex(/^[a-z][a-z0-9-]*$/, 'small letters, digits and -');
const AdviceSpec = z.strictObject({
  to: z.enum(['user', 'administrator']),
  text: z.string().min(1),
  commands: z.array(z.string()).default([]),
  check: z.string(),
});
/** An action by name; every other key is one of its parameters. */
const ActionSpec = z
  .record(z.string(), z.string())
  .refine(spec => typeof spec.action === 'string', 'action: which one?');
const RemedySpec = z.union([
  z.strictObject({ plan: z.array(ActionSpec).min(1), advice: AdviceSpec.optional() }),
  z.strictObject({ tell: AdviceSpec }),
  z.strictObject({ advice: AdviceSpec }),
  z.strictObject({ none: z.string().min(1) }),
]);
const factValue = z.union([z.string(), z.number(), z.boolean(), z.array(z.string()), z.null()]);
const When = z.record(z.string(), ConditionSchema);

const CauseSpec = z.strictObject({
  cause: word,
  title: z.string().min(1),
  /** Whom it concerns: one person, everybody, or an address that nobody should be let in from. */
  kind: z.enum(['user', 'service', 'address']),
  /** Smaller is mended first. */
  order: z.number().int(),
  /** While it holds, plans for single people wait: nothing they'd give could be seen to work. */
  first: z.boolean().default(false),
  /** It keeps nobody out yet: whoever works again is done, though it still holds. It is named after whatever does. */
  latent: z.boolean().default(false),
  /** One set of conditions, or several of which one is enough. */
  when: z.union([When, z.array(When).min(1)]),
  /**
   * What shows it beside another cause that hides it, though alone it would show nothing: a full queue while the person
   * is turned away at the door.
   */
  beside: z.union([When, z.array(When).min(1)]).optional(),
  /** What to say when this fact rules it out. */
  refuses: z.record(z.string(), z.string()).default({}),
  remedy: RemedySpec,
  examples: z.strictObject({
    holds: z.array(z.record(z.string(), factValue)).min(1),
    fails: z.array(z.record(z.string(), factValue)).min(1),
    beside: z.array(z.record(z.string(), factValue)).min(1).optional(),
  }),
});
type CauseSpec = z.infer<typeof CauseSpec>;

/** A cause that can be looked for. `name` is pack and word: `openclaw/missing-group`. */
export type Cause = Omit<CauseSpec, 'cause' | 'when' | 'beside' | 'remedy'> & {
  name: string;
  file: string;
  /** Sets of conditions of which one is enough: alone, or beside a cause that holds by itself. */
  any: Conditions[];
  beside: Conditions[];
  remedy: CauseSpec['remedy'];
};

/** Action names a remedy may ask for; the actions themselves belong to another stage. */
const ACTIONS = ['group.add', 'config.authorize-group', 'service.restart', 'service.start', 'user.tell'];
/** What a text may name beside facts. */
export type Word = (typeof WORDS)[number];
const WORDS = ['user', 'key', 'standardGroup', 'unit', 'config', 'url', 'url6', 'userUrl', 'port'] as const;
/** Never suggested to anybody, in any words: it takes a protection away from the whole machine. */
const FORBIDDEN = [/\bsetenforce\s+0\b/i, /\bsetenforce\s+permissive\b/i, /SELINUX=(disabled|permissive)/i];

/**
 * Loads the causes of each pack directory, ours and a site's own; a later one of the same name replaces the earlier.
 * @throws Usage with `file:line: what is wrong`, all faults at once
 */
export function loadCauses(packDirs: readonly string[]): Cause[] {
  const faults: string[] = [];
  const causes = new Map<string, Cause>();
  for (const dir of packDirs)
    for (const file of causeFiles(dir)) {
      const cause = loadCause(file, basename(dir), faults);
      if (cause) causes.set(cause.name, cause);
    }
  if (faults.length > 0) throw new Usage(faults.join('\n'));
  return [...causes.values()].sort(
    (a, b) => Number(a.latent) - Number(b.latent) || a.order - b.order || (a.name < b.name ? -1 : 1),
  );
}

/** JSON Schema of a cause file, for editors: facts by name, so that one nobody answers is seen while it is typed. */
export function causeSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(CauseSpec, { io: 'input', unrepresentable: 'any' }) as Record<string, unknown>;
  const facts = { enum: [...FACTS].sort() };
  const named = (node: unknown): void => {
    if (node === null || typeof node !== 'object') return;
    // A record of conditions or of examples has facts for its keys.
    if ('propertyNames' in node && 'additionalProperties' in node && isOfFacts(node)) node.propertyNames = facts;
    for (const inner of Object.values(node)) named(inner);
  };
  const { when, beside, refuses, examples } = schema.properties as Record<string, unknown>;
  named([when, beside, refuses, examples]);
  return schema;
}

const isOfFacts = (node: object): node is { propertyNames: unknown } => 'propertyNames' in node;

/** The same, from what was kept of the same files the last time. @throws Usage as `loadCauses` */
export const knownCauses = (packDirs: readonly string[]): Cause[] =>
  kept(['causes', FORMAT, [...FACTS].join()], packDirs.flatMap(causeFiles), () => loadCauses(packDirs));

// Changes when the checks or the shape of a cause do, so that no old copy is taken for a new one.
const FORMAT = '2';

const causeFiles = (dir: string): string[] => {
  const folder = join(dir, 'causes');
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter(name => name.endsWith('.yaml'))
    .sort()
    .map(name => join(folder, name));
};

function loadCause(file: string, pack: string, faults: string[]): Cause | null {
  const text = readFileSync(file, 'utf8');
  const read = readYaml(text, SOME_ALIASES);
  if ('faults' in read) {
    faults.push(...faultLines(file, read.faults));
    return null;
  }
  const before = faults.length;
  const fault = (path: PropertyKey[], message: string): void => {
    faults.push(`${file}:${read.lineOf(path)}: ${path.join('.') || '(top)'}: ${message}`);
  };
  const parsed = CauseSpec.safeParse(read.value);
  if (!parsed.success) {
    for (const issue of parsed.error.issues) fault(issue.path, issue.message);
    return null;
  }
  const { cause, when, beside = [], ...rest } = parsed.data;
  checkNames(parsed.data, fault);
  if (basename(file, '.yaml') !== cause)
    fault(['cause'], `the file is called ${basename(file)}, so the cause should be ${basename(file, '.yaml')}`);
  return faults.length > before
    ? null
    : { ...rest, name: `${pack}/${cause}`, file, any: [when].flat(), beside: [beside].flat() };
}

/** Every fact and every field of a text must be known, every action must exist, and nothing dangerous is suggested. */
function checkNames(spec: CauseSpec, fault: (path: PropertyKey[], message: string) => void): void {
  const fact = (path: PropertyKey[], name: string): void => {
    if (!FACTS.has(name)) fault(path, `no probe answers ${name}${near(name)}`);
  };
  for (const key of ['when', 'beside'] as const) {
    const sets = spec[key];
    const each = Array.isArray(sets) ? sets.map((set, n) => [set, [key, n]] as const) : [[sets ?? {}, [key]] as const];
    for (const [conditions, path] of each) for (const name of Object.keys(conditions)) fact([...path, name], name);
  }
  if (spec.beside && !spec.examples.beside)
    fault(['examples'], 'beside: an example that shows it beside another cause');
  for (const name of Object.keys(spec.refuses)) fact(['refuses', name], name);
  for (const kind of ['holds', 'fails', 'beside'] as const)
    for (const [n, example] of (spec.examples[kind] ?? []).entries())
      for (const name of Object.keys(example)) fact(['examples', kind, n, name], name);
  if ('plan' in spec.remedy)
    for (const [n, { action }] of spec.remedy.plan.entries())
      if (!ACTIONS.includes(action!))
        fault(['remedy', 'plan', n, 'action'], `${action} is no action; known: ${ACTIONS.join(', ')}`);
  walkTexts({ title: spec.title, refuses: spec.refuses, remedy: spec.remedy }, [], (text, path) => {
    for (const name of text.matchAll(/\{([^}]*)\}/g))
      if (!(WORDS as readonly string[]).includes(name[1]!) && !FACTS.has(name[1]!))
        fault(path, `{${name[1]}} is neither a fact nor one of ${WORDS.join(', ')}`);
    if (FORBIDDEN.some(never => never.test(text))) fault(path, 'switching SELinux off is never suggested');
  });
}

function walkTexts(value: unknown, path: PropertyKey[], see: (text: string, path: PropertyKey[]) => void): void {
  if (typeof value === 'string') see(value, path);
  else if (value && typeof value === 'object')
    for (const [key, inner] of Object.entries(value)) walkTexts(inner, [...path, key], see);
}

/** The known fact of the same family that is written most like it. */
function near(name: string): string {
  const family = [...FACTS].filter(f => f.split('.')[0] === name.split('.')[0]);
  return family.length > 0 ? `; known there: ${family.sort().join(', ')}` : '';
}

/** A set of facts as an example writes it; `null` stands for a fact that could not be asked. */
const factsOf = (example: Record<string, FactValue>): FactSet =>
  new FactSet(
    Object.entries(example).map(([fact, value]) => ({ fact, value, known: value !== null, source: 'example', at: '' })),
  );

/** Runs every rule's own examples. @returns one line per example that does not do what it says */
export function checkCauses(causes: readonly Cause[]): string[] {
  return causes.flatMap(cause => {
    const holds = (example: Record<string, FactValue>, sets = cause.any): boolean =>
      sets.some(conditions => testAll(conditions, factsOf(example)).verdict === 'holds');
    return [
      ...(cause.examples.beside ?? []).flatMap((e, n) =>
        holds(e, cause.beside)
          ? []
          : [`${cause.file}: examples.beside.${n}: ${cause.name} is not shown beside another`],
      ),
      ...cause.examples.holds.flatMap((e, n) =>
        holds(e) ? [] : [`${cause.file}: examples.holds.${n}: ${cause.name} does not hold`],
      ),
      ...cause.examples.fails.flatMap((e, n) =>
        holds(e) ? [`${cause.file}: examples.fails.${n}: ${cause.name} holds`] : [],
      ),
    ];
  });
}
