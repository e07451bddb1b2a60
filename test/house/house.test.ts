/** The house: imports point one way, stages meet only in roles, effects live in named files, no circle, no drawers. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const SRC = resolve(import.meta.dirname, '../../src');
const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter(f => f.endsWith('.ts'))
  .sort();
const text = new Map(files.map(f => [f, readFileSync(join(SRC, f), 'utf8')]));

interface Import {
  from: string;
  to: string;
  typeOnly: boolean;
}
const imports: Import[] = files.flatMap(from =>
  [
    ...text.get(from)!.matchAll(/^\s*(?:import|export)\s+(type\s)?[^;]*?from\s+'(\.[^']+)'|import\('(\.[^']+)'\)/gm),
  ].map(m => ({
    from,
    to: relative(SRC, resolve(SRC, dirname(from), (m[2] ?? m[3])!)),
    typeOnly: m[1] !== undefined,
  })),
);
const room = (file: string): string => (file.includes('/') ? file.split('/')[0]! : 'hall');

/** Below everything: the nouns in the hall, and the configuration. */
const ground = (file: string): boolean => ['hall', 'config'].includes(room(file));
/** The stages of the work; they share what is below them and nothing else. */
const STAGES = [
  'rules',
  'watch',
  'detect',
  'diagnose',
  'remedy',
  'approve',
  'execute',
  'notify',
  'report',
  'store',
  'queue',
  'web',
];
/** Joined in roles/, which the command line starts. */
const ABOVE: Record<string, string[]> = { hall: ['cli'], cli: [], roles: ['cli'] };

describe('the house', () => {
  it('has every imported file', () => {
    expect(imports.filter(i => !text.has(i.to))).toEqual([]);
  });

  it('keeps stages apart: they meet only in roles', () => {
    const trespasses = imports.filter(
      i => STAGES.includes(room(i.from)) && room(i.to) !== room(i.from) && !ground(i.to),
    );
    expect(trespasses.map(i => `${i.from} → ${i.to}`)).toEqual([]);
  });

  it('keeps the hall and the configuration below everything', () => {
    const trespasses = imports.filter(i => ground(i.from) && i.from !== 'main.ts' && !ground(i.to));
    expect(trespasses.map(i => `${i.from} → ${i.to}`)).toEqual([]);
  });

  it('lets nothing import the command line, and only the command line import roles', () => {
    const trespasses = imports.filter(
      i =>
        (room(i.to) === 'cli' && !['cli', 'hall'].includes(room(i.from))) ||
        (room(i.to) === 'roles' && !['roles', 'cli'].includes(room(i.from))) ||
        i.to === 'main.ts',
    );
    expect(trespasses.map(i => `${i.from} → ${i.to}`)).toEqual([]);
    expect(ABOVE.roles).toContain('cli');
  });

  it('has no circle', () => {
    const graph = new Map<string, string[]>();
    for (const i of imports.filter(i => !i.typeOnly)) graph.set(i.from, [...(graph.get(i.from) ?? []), i.to]);
    const done = new Set<string>();
    const circles: string[] = [];
    const visit = (file: string, path: string[]): void => {
      const at = path.indexOf(file);
      if (at >= 0) return void circles.push([...path.slice(at), file].join(' → '));
      if (done.has(file)) return;
      for (const next of graph.get(file) ?? []) visit(next, [...path, file]);
      done.add(file);
    };
    for (const file of files) visit(file, []);
    expect(circles).toEqual([]);
  });

  it('starts programs in one place only', () => {
    const spawners = files.filter(f => /from 'node:child_process'/.test(text.get(f)!));
    expect(spawners).toEqual(['cli/demo.ts', 'command.ts', 'queue/embedded-redis.ts', 'roles/up.ts']);
  });

  it('reads YAML through one door, which knows what to say of tags and aliases', () => {
    const readers = files.filter(f => /\b(parse|parseDocument|parseAllDocuments)\b[^;]*from 'yaml'/.test(text.get(f)!));
    // These write in a file of somebody else's, or ask only whether it can be read at all.
    expect(readers).toEqual(['cli/approvers.ts', 'execute/service.ts', 'splice.ts', 'yaml-text.ts']);
  });

  it('reads the environment in one place only', () => {
    const readers = files.filter(f => /process\.env\b/.test(text.get(f)!));
    expect(readers).toEqual(['environment.ts']);
  });

  it('never asks whether it is being tested or demonstrated', () => {
    expect(
      files.filter(f => /NODE_ENV|VITEST|process\.env\.(TEST|CI|DEMO|PRACTICE)|isTest|isDemo/.test(text.get(f)!)),
    ).toEqual([]);
  });

  it('has no drawers', () => {
    expect(
      files.filter(f =>
        /(^|\/)(utils?|helpers?|common|misc|shared|lib|types|interfaces|services|managers?)(\/|\.ts$)/.test(f),
      ),
    ).toEqual([]);
  });

  it('tells in the first lines of each file what it is', () => {
    expect(files.filter(f => !/^(#!.*\n)?\/\*\*/.test(text.get(f)!))).toEqual([]);
  });

  it('writes the state of an incident behind one door', () => {
    const writers = files.filter(f => /UPDATE incident SET[^;]*\bstate\s*=/.test(text.get(f)!));
    expect(writers).toEqual(['store/incidents.ts']);
  });
});
