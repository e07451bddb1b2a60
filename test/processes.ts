/** The processes of a cluster under test, as /proc tells them. */
import { readdirSync, readFileSync } from 'node:fs';

export interface Process {
  pid: number;
  parent: number;
  /** As `ps` has it: R runs, S sleeps, T is stopped, Z has ended and nobody asked. */
  state: string;
  argv: string;
}

const PARTS = { agent: /main\.ts agent/, serve: /main\.ts serve/, exec: /main\.ts exec/, redis: /redis|valkey/ };
export type Part = keyof typeof PARTS;

/** Every process of a group. */
export function processesOf(group: number): Process[] {
  return readdirSync('/proc')
    .filter(n => /^\d+$/.test(n))
    .flatMap(name => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
        const [state, parent, pgrp] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        const argv = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return Number(pgrp) === group ? [{ pid: Number(name), parent: Number(parent), state: state!, argv }] : [];
      } catch {
        return [];
      }
    });
}

/** The process of a group that is this part now; null while it is being started. */
export function partOf(group: number, part: Part): Process | null {
  const all = processesOf(group).filter(p => PARTS[part].test(p.argv));
  // What it has just forked looks like it until it runs something else.
  return all.find(p => !all.some(other => other.pid === p.parent)) ?? null;
}

/** In a line, for whoever looks into a failed test. */
export const partsTold = (group: number): string =>
  (Object.keys(PARTS) as Part[])
    .map(part => {
      const process = partOf(group, part);
      return `${part} ${process ? `${process.pid} ${process.state}` : '-'}`;
    })
    .join(', ');
