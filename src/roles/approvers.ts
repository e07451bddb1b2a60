/** Who approves, read anew each time; where each gets mail; and the key `serve` signs with for whoever is signed in. */
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Approvers, loadApprovers } from '../approve/approvers.ts';
import { type Config, inState } from '../config/config.ts';
import { Refused } from '../incident.ts';
import { approverMail } from './tell/approver-mail.ts';

/**
 * Where this approver gets mail: an address the configuration names, theirs by the approvers file or by its name; or the
 * site's domain. @throws Refused where there is none
 */
export function mailOf(config: Config, { approvers }: Approvers, name: string): string {
  const mail = approverMail(config, approvers.find(a => a.name === name) ?? { name });
  if (mail === null)
    throw new Refused(
      'no mail address of yours is in mail.to, report.to or a receiver, and mail.userDomain gives you none',
    );
  return mail;
}

/** The approvers file, read each time: to ask whether it changed would be a race, and it is small. */
export const approversReader =
  (config: Config): (() => Approvers) =>
  () =>
    loadApprovers(config.approvers);

/** The key `serve` signs with for signed-in people. Made at the first start; its public half belongs in the approvers file. */
export function sessionKeyReader(config: Config): () => string {
  const file = inState(config, 'serve', 'session.key');
  return () => {
    if (!existsSync(file)) {
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
      writeFileSync(file, generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }), {
        mode: 0o600,
      });
    }
    return readFileSync(file, 'utf8');
  };
}
