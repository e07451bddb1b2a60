/**
 * Reads the approvers file: who may say yes, with which uid, roles and public keys. It is the root of all trust in
 * votes, so it is refused when anyone but root (or the process's own uid) could have written it.
 * Read anew for every decision: a right that was taken away counts from then on.
 */
import { z } from 'zod';
import { readGuarded } from '../guarded.ts';
import { Usage } from '../incident.ts';
import { ANY_SITE, isGroupName } from '../names.ts';
import { faultLines, PLAIN, readYaml } from '../yaml-text.ts';
import { passkeyKey } from './assertion.ts';

const key = z
  .string()
  .refine(
    text => /^[A-Za-z0-9+/]{43}=$/.test(text) && Buffer.from(text, 'base64').length === 32,
    'a raw ed25519 public key: 32 bytes in base64',
  );
const name = z.string().refine(ANY_SITE.fits, 'a name of letters, digits, _ . -');
const role = z.string().refine(isGroupName, 'a name of letters, digits, _ . -');

/** base64url as it is written when it is written from bytes. */
const credential = z
  .string()
  .max(1400)
  .refine(
    text => text !== '' && Buffer.from(text, 'base64url').toString('base64url') === text,
    "a passkey's id in base64url",
  );
const spki = z
  .string()
  .max(1400)
  .superRefine((text, context) => {
    try {
      passkeyKey(text);
    } catch (error) {
      context.addIssue({ code: 'custom', message: `a passkey's public key in base64: ${(error as Error).message}` });
    }
  });

const Approver = z.strictObject({
  name,
  uid: z.number().int().min(0),
  roles: z.array(role).min(1),
  mail: z.string().max(254).optional(),
  /** Who this person is to the site's identity provider: its `sub`. Without it nobody signs in as them over OIDC. */
  subject: z.string().min(1).max(255).optional(),
  keys: z.array(key).default([]),
  /** Passkeys whose votes count, where `policy.proof` is not `key`. */
  passkeys: z.array(z.strictObject({ id: credential, key: spki, label: z.string().max(80).optional() })).default([]),
});

const Approvers = z.strictObject({
  approvers: z.array(Approver).default([]),
  /** Public keys with which `serve` may sign for a signed-in person, where `policy.proof` is `session`. */
  session: z.strictObject({ keys: z.array(key).default([]) }).prefault({}),
});

export type Approver = z.infer<typeof Approver>;
export type Approvers = z.infer<typeof Approvers>;

/** What was read last, by file: to read it costs little, to parse it a tenth of the way from a vote to the act. */
const lastRead = new Map<string, { text: string; approvers: Approvers }>();

/**
 * @throws Usage with `file:line: key: what would be right`, all faults at once, and for a file or directory that
 * others could have written
 */
export function loadApprovers(file: string, uid: number = process.getuid?.() ?? 0): Approvers {
  const text = readGuarded(file, 'it names who may approve', uid);
  const last = lastRead.get(file);
  if (last?.text === text) return last.approvers;
  const approvers = frozen(parseApprovers(text, file));
  lastRead.set(file, { text, approvers });
  return approvers;
}

/** One object for all who ask: nobody may change who approves. */
function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) for (const part of Object.values(Object.freeze(value))) frozen(part);
  return value;
}

/** The same for a text in hand; `file` is only used for messages. @throws Usage */
export function parseApprovers(text: string, file: string): Approvers {
  const read = readYaml(text, PLAIN);
  if ('faults' in read) throw new Usage(faultLines(file, read.faults).join('\n'));
  const { lineOf } = read;
  const parsed = Approvers.safeParse(read.value ?? {});
  if (!parsed.success)
    throw new Usage(
      parsed.error.issues
        .map(i => `${file}:${lineOf(i.path)}: ${i.path.join('.') || '(top)'}: ${i.message}`)
        .join('\n'),
    );
  const faults = doubles(parsed.data).map(
    ({ path, message }) => `${file}:${lineOf(path)}: ${path.join('.')}: ${message}`,
  );
  if (faults.length) throw new Usage(faults.join('\n'));
  return parsed.data;
}

/** One person with two entries could vote twice; one key for two people could not tell them apart. */
function doubles({ approvers, session }: Approvers): { path: PropertyKey[]; message: string }[] {
  const found: { path: PropertyKey[]; message: string }[] = [];
  const seen = new Map<string, string>();
  const once = (id: string, owner: string, path: PropertyKey[], message: string): void => {
    if (seen.has(id)) found.push({ path, message: `${message} ${seen.get(id)} already` });
    else seen.set(id, owner);
  };
  for (const [n, a] of approvers.entries()) {
    once(`name ${a.name}`, `entry ${n + 1}`, ['approvers', n, 'name'], `${a.name} is`);
    once(`uid ${a.uid}`, a.name, ['approvers', n, 'uid'], `uid ${a.uid} is`);
    for (const [m, k] of a.keys.entries()) once(`key ${k}`, a.name, ['approvers', n, 'keys', m], 'this key belongs to');
    for (const [m, { id, key: k }] of a.passkeys.entries()) {
      once(`passkey ${id}`, a.name, ['approvers', n, 'passkeys', m], 'this passkey belongs to');
      once(`passkey ${k}`, a.name, ['approvers', n, 'passkeys', m], 'this public key belongs to');
    }
    if (a.subject !== undefined)
      once(`subject ${a.subject}`, a.name, ['approvers', n, 'subject'], 'this subject belongs to');
  }
  for (const [m, k] of session.keys.entries())
    once(`key ${k}`, 'the session', ['session', 'keys', m], 'this key belongs to');
  return found;
}
