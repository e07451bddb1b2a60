/**
 * Asks the running demo to start, stop or restart a unit, and waits until that is done: the part of the `systemctl` front
 * that sh can't do. `node systemctl.ts DIR VERB UNIT`; the causes call `systemctl()`.
 */
import { connect } from 'node:net';
import { controlSocket, type Layout, layoutOf } from './layout.ts';
import type { UnitReply } from './units.ts';

/** @throws when no demo is running on this directory */
export function systemctl(at: Layout, verb: string, unit = 'claw-scheduler'): Promise<UnitReply> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(controlSocket(at), () => socket.write(`${JSON.stringify({ verb, unit })}\n`));
    socket.on('data', chunk => {
      text += chunk;
    });
    socket.on('error', () =>
      reject(new Error(`no practice cluster is running in ${at.root}: start it with readmit demo --dir ${at.root}`)),
    );
    socket.on('end', () =>
      text ? resolve(JSON.parse(text) as UnitReply) : reject(new Error('the practice cluster has ended')),
    );
  });
}

if (import.meta.main) {
  const [dir = '', verb = '', unit = ''] = process.argv.slice(2);
  const reply = await systemctl(layoutOf(dir), verb, unit);
  if (reply.message) process.stderr.write(`${reply.message}\n`);
  process.exitCode = reply.code;
}
