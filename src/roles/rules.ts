/**
 * `readmit rules check` runs the examples of the packs; `readmit rules explain 'LINE'` says which pattern took a line, or
 * where the nearest one stopped and what it expected there. Both use the parser that the service uses.
 */
import { resolve } from 'node:path';
import type { Cause } from '../diagnose/causes.ts';
import { Usage } from '../incident.ts';
import { USUAL_NAMES, type UserNames, userNames } from '../names.ts';
import { ownRules } from '../rules/cache.ts';
import { type Fault, parseLine, runExamples } from '../rules/examples.ts';
import { explain } from '../rules/explain.ts';
import { loadPacks, type Pack } from '../rules/pack.ts';
import { LineParser } from '../rules/parser.ts';
import { visible } from '../visible.ts';
import type { RulesParts } from '../web/pages/rules.ts';

export interface RulesOptions {
  json?: boolean;
  stdout?: { write(text: string): unknown };
  stderr?: { write(text: string): unknown };
  /** Checks what else stands in a pack, its causes: faults of one directory. The diagnosis brings it. */
  checkCauses?: (packDir: string) => Fault[] | Promise<Fault[]>;
  /** Directories of packs; default: our own. */
  packDirs?: readonly string[];
  /** How people are called here. */
  names?: UserNames;
}

/** The packs as `serve` has them loaded, for the page: what they read, what they explain, and what they make of a line. */
export function loadedRules(packs: readonly Pack[], causes: readonly Cause[], names: UserNames): RulesParts {
  const parser = new LineParser(
    packs.flatMap(pack => pack.rules),
    { names },
  );
  const list = packs.map(pack => ({
    name: pack.name,
    patterns: pack.rules.map(({ name, log, event, line }) => ({ name, log, event, line })),
    causes: causes
      .filter(c => c.name.startsWith(`${pack.name}/`))
      .map(c => ({ name: c.name, title: c.title, remedy: remedyOf(c) })),
  }));
  return {
    list: () => list,
    explain: line => {
      const taken = parseLine(parser, line, null);
      if (!taken) return { kind: 'stopped', ...explain(parser, line) };
      const { event, log } = parser.rules[parser.rule]!;
      return { kind: 'taken', rule: taken.rule, event, log, fields: taken.fields };
    },
  };
}

function remedyOf({ remedy }: Cause): 'plan' | 'tell' | 'advice' | 'none' {
  if ('plan' in remedy) return 'plan';
  if ('tell' in remedy) return 'tell';
  return 'advice' in remedy ? 'advice' : 'none';
}

const usual = userNames(USUAL_NAMES);
const writeLine = (to: { write(text: string): unknown }, text: string): void => void to.write(`${text}\n`);

/**
 * Loads the packs and runs every example. Exit code 0: all as written; 1: an example fails; 2: a pack does not load.
 * @param packDirs a pack's directory, or one that holds several; empty: our own
 */
export async function rulesCheck(packDirs: readonly string[], options: RulesOptions = {}): Promise<number> {
  const { stdout = process.stdout, stderr = process.stderr } = options;
  try {
    const { names = usual } = options;
    const packs = loadPacks(packDirs.length ? packDirs : [ownRules()], names);
    // What comes with Readmit tells of people with usual names, a site's own pack of the site's.
    const run = runExamples(packs, pack => (resolve(pack.dir).startsWith(resolve(ownRules())) ? usual : names));
    const faults = [...run.faults];
    for (const pack of packs) faults.push(...((await options.checkCauses?.(pack.dir)) ?? []));
    if (options.json)
      writeLine(
        stdout,
        JSON.stringify({ packs: packs.map(pack => pack.name), patterns: run.patterns, examples: run.examples, faults }),
      );
    else
      writeLine(
        stdout,
        `${packs.map(pack => pack.name).join(', ') || 'no packs'}: ${run.patterns} patterns, ${run.examples} examples, ${faults.length} faults`,
      );
    for (const fault of faults) writeLine(stderr, `${fault.file}:${fault.line}: ${fault.pattern}: ${fault.problem}`);
    return faults.length ? 1 : 0;
  } catch (error) {
    if (!(error instanceof Usage)) throw error;
    if (options.json) writeLine(stdout, JSON.stringify({ error: error.message.split('\n') }));
    writeLine(stderr, error.message);
    return 2;
  }
}

/**
 * Explains one line. Exit code 0: a pattern took it; 1: none did; 2: the packs do not load.
 */
export async function rulesExplain(line: string, options: RulesOptions = {}): Promise<number> {
  const { stdout = process.stdout, stderr = process.stderr } = options;
  try {
    const { names = usual, packDirs = [] } = options;
    const packs = loadPacks(packDirs.length ? packDirs : [ownRules()], names);
    const parser = new LineParser(
      packs.flatMap(pack => pack.rules),
      { names },
    );
    const taken = parseLine(parser, line, null);
    if (taken) {
      const { event, log } = parser.rules[parser.rule]!;
      if (options.json) writeLine(stdout, JSON.stringify({ rule: taken.rule, event, log, fields: taken.fields }));
      else {
        const fields = Object.entries(taken.fields).map(([field, value]) => `  ${field}: ${visible(value)}`);
        writeLine(stdout, [`${taken.rule} takes it: ${event}, as a ${log} writes it`, ...fields].join('\n'));
      }
      return 0;
    }
    const stopped = explain(parser, line);
    if (options.json) writeLine(stdout, JSON.stringify({ rule: null, nearest: stopped }));
    else
      writeLine(
        stdout,
        `no pattern takes it; nearest is ${stopped.rule}\n  ${visible(line)}\n  at byte ${stopped.column}: expected ${stopped.expected}, found ${stopped.found}`,
      );
    return 1;
  } catch (error) {
    if (!(error instanceof Usage)) throw error;
    writeLine(stderr, error.message);
    return 2;
  }
}
