/**
 * What the executor's socket carries, both ways: one request a connection, JSON lines, each parsed by a strict schema.
 * Anything that doesn't fit is refused with the reason before a word of it is believed.
 */
import { z } from 'zod';
import { Refused } from '../incident.ts';
import { CanaryResult, Order, OutcomeSchema } from '../messages.ts';

/** Longer lines are dropped, from either side. */
export const MAX_LINE = 1 << 20;
/** A nonce, and so the name of the file the peer creates to show its uid. */
export const NONCE = /^[0-9a-f]{64}$/;

const user = z.string().max(64);
const ShadowRequest = z.strictObject({ v: z.literal(1), kind: z.literal('shadow'), user });
const CanaryRequest = z.strictObject({ v: z.literal(1), kind: z.literal('canary'), user, since: z.number() });
const StatusRequest = z.strictObject({ v: z.literal(1), kind: z.literal('status') });

export const Request = z.discriminatedUnion('kind', [Order, ShadowRequest, CanaryRequest, StatusRequest]);
export type Request = z.infer<typeof Request>;

export const ShadowReply = z.strictObject({
  user,
  entry: z.enum(['there', 'missing']),
  password: z.enum(['usable', 'locked', 'empty', 'expired']).nullable(),
  account: z.enum(['valid', 'expired']).nullable(),
  expires: z.string().nullable(),
  source: z.string(),
});
export type ShadowReply = z.infer<typeof ShadowReply>;

export const StatusReply = z.strictObject({
  ok: z.boolean(),
  /** What keeps it from acting; empty when nothing does. */
  problem: z.string(),
  pid: z.number(),
  audit: z.strictObject({ file: z.string(), seq: z.number(), head: z.string() }),
  grantsThisHour: z.number(),
  grantsPerHour: z.number(),
  openRuns: z.number(),
});
export type StatusReply = z.infer<typeof StatusReply>;

/** First line, from the executor. */
export const Greeting = z.strictObject({ v: z.literal(1), nonce: z.string().regex(NONCE) });

export const Reply = z.union([
  z.strictObject({ started: z.string() }),
  z.strictObject({ outcome: OutcomeSchema }),
  z.strictObject({ shadow: ShadowReply }),
  z.strictObject({ canary: CanaryResult }),
  z.strictObject({ status: StatusReply }),
  z.strictObject({ refused: z.string() }),
  /** Not now: what was asked for has to be asked again. */
  z.strictObject({ again: z.string() }),
]);
export type Reply = z.infer<typeof Reply>;

/**
 * A line as it came in: the proof of who sent it, taken off, and the rest, not yet believed.
 * @throws Refused when it isn't an object with a proof
 */
export function openLine(line: string): { proof: string; body: unknown } {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new Refused('not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Refused('not an object');
  const { proof, ...body } = value as { proof?: unknown };
  if (typeof proof !== 'string' || !NONCE.test(proof)) throw new Refused('no proof of who sent it');
  return { proof, body };
}

/** @throws Refused naming the first thing that doesn't fit */
export function parseRequest(body: unknown): Request {
  const parsed = Request.safeParse(body);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const version = (body as { v?: unknown }).v;
  if (version !== 1)
    throw new Refused(`unknown-version: this executor speaks version 1, the order says ${JSON.stringify(version)}`);
  throw new Refused(`bad-request: ${issue!.path.join('.') || '(top)'}: ${issue!.message}`);
}
