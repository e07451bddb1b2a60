/**
 * A practice cluster for a test: everything but Readmit itself, for which a page that answers stands in. What a test types
 * goes through the fronts in DIR/bin with an empty environment, as an operator's shell or Readmit's executor would.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Demo, startDemo } from '../../deploy/practice/demo.ts';
import type { Layout } from '../../deploy/practice/layout.ts';
import { freePort } from '../free-port.ts';

export interface Typed {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface Cluster {
  at: Layout;
  demo: Demo;
  web: number;
  said: string[];
  /** Runs a front: `type('as', 'alice', 'clw', 'list')`. */
  type(front: string, ...args: string[]): Promise<Typed>;
  as(user: string, ...command: string[]): Promise<Typed>;
  serverLog(): string[];
  clientLog(user: string): string[];
  forgetLogs(user: string): void;
  end(): Promise<void>;
}

const page = (port: number): string =>
  `require('node:http').createServer((q, s) => s.end('here')).listen(${port}, '127.0.0.1', () => console.log('sign in: http://127.0.0.1:${port}/x\\nready http://127.0.0.1:${port}'))`;

/** The project's Node, whatever started the test. */
export const NODE = join(import.meta.dirname, '../../node_modules/.bin/node');

export function run(file: string, args: string[], env: NodeJS.ProcessEnv = {}): Promise<Typed> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const typed = { stdout: '', stderr: '' };
    child.stdout.on('data', chunk => {
      typed.stdout += chunk;
    });
    child.stderr.on('data', chunk => {
      typed.stderr += chunk;
    });
    child.on('error', reject);
    child.on('close', code => resolve({ code, ...typed }));
  });
}

const lines = (file: string): string[] => {
  try {
    return readFileSync(file, 'utf8').split('\n').filter(Boolean);
  } catch {
    return [];
  }
};

export async function startCluster(dir = mkdtempSync(join(tmpdir(), 'practice-'))): Promise<Cluster> {
  const web = await freePort();
  const said: string[] = [];
  const demo = await startDemo(
    dir,
    web,
    line => said.push(line),
    () => spawn(NODE, ['-e', page(web)], { stdio: ['ignore', 'pipe', 'inherit'] }),
  );
  const { at } = demo;
  const type = (front: string, ...args: string[]): Promise<Typed> => run(join(at.bin, front), args);
  const clientLog = (user: string): string => join(at.home, user, '.claw/clw.log');
  return {
    at,
    demo,
    web,
    said,
    type,
    as: (user, ...command) => type('as', user, ...command),
    serverLog: () => lines(at.log),
    clientLog: user => lines(clientLog(user)),
    forgetLogs: user => {
      truncateSync(at.log);
      rmSync(clientLog(user), { force: true });
    },
    end: async () => {
      await demo.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
