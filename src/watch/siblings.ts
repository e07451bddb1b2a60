/**
 * The names that rotation gives to a log: `log.1`, `log.2.gz`, `log-20260101`, `log-20260101-1700000000.gz`, `log.old`,
 * and with logrotate's `extension` `claw.1.log`. Pure: names and times in, an order out.
 */

export interface Sibling {
  name: string;
  packed: 'gz' | 'plain';
  /** How the name tells age; a smaller `age` is older. */
  by: 'number' | 'date' | 'other';
  age: string;
}

const NUMBER = /^[.-](\d{1,5})$/;
const DATE = /^[._-](\d{4}-?\d{2}-?\d{2}(?:[T._-]?\d{1,10}(?:[-:]?\d{2}){0,2})?|\d{10})$/;
const OTHER = /^[._-](?:old|bak|prev|previous)$/;
/** Never more than this many are looked at: whoever owns the directory can fill it. */
const MOST = 64;

/** The rotations of `base` among `names`. A packed file whose plain one is still there is left out: it is being made. */
export function siblingsOf(base: string, names: readonly string[]): Sibling[] {
  const there = new Set(names);
  const dot = base.lastIndexOf('.');
  const [stem, extension] = dot > 0 ? [base.slice(0, dot), base.slice(dot)] : [base, ''];
  const found: Sibling[] = [];
  for (const name of names) {
    if (name === base || !name.startsWith(stem)) continue;
    const gz = name.endsWith('.gz');
    const plain = gz ? name.slice(0, -3) : name;
    if (gz && (there.has(plain) || plain === base)) continue;
    let middle: string | null = null;
    if (plain.startsWith(base)) middle = plain.slice(base.length);
    else if (extension && plain.endsWith(extension)) middle = plain.slice(stem.length, -extension.length);
    const age = middle === null ? null : ageOf(middle);
    if (age) found.push({ name, packed: gz ? 'gz' : 'plain', ...age });
  }
  return found.sort((a, b) => (a.by === b.by ? compare(b.age, a.age) : 0)).slice(0, MOST);
}

function ageOf(middle: string): Pick<Sibling, 'by' | 'age'> | null {
  const number = NUMBER.exec(middle)?.[1];
  // `.1` is the youngest: the order of ages is the reverse of the order of numbers.
  if (number && number.length < 5) return { by: 'number', age: String(100_000 - Number(number)).padStart(6, '0') };
  const date = DATE.exec(middle)?.[1];
  if (date) return { by: 'date', age: date.replace(/[^\d]/g, '') };
  return OTHER.test(middle) ? { by: 'other', age: '' } : null;
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Oldest first: by name where all names tell age in the same way, else by time, since then only time compares. */
export function oldestFirst<T extends { sibling: Sibling; mtime: number }>(files: readonly T[]): T[] {
  const way = files[0]?.sibling.by;
  const byName = way !== 'other' && files.every(f => f.sibling.by === way);
  return [...files].sort((a, b) =>
    byName
      ? compare(a.sibling.age, b.sibling.age)
      : a.mtime - b.mtime || compare(a.sibling.age, b.sibling.age) || compare(a.sibling.name, b.sibling.name),
  );
}
