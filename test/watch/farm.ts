/**
 * A directory that stands for a host: a passwd file, homes, a scheduler's log, and a feed over it, in this process with
 * its real timers, or in one of its own.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { commandRunner, type RunCommand } from '../../src/command.ts';
import { type Config, parseConfig } from '../../src/config/config.ts';
import type { ParseChunk } from '../../src/incident.ts';
import { makeLog } from '../../src/log.ts';
import { Batch } from '../../src/messages.ts';
import { refusalOf } from '../../src/refused-batch.ts';
import { type Feed, makeFeed } from '../../src/roles/feed.ts';
import { FakeServe, freshDir, parseNames } from './lab.ts';

export class Farm {
  readonly dir = freshDir();
  readonly serve = new FakeServe();
  readonly people: { name: string; uid: number; home: string; shell: string }[] = [];
  config!: Config;
  feed: Feed | null = null;
  /** `no`: sending is refused, as with Redis away. */
  link: 'yes' | 'no' = 'yes';
  #children: ChildProcess[] = [];

  get log(): string {
    return join(this.dir, 'log');
  }
  home(name: string): string {
    return join(this.dir, 'home', name);
  }
  clientLog(name: string): string {
    return join(this.home(name), '.claw/clw.log');
  }

  /** Makes people with a home and, unless told otherwise, an empty client log. */
  add(names: readonly string[], log: 'log' | 'no log' = 'log'): void {
    for (const name of names) {
      this.people.push({ name, uid: 2000 + this.people.length, home: this.home(name), shell: '/bin/bash' });
      mkdirSync(join(this.home(name), '.claw'), { recursive: true });
      if (log === 'log') writeFileSync(this.clientLog(name), '');
    }
    this.passwd();
  }
  remove(name: string): void {
    this.people.splice(
      this.people.findIndex(p => p.name === name),
      1,
    );
    this.passwd();
  }
  passwd(): void {
    const lines = this.people.map(p => `${p.name}:x:${p.uid}:100::${p.home}:${p.shell}\n`);
    writeFileSync(join(this.dir, 'passwd'), `root:x:0:0::/root:/bin/bash\n${lines.join('')}`);
  }
  configure(watch: Record<string, unknown> = {}): Config {
    const text = JSON.stringify({
      host: 'head',
      state: join(this.dir, 'state'),
      log: { level: 'error' },
      paths: { passwd: join(this.dir, 'passwd'), commands: [join(this.dir, 'bin')] },
      watch: { log: this.log, ...watch },
    });
    writeFileSync(join(this.dir, 'readmit.yaml'), text);
    this.config = parseConfig(text, join(this.dir, 'readmit.yaml'));
    return this.config;
  }
  /** A command of this host, as a shell script. */
  command(name: string, script: string): void {
    mkdirSync(join(this.dir, 'bin'), { recursive: true });
    writeFileSync(join(this.dir, 'bin', name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(this.dir, 'bin', name), 0o755);
  }

  /**
   * A feed in this process, with its real timers; serve answers after `answerMs`, the queue itself after `sentMs`. What
   * does not fit is refused; `refuses` says why something else is.
   */
  async start(
    options: {
      parse?: ParseChunk;
      answerMs?: number;
      sentMs?: number;
      run?: RunCommand;
      refuses?: (batch: Batch) => string | null;
    } = {},
  ): Promise<Feed> {
    const config = this.config ?? this.configure();
    const send = async (batch: Batch): Promise<void> => {
      if (this.link === 'no') throw new Error('Redis is away');
      const { error } = Batch.safeParse(JSON.parse(JSON.stringify(batch)));
      const refused = options.refuses?.(batch) ?? error?.message;
      setTimeout(() => {
        if (refused) {
          const { message } = refusalOf(batch, refused)!;
          if (message.name === 'refused') feed.onRefused(message.data);
          return;
        }
        const answer = this.serve.takeSent(batch);
        if (answer) feed.onAck(answer.source, answer.committed);
      }, options.answerMs ?? 1);
      if (options.sentMs) await pause(options.sentMs);
    };
    const run = options.run ?? commandRunner(config.paths.commands);
    const feed = makeFeed({
      config,
      parse: options.parse ?? parseNames,
      run,
      now: Date.now,
      log: makeLog(config, 'feed'),
      send,
    });
    this.feed = feed;
    await feed.start();
    feed.onPositions(this.serve.positions);
    return feed;
  }

  /** A feed in a process of its own; this one plays serve. `openFiles` is its limit of descriptors. */
  spawn(options: { openFiles?: number } = {}): ChildProcess {
    const script = fileURLToPath(new URL('./feed-child.ts', import.meta.url));
    const argv = [process.execPath, script, join(this.dir, 'readmit.yaml')];
    const limit = options.openFiles ? `ulimit -n ${options.openFiles}; ` : '';
    const child = spawn('sh', ['-c', `${limit}exec "$@"`, 'sh', ...argv], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#children.push(child);
    child.on('error', () => {});
    const say = (message: object): void => void (child.connected && child.send(message, () => {}));
    child.on('message', (message: { batch?: Batch; hello?: true }) => {
      const answer = message.batch && this.serve.takeSent(message.batch);
      if (answer) say({ ack: answer });
      if (message.hello) say({ positions: this.serve.positions });
    });
    return child;
  }

  async end(): Promise<void> {
    await this.feed?.stop();
    this.feed = null;
    for (const child of this.#children.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await new Promise(done => child.once('exit', done));
    }
  }
}
