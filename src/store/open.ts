/**
 * Opens the one SQLite file that is the truth: write-ahead log, full sync, schema brought up to date.
 * Statements are prepared once per text. `tx` is the only way to write several things together.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, statfsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync, type DatabaseSyncOptions, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { NotFound, Refused } from '../incident.ts';
import { checkRegular } from '../regular-file.ts';

export type Row = Record<string, string | number | null>;

/** A statement after which something may be due that was not. */
const SETS_DUE = /^\s*(?:INSERT|UPDATE)\b.*\b(?:incident|outbox)\b.*\bdue\b/s;

interface Prepared {
  statement: StatementSync;
  setsDue: boolean;
}

export class Store {
  readonly db: DatabaseSync;
  readonly #statements = new Map<string, Prepared>();
  #depth = 0;
  #dueSet = false;
  /** Counts up with every write by this process: what was read at the same number is still so. */
  writes = 0;
  /** Called after every outermost commit. */
  onCommit: () => void = () => {};

  constructor(db: DatabaseSync) {
    this.db = db;
  }

  #prepare(sql: string): Prepared {
    let prepared = this.#statements.get(sql);
    if (!prepared) {
      prepared = { statement: this.db.prepare(sql), setsDue: SETS_DUE.test(sql) };
      this.#statements.set(sql, prepared);
    }
    return prepared;
  }

  run(sql: string, ...values: SQLInputValue[]): { changes: number; id: number } {
    this.writes++;
    const { statement, setsDue } = this.#prepare(sql);
    if (setsDue) this.#dueSet = true;
    const { changes, lastInsertRowid } = statement.run(...values);
    return { changes: Number(changes), id: Number(lastInsertRowid) };
  }
  get<T = Row>(sql: string, ...values: SQLInputValue[]): T | undefined {
    return this.#prepare(sql).statement.get(...values) as T | undefined;
  }
  all<T = Row>(sql: string, ...values: SQLInputValue[]): T[] {
    return this.#prepare(sql).statement.all(...values) as T[];
  }

  /** Whether a time at which an incident or a row of the outbox is due was written since this was asked last. */
  takeDueSet(): boolean {
    const set = this.#dueSet;
    this.#dueSet = false;
    return set;
  }

  /** As `tx`, but the disk is not waited for: a power cut may take it back, whole, with all that came after it. */
  txUnsynced<T>(body: () => T): T {
    if (this.#depth > 0) return body();
    this.db.exec('PRAGMA synchronous = NORMAL');
    try {
      return this.tx(body);
    } finally {
      this.db.exec('PRAGMA synchronous = FULL');
    }
  }

  /** Everything in `body` or nothing; nested calls join the outer one. */
  tx<T>(body: () => T): T {
    if (this.#depth > 0) return body();
    this.db.exec('BEGIN IMMEDIATE');
    this.#depth = 1;
    try {
      const result = body();
      this.db.exec('COMMIT');
      this.#depth = 0;
      this.onCommit();
      return result;
    } catch (error) {
      this.#depth = 0;
      if (this.db.isTransaction) this.db.exec('ROLLBACK');
      throw error;
    }
  }

  close(): void {
    this.#statements.clear();
    this.db.close();
  }
}

const SCHEMA = join(import.meta.dirname, 'schema');
const VERSION = readdirSync(SCHEMA).filter(f => /^\d{3}\.sql$/.test(f)).length;

/** File systems on which two machines could open the file at once (statfs f_type): NFS, SMB, Lustre, GPFS, FUSE-borne ones excepted. */
const NETWORK_FILE_SYSTEMS = new Map([
  [0x6969, 'NFS'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x0bd00bd0, 'Lustre'],
  [0x47504653, 'GPFS'],
  [0x00c36400, 'Ceph'],
]);

/**
 * @param file the database; made with its directory (0700) when it isn't there
 * @throws Refused on a network file system, for a file that is no database, or a schema newer than this program
 */
export function openStore(file: string): Store {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const network = NETWORK_FILE_SYSTEMS.get(Number(statfsSync(dirname(file)).type) >>> 0);
  if (network) throw new Refused(`${dirname(file)} is on ${network}: the state directory must be on a local disk`);
  const db = opened(file, { timeout: 5000 }, db =>
    db.exec(
      'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON;',
    ),
  );
  // Counting comes back to the same pages: they are written into the database once in 16 MB of log, not once in 4.
  db.exec('PRAGMA cache_size = -8000; PRAGMA wal_autocheckpoint = 4000;');
  const store = new Store(db);
  migrate(store);
  return store;
}

/**
 * Opens it for reading beside a running `serve`, for the command line.
 * @throws NotFound when there is none yet, Refused when the file is none
 */
export function openStoreToRead(file: string): Store {
  if (!existsSync(file)) throw new NotFound(`${file}: no database yet; has readmit serve been started?`);
  // It lies in a directory of serve's, and whoever reads is root: what serve may have put there is not waited for.
  checkRegular(file, 'followed');
  const db = opened(file, { readOnly: true, timeout: 10_000 }, db => {
    db.exec('PRAGMA busy_timeout = 5000');
    if (!db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'journal'").get())
      throw new Error('it holds no tables of Readmit');
  });
  return new Store(db);
}

/** Opened, and looked into: a file that is no database says so only then. @throws Refused naming the file */
function opened(file: string, options: DatabaseSyncOptions, look: (db: DatabaseSync) => void): DatabaseSync {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(file, options);
    look(db);
    return db;
  } catch (error) {
    db?.close();
    throw new Refused(`${file} can't be read as Readmit's database: ${(error as Error).message}`);
  }
}

function migrate(store: Store): void {
  const version = Number(store.get<{ user_version: number }>('PRAGMA user_version')!.user_version);
  if (version > VERSION)
    throw new Refused(`the database has schema ${version}, this Readmit knows ${VERSION}: start the newer version`);
  for (let v = version + 1; v <= VERSION; v++)
    store.tx(() => {
      store.db.exec(readFileSync(join(SCHEMA, `${String(v).padStart(3, '0')}.sql`), 'utf8'));
      store.db.exec(`PRAGMA user_version = ${v}`);
    });
}
