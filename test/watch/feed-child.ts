/**
 * A feed in a process of its own, so that it can be killed: it sends its batches to the parent, which plays serve and
 * answers. Arguments: the configuration file.
 */
import { commandRunner } from '../../src/command.ts';
import { loadConfig } from '../../src/config/config.ts';
import { makeLog } from '../../src/log.ts';
import { makeFeed } from '../../src/roles/feed.ts';
import { parseNames } from './lab.ts';

const config = loadConfig(process.argv[2]);
const feed = makeFeed({
  config,
  parse: parseNames,
  run: commandRunner(config.paths.commands),
  now: Date.now,
  log: makeLog(config, 'feed'),
  send: async batch => void process.send!({ batch }),
  hello: () => process.send!({ hello: true }),
});
process.on(
  'message',
  (message: {
    ack?: { source: string; committed: number };
    positions?: { id: string; committed: number }[];
    health?: true;
  }) => {
    if (message.ack) feed.onAck(message.ack.source, message.ack.committed);
    if (message.positions) feed.onPositions(message.positions);
    if (message.health) process.send!({ health: feed.health(), rss: process.memoryUsage().rss });
  },
);
process.on('SIGTERM', () => void feed.stop().then(() => process.exit(0)));
await feed.start();
process.send!({ hello: true });
