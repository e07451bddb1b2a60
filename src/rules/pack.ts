/**
 * Packs of rules, from YAML to rules that run. A pack is a directory with `logs.yaml` (the patterns) and `detect.yaml`
 * (what each event is to the detector). Everything is checked here, once: unknown keys, templates that could be read in
 * two ways, patterns without examples; each fault names file and line.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { EVENTS, type EventName, MEANINGS, type Meaning, Usage } from '../incident.ts';
import { USUAL_NAMES, type UserNames, userNames } from '../names.ts';
import { faultLines, readYaml, SOME_ALIASES } from '../yaml-text.ts';
import { type FieldTypes, fieldTypes } from './fields.ts';
import { packDirs } from './files.ts';
import type { Rule } from './rule.ts';
import { LEAST_LITERAL, longestLiteral, parseTemplate, TemplateError } from './template.ts';

const name = z.string().regex(/^[a-z][a-z0-9-]{0,63}$/, 'a name of a-z, 0-9 and -');

const Fields = z.strictObject({
  user: z.string().optional(),
  ip: z.string().optional(),
  endpoint: z.string().optional(),
  time: z.iso.datetime().optional(),
});

const PatternSpec = z.strictObject({
  name,
  log: z.enum(['server', 'client']),
  event: z.enum(EVENTS),
  line: z.string(),
  where: z
    .record(z.string().regex(/^[a-z][a-z0-9_]*(\.[^.]+)+$/, 'the json field and a key: body.error'), z.string())
    .default({}),
  matches: z
    .array(z.strictObject({ line: z.string(), fields: Fields }))
    .min(1, 'at least one line that must match, with its fields'),
  rejects: z.array(z.string()).min(1, 'at least one line that must not match'),
});
const LogsSpec = z.strictObject({ pack: name, patterns: z.array(PatternSpec).min(1) });

const DetectSpec = z.strictObject({ pack: name, events: z.partialRecord(z.enum(EVENTS), z.enum(MEANINGS)) });

/** JSON Schemas of `logs.yaml` and `detect.yaml`, for editors. */
export const packSchemas = (): Record<'logs' | 'detect', unknown> => ({
  logs: z.toJSONSchema(LogsSpec, { io: 'input', unrepresentable: 'any' }),
  detect: z.toJSONSchema(DetectSpec, { io: 'input', unrepresentable: 'any' }),
});

/** A pattern as it is written, and where. */
export type RuleSpec = z.infer<typeof PatternSpec> & { file: string; at: number; pack: string };

export interface Pack {
  name: string;
  dir: string;
  specs: RuleSpec[];
  rules: Rule[];
  events: Partial<Record<EventName, Meaning>>;
}

/**
 * Loads the packs below each directory (or the one that it is), in order.
 * @param names how people are called here: a template must be read in one way only with such names too
 * @throws Usage with `file:line: what is wrong`, all faults at once
 */
export function loadPacks(roots: readonly string[], names: UserNames = userNames(USUAL_NAMES)): Pack[] {
  const faults: string[] = [];
  const types = fieldTypes(names);
  const packs = packDirs(roots).map(dir => loadPack(dir, types, faults));
  if (faults.length) throw new Usage(faults.join('\n'));
  return packs as Pack[];
}

function loadPack(dir: string, types: FieldTypes, faults: string[]): Pack | null {
  const logs = readFile(join(dir, 'logs.yaml'), LogsSpec, faults);
  const detectFile = join(dir, 'detect.yaml');
  const detect = existsSync(detectFile) ? readFile(detectFile, DetectSpec, faults) : null;
  if (!logs) return null;
  const { pack, patterns } = logs.value;
  if (detect && detect.value.pack !== pack)
    faults.push(`${detectFile}:1: pack: is ${detect.value.pack}, but logs.yaml says ${pack}`);
  const specs = patterns.map(
    (spec, i): RuleSpec => ({ ...spec, pack, file: logs.file, at: logs.lineOf(['patterns', i]) }),
  );
  const seen = new Set<string>();
  const rules = specs.flatMap((spec, i) => {
    if (seen.has(spec.name))
      faults.push(`${spec.file}:${spec.at}: ${spec.name}: there is another pattern of this name`);
    seen.add(spec.name);
    const place = (key: string[]): string => `${logs.file}:${logs.lineOf(['patterns', i, ...key])}: ${spec.name}: `;
    return compile(spec, types, place, faults) ?? [];
  });
  return { name: pack, dir, specs, rules, events: detect?.value.events ?? {} };
}

/** Written → compiled. Faults are added to the list with their place. */
function compile(spec: RuleSpec, types: FieldTypes, place: (key: string[]) => string, faults: string[]): Rule | null {
  const attempt = <T>(key: string[], parse: () => T): T | null => {
    try {
      return parse();
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      faults.push(place(key) + error.message);
      return null;
    }
  };
  const before = faults.length;
  const parts = attempt(['line'], () => parseTemplate(spec.line, types));
  const where = Object.entries(spec.where).map(([path, template]) => {
    attempt(['where', path], () => parseTemplate(template, types));
    return { path: path.split('.'), template };
  });
  if (!parts) return null;
  if (Buffer.byteLength(longestLiteral(parts)) < LEAST_LITERAL)
    faults.push(`${place(['line'])}needs a piece of fixed text of at least ${LEAST_LITERAL} characters to be found by`);
  const json = parts.flatMap(part => ('field' in part && part.type === 'json' ? [part.field] : []));
  for (const { path } of where)
    if (!json.includes(path[0]!))
      faults.push(`${place(['where'])}${path.join('.')}: the line has no field {${path[0]}:json}`);
  if (json.length && !where.length) faults.push(`${place(['line'])}a json field needs conditions (where:)`);
  return faults.length > before
    ? null
    : { pack: spec.pack, name: spec.name, log: spec.log, event: spec.event, line: spec.line, where };
}

interface Read<T> {
  value: T;
  file: string;
  lineOf: (path: PropertyKey[]) => number;
}

function readFile<T>(file: string, schema: z.ZodType<T>, faults: string[]): Read<T> | null {
  const read = readYaml(readFileSync(file, 'utf8'), SOME_ALIASES);
  if ('faults' in read) {
    faults.push(...faultLines(file, read.faults));
    return null;
  }
  const { lineOf } = read;
  const parsed = schema.safeParse(read.value);
  if (parsed.success) return { value: parsed.data, file, lineOf };
  for (const issue of parsed.error.issues) {
    const keys = issue.code === 'unrecognized_keys' ? issue.keys.map(key => [...issue.path, key]) : [issue.path];
    for (const path of keys)
      faults.push(
        `${file}:${lineOf(path)}: ${path.join('.') || '(top)'}: ${issue.code === 'unrecognized_keys' ? 'unknown key' : issue.message}`,
      );
  }
  return null;
}
