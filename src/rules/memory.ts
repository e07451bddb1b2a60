/**
 * Where everything lies in the memory that the search (`teddy.ts`) and the quick way through a pattern (`quick.ts`) work in.
 */

/** Room for the text of one call, in bytes. A line and the newline at its end lie in it whole. */
export const ROOM = (1 << 20) + (1 << 16) + 4096;

const PAGE = 65536;
/** Sixteen bytes to look at one by one, a list for each bucket, the literals. */
export const SCRATCH = 0;
export const LISTS = 64;
export const LITERALS = 128;
export const TEXT = 1 << 18;
/** Bytes that are read past the end of a range. */
export const BEHIND = 32;

/** After the text, for each line found: start, end, buckets, template (plus one), user, address, endpoint, nothing. */
export const FOUND = TEXT + ROOM + 64;
export const WIDTH = 32;
// A line that is found is at least four bytes long.
const FOUND_END = FOUND + (ROOM / 4 + 1) * WIDTH;

/** For each type of field that is looked up, which bytes it holds. */
export const HOLDS = Math.ceil(FOUND_END / PAGE) * PAGE;
const HOLDS_ROOM = 32 * 256;

/** What a memo remembers: rows of hash, place, length and value; and the bytes of the values. */
export const SLOTS = 1 << 15;
export const ROW = 16;
export const ARENA = 1 << 21;
const MEMO = SLOTS * ROW + ARENA + PAGE;
const MEMOS = HOLDS + HOLDS_ROOM;
const MOST_MEMOS = 3;
/** The rows of the n-th memo. */
export const rowsOf = (n: number): number => MEMOS + n * MEMO;
/** The bytes of the n-th memo; some more behind them may be read. */
export const arenaOf = (n: number): number => rowsOf(n) + SLOTS * ROW;

export const PAGES = Math.ceil((MEMOS + MOST_MEMOS * MEMO) / PAGE);
