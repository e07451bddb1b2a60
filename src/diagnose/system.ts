/**
 * What a pack says about its scheduler so that probes know where to ask: `system.yaml` beside the pack's other rules.
 * The probes themselves know no scheduler by name; another pack describes another one with the same keys.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { network } from '../config/values.ts';
import { Usage } from '../incident.ts';
import { faultLines, readYaml, SOME_ALIASES } from '../yaml-text.ts';

const path = z.string().regex(/^\/[!-~]*$/, 'a path that starts with /');
const keys = z.string().regex(/^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/, 'keys joined by dots, e.g. auth.mode');
/** A path below a home directory: plain names only, so that no step of it can lead out again. */
const below = z
  .string()
  .regex(/^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/, 'a relative path of plain names')
  .refine(p => !p.split('/').some(part => part === '..' || part === '.'), 'no . or .. in it');

const SystemSchema = z.strictObject({
  /** Where the scheduler's own configuration keeps what decides about access. */
  config: z.strictObject({
    mode: keys,
    modes: z.array(z.string()).min(1),
    authorized: keys,
    listen: keys.nullable(),
    /** Where the lag of the directory's copy stands, in seconds. */
    directoryLag: keys.nullable(),
  }),
  token: z.strictObject({ file: below, key: keys, user: z.string(), groups: z.string(), expires: z.string() }),
  http: z.strictObject({
    health: path,
    /** The body says it is well when this key has this value. */
    healthy: z.strictObject({ key: keys, value: z.string() }),
    info: path,
    /** Keys of the answer to `info`: when it started, what it loaded, how many jobs it may run and runs. */
    started: keys.nullable(),
    authorized: keys.nullable(),
    mode: keys.nullable(),
    slots: keys.nullable(),
    running: keys.nullable(),
  }),
  /** What the scheduler's processes are called in the logs of SELinux. */
  process: z.string().regex(/^[A-Za-z0-9_.-]+$/),
  /** Shell start files that may set a proxy, below the home directory. */
  profiles: z.array(below),
  /** What the client writes into its log beside a request, and what that shows. */
  hints: z.strictObject({ container: z.array(z.string().min(8)), proxy: z.array(z.string().min(8)) }),
  /** Networks that only containers have, in CIDR form. */
  containerNetworks: z.array(network),
});
export type System = z.infer<typeof SystemSchema>;

/** @throws Usage naming the file and the key */
export function loadSystem(packDir: string): System {
  const file = join(packDir, 'system.yaml');
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new Usage(
      `${file}: ${(error as NodeJS.ErrnoException).code ?? 'unreadable'}: a pack says here how its scheduler is asked`,
    );
  }
  const read = readYaml(text, SOME_ALIASES);
  if ('faults' in read) throw new Usage(faultLines(file, read.faults).join('\n'));
  const parsed = SystemSchema.safeParse(read.value);
  if (!parsed.success)
    throw new Usage(
      parsed.error.issues
        .map(i => `${file}:${read.lineOf(i.path)}: ${i.path.join('.') || '(top)'}: ${i.message}`)
        .join('\n'),
    );
  return parsed.data;
}

/** The value at `a.b.c` of plain data, or undefined. Own properties only. */
export function valueAt(data: unknown, dotted: string): unknown {
  let value = data;
  for (const key of dotted.split('.')) {
    if (value === null || typeof value !== 'object' || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}
