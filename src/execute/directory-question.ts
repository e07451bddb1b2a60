/**
 * What the executor and its directory helper say to each other: one question on the helper's standard input, one answer on
 * its standard output, both JSON and both checked. No password crosses here: the helper reads it from its file.
 */
import { z } from 'zod';

const dn = z.string().max(2000);
const count = z.number().int();

export const Question = z.strictObject({
  v: z.literal(1),
  what: z.enum(['look', 'add', 'delete']),
  /** `directory.ldap` of the root-owned configuration. */
  ldap: z.strictObject({
    url: z.string(),
    startTls: z.boolean(),
    caFile: z.string().nullable(),
    bindDn: dn,
    passwordFile: z.string(),
    base: dn,
    groupBase: dn.nullable(),
    userBase: dn.nullable(),
    memberAttribute: z.enum(['memberUid', 'member', 'uniqueMember']),
    groupFilter: z.string(),
    userFilter: z.string(),
    userAttribute: z.string(),
    timeout: z.number().positive(),
  }),
  group: z.string(),
  user: z.string(),
  /** For a change: the entry it was approved for. */
  dn,
  value: dn,
});
export type Question = z.infer<typeof Question>;

const why = z.string().max(1000);
export const Answer = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('seen'),
    entry: z.strictObject({ dn, gid: count.nullable() }).nullable(),
    person: z.strictObject({ dn, uid: count.nullable() }).nullable(),
    /** Does the group have the value; null where there is no such group. */
    member: z.boolean().nullable(),
  }),
  /** `already`: the server said that it is so already. `member` is what was read afterwards; null: it could not be. */
  z.strictObject({
    kind: z.literal('changed'),
    result: z.enum(['done', 'already', 'refused', 'lost']),
    member: z.boolean().nullable(),
    why,
  }),
  /** `away`: nothing was sent. `refused`: the directory, or the helper itself, said no. */
  z.strictObject({ kind: z.literal('away'), why }),
  z.strictObject({ kind: z.literal('refused'), why }),
]);
export type Answer = z.infer<typeof Answer>;
