/**
 * Two that break nothing and are seen in the log only: an address that tries many names, and a flood of denials.
 */
import { readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { parse } from 'yaml';
import { put, readPorts } from '../layout.ts';
import { openServerLog } from '../server-log.ts';
import { issue } from '../tokens.ts';
import type { Cause, Ground } from './cause.ts';

const NAMES =
  'admin administrator root oracle postgres test guest ubuntu deploy jenkins hadoop git ftpuser mysql nagios tomcat www demo operator support pi user1 svc-batch slurm ansible vagrant minecraft teamspeak bob info'.split(
    ' ',
  );

/** A request with a token that somebody made up; its answer is of no interest. */
function knock(g: Ground, user: string): Promise<void> {
  const token = issue({ user, groups: ['claw-admins'], exp: Math.floor(Date.now() / 1000) + 3600 }, 'guessed');
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      host: '127.0.0.1',
      port: readPorts(g.at).scheduler,
      method: 'POST',
      path: '/api/v1/jobs/submit',
      agent: false,
      headers: { authorization: `Bearer ${token}`, 'x-claw-from': strangers(g) },
    });
    request.on('error', reject);
    request.on('response', response => response.resume().on('end', resolve));
    request.end('');
  });
}

const addresses = (g: Ground): Record<string, string> =>
  parse(readFileSync(g.at.addresses, 'utf8')) as Record<string, string>;
const strangers = (g: Ground): string => addresses(g)['(strangers)'] ?? '203.0.113.66';

const probing: Cause = {
  hits: 'nobody',
  said: () => 'one address has tried 30 names, most of which nobody has',
  breakIt: async (g, address) => {
    if (address)
      put(
        g.at.addresses,
        readFileSync(g.at.addresses, 'utf8').replace(/^"\(strangers\)".*$/m, `"(strangers)": "${address}"`),
      );
    for (const round of [NAMES, NAMES]) for (const name of round) await knock(g, name);
    return null;
  },
  heal: () => {},
};

const FLOOD = 20_000;

const flood: Cause = {
  hits: 'nobody',
  said: user => `the scheduler's log is full of denials of ${user}`,
  breakIt: (g, count) => {
    const log = openServerLog(g.at.log);
    const address = addresses(g)[g.who.name] ?? '127.0.0.1';
    const lines = Number(count ?? FLOOD);
    if (!Number.isInteger(lines) || lines < 1) throw new Error(`flood: ${count} is no number of lines`);
    for (let n = 0; n < lines; n++) log.denied(address, g.who.name, '/submit');
    log.close();
    return null;
  },
  heal: () => {},
};

export const ABUSE = { probing, flood } satisfies Record<string, Cause>;
