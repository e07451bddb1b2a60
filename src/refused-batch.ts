/**
 * A batch that does not fit. Whoever refuses it tells its agent so, and the agent sends what does fit over the same bytes:
 * one line that nobody thought of must not hold up those that come after it.
 */
import { z } from 'zod';
import { type AgentMessage, type Batch, StrangeLine, TallySchema } from './messages.ts';
import { LONGEST_NAME } from './names.ts';

/** So much of a batch must be right for its agent to be told. One of another version waits until both sides are of one. */
const Head = z.object({
  v: z.literal(1),
  host: z.string().min(1).max(LONGEST_NAME),
  source: z.object({ id: z.string().max(200) }),
  from: z.number().int().nonnegative(),
  to: z.number().int().nonnegative(),
  stripped: z.boolean().optional(),
});

const LONGEST_REASON = 500;

/** What its agent is told of a batch that was refused; null where nobody can be told. */
export function refusalOf(data: unknown, reason: string): { host: string; message: AgentMessage } | null {
  const head = Head.safeParse(data);
  if (!head.success) return null;
  const { host, source, from, to, stripped = false } = head.data;
  const told = { v: 1 as const, source: source.id, from, to, stripped, reason: reason.slice(0, LONGEST_REASON) };
  return { host, message: { name: 'refused', data: told } };
}

/** The same batch with what fits of it. */
export function stripped(batch: Batch): Batch {
  const { strange, ...rest } = batch;
  const { path, owner } = batch.source;
  const source = { ...batch.source, path: path.slice(0, 4096), owner: owner?.slice(0, LONGEST_NAME) ?? null };
  return {
    ...rest,
    source,
    ...(StrangeLine.safeParse(strange).success ? { strange } : {}),
    tallies: batch.tallies.filter(tally => TallySchema.safeParse(tally).success),
    stripped: true,
  };
}
