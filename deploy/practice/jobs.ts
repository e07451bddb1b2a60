/**
 * Jobs and queue slots of the practice scheduler. A job's command is never given to a shell: `echo` yields its words,
 * `sleep N` takes N seconds, anything else ends at once. Jobs are kept in a file, so that a restart still knows them;
 * what was running when the scheduler ended has failed.
 */
import { readFileSync, renameSync } from 'node:fs';
import type { Job } from './job-file.ts';
import { type Layout, put } from './layout.ts';

export interface JobRecord {
  id: string;
  user: string;
  status: 'RUNNING' | 'COMPLETED' | 'CANCELLED' | 'FAILED';
  command: string;
  output: string;
  submitted: string;
}

const KEPT = 200;
/** The article's first job is test-fix-456. */
const FIRST = 456;

export class Jobs {
  readonly slots: number;
  #records: JobRecord[] = [];
  #next = FIRST;
  #timers = new Map<string, NodeJS.Timeout>();
  #saving: NodeJS.Timeout | null = null;
  #file: string;
  #completed: (id: string) => void;

  constructor(at: Layout, slots: number, completed: (id: string) => void) {
    this.slots = slots;
    this.#file = at.jobs;
    this.#completed = completed;
    try {
      const kept = JSON.parse(readFileSync(this.#file, 'utf8')) as { next: number; jobs: JobRecord[] };
      this.#next = kept.next;
      this.#records = kept.jobs.map(job => (job.status === 'RUNNING' ? { ...job, status: 'FAILED' } : job));
    } catch {}
  }

  get running(): number {
    return this.#timers.size;
  }

  /** @returns null when every slot is taken */
  submit(user: string, job: Job): JobRecord | null {
    if (this.running >= this.slots) return null;
    const [word = '', ...rest] = job.command.trim().split(/\s+/);
    const record: JobRecord = {
      id: `${job.name}-${this.#next++}`,
      user,
      status: 'RUNNING',
      command: job.command,
      output: word === 'echo' ? `${rest.join(' ').replace(/^(["'])(.*)\1$/, '$2')}\n` : '',
      submitted: new Date().toISOString(),
    };
    this.#records.push(record);
    const seconds = word === 'sleep' ? Number(rest[0]) || 0 : 0;
    const ms = Math.min(seconds * 1000 + 5, 2 ** 31 - 1);
    this.#timers.set(
      record.id,
      setTimeout(() => this.#end(record, 'COMPLETED'), ms),
    );
    this.#save();
    return record;
  }

  find(id: string): JobRecord | undefined {
    return this.#records.find(job => job.id === id);
  }

  /** A user's jobs, oldest first; everybody's for null. */
  of(user: string | null): JobRecord[] {
    return this.#records.filter(job => user === null || job.user === user);
  }

  cancel(record: JobRecord): boolean {
    if (record.status !== 'RUNNING') return false;
    this.#end(record, 'CANCELLED');
    return true;
  }

  close(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#write();
  }

  #end(record: JobRecord, status: 'COMPLETED' | 'CANCELLED'): void {
    clearTimeout(this.#timers.get(record.id));
    this.#timers.delete(record.id);
    record.status = status;
    if (status === 'COMPLETED') this.#completed(record.id);
    this.#save();
  }

  #save(): void {
    this.#saving ??= setTimeout(() => this.#write(), 50);
  }

  #write(): void {
    if (this.#saving) clearTimeout(this.#saving);
    this.#saving = null;
    const done = this.#records.filter(job => job.status !== 'RUNNING').slice(-KEPT);
    this.#records = this.#records.filter(job => job.status === 'RUNNING' || done.includes(job));
    put(`${this.#file}.new`, JSON.stringify({ next: this.#next, jobs: this.#records }));
    renameSync(`${this.#file}.new`, this.#file);
  }
}
