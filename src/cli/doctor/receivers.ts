/**
 * `readmit doctor` about receivers and routes: are the secrets there, readable by nobody else and of the right shape, does
 * every route get a chance and every receiver something. Nothing is posted anywhere.
 */
import { statSync } from 'node:fs';
import type { Config } from '../../config/config.ts';
import type { Receiver } from '../../config/notify.ts';
import { checkedUrl, readSecret } from '../../notify/post-json.ts';
import type { Found } from './finding.ts';

export function receiverFindings({ notify }: Pick<Config, 'notify'>): Found[] {
  const used = new Set([notify.receiver, notify.escalateTo, ...notify.routes.map(r => r.receiver)]);
  const unused = notify.receivers
    .filter(r => !used.has(r.name))
    .map(
      (r): Found => ({
        what: `nothing leads to the receiver ${r.name}`,
        level: 'note',
        todo: 'name it in a route, or take it out',
      }),
    );
  const all = notify.routes.findIndex(r => Object.keys(r.matchers).length === 0 && !r.continue);
  const unreached = all >= 0 && all < notify.routes.length - 1;
  return [
    ...notify.receivers.map(secretsOf),
    ...unused,
    ...(unreached
      ? [
          {
            what: `route ${all + 1} takes every alert: those below it get none`,
            level: 'note' as const,
            todo: 'move it to the end, or give it continue: true',
          },
        ]
      : []),
  ];
}

/** The files with a secret that a receiver needs. */
function filesOf(r: Receiver): string[] {
  switch (r.type) {
    case 'mail':
      return [];
    case 'slack':
    case 'mattermost':
    case 'teams':
      return [r.urlFile];
    case 'webhook':
      return [r.secretFile];
    case 'alertmanager':
      return [r.passwordFile, r.tokenFile].filter(f => f !== null);
    default:
      return r satisfies never;
  }
}

function secretsOf(r: Receiver): Found {
  try {
    for (const file of filesOf(r)) {
      const text = readSecret(r.name, file);
      if ('urlFile' in r) checkedUrl(r.name, text);
      if (statSync(file).mode & 0o007)
        return { what: `${r.name}: ${file} can be read by others`, level: 'problem', todo: `chmod o-rwx ${file}` };
    }
    return { what: `${r.name} (${r.type}) has what it needs`, level: 'ok', todo: null };
  } catch (error) {
    return {
      what: (error as Error).message,
      level: 'problem',
      todo: "put the secret there, one line, readable by serve's user; under systemd it exists while serve runs",
    };
  }
}
