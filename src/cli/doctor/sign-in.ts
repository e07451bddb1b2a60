/**
 * `readmit doctor` about signing in and what votes are signed with: who of the approvers can't vote yet, whether browsers
 * offer passkeys for the page, what `policy.proof` means, whether the identity provider is the one that is configured.
 */
import { readFileSync, statSync } from 'node:fs';
import { type Approver, loadApprovers } from '../../approve/approvers.ts';
import { relyingParty } from '../../approve/assertion.ts';
import { type Config, originOf } from '../../config/config.ts';
import type { OidcConfig } from '../../config/sign-in.ts';
import { redirectOf } from '../../roles/sign-in/ways.ts';
import { mayAct } from '../../web/rights.ts';
import type { Found } from './finding.ts';

const ok = (what: string): Found => ({ what, level: 'ok', todo: null });
const note = (what: string, todo: string): Found => ({ what, level: 'note', todo });
const problem = (what: string, todo: string): Found => ({ what, level: 'problem', todo });

export async function signInFindings(config: Config): Promise<Found[]> {
  const { oidc, ldap } = config.web.signIn;
  return [
    ...proof(config),
    ...voters(config, loadApprovers(config.approvers).approvers),
    ...(oidc ? await provider(oidc, config) : []),
    ...(ldap && config.directory.ldap === null
      ? [problem('web.signIn.ldap is set, and directory.ldap says nothing of a directory', 'set directory.ldap')]
      : []),
  ];
}

/** What votes count here, and what follows from it. */
function proof(config: Config): Found[] {
  const { signIn } = config.web;
  switch (config.policy.proof) {
    case 'key':
      return [];
    case 'session':
      return [
        note(
          'the page signs votes for signed-in people: a stolen serve could vote',
          'set policy.proof to passkey or key when every administrator has one',
        ),
        ...(signIn.oidc || signIn.ldap
          ? [
              note(
                'whoever rules the identity provider or the directory can sign in as the approvers it stands for, and so vote',
                'set policy.proof to passkey or key',
              ),
            ]
          : []),
      ];
    case 'passkey':
      return relyingParty(originOf(config))
        ? [ok(`votes by passkey count, made on ${new URL(originOf(config)).origin}`)]
        : [
            problem(
              `browsers offer no passkeys for ${originOf(config)}`,
              'set web.origin to https with a host name; until then votes are made with keys',
            ),
          ];
    default:
      return config.policy.proof satisfies never;
  }
}

/** People whose roles vote, and who have nothing to sign with. */
function voters(config: Config, approvers: Approver[]): Found[] {
  const { policy, approvers: file } = config;
  if (policy.proof === 'session') return [];
  const unable = approvers.filter(
    a => mayAct(a, config) && a.keys.length === 0 && (policy.proof === 'key' || a.passkeys.length === 0),
  );
  return unable.map(a =>
    note(
      `${a.name} may vote and has no key${policy.proof === 'passkey' ? ' and no passkey' : ''} in ${file}`,
      policy.proof === 'passkey'
        ? `${a.name} registers a passkey on the page (Your sign-in); root lets it count with \`readmit approvers add\``
        : 'add the public key there',
    ),
  );
}

/** The secret, and whether who answers there is who we think. */
async function provider(oidc: OidcConfig, config: Config): Promise<Found[]> {
  const out: Found[] = [];
  try {
    if (statSync(oidc.clientSecretFile).mode & 0o007)
      out.push(problem(`${oidc.clientSecretFile} can be read by everybody`, `chmod 600 ${oidc.clientSecretFile}`));
    if (readFileSync(oidc.clientSecretFile, 'utf8').trim() === '')
      out.push(problem(`${oidc.clientSecretFile} is empty`, 'put the secret of the client there'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    out.push(
      code === 'EACCES'
        ? note(`${oidc.clientSecretFile} is not ours to read`, 'ask as root whether it is there')
        : problem(`${oidc.clientSecretFile}: ${code}`, 'put the secret of the client there, readable by serve only'),
    );
  }
  try {
    const address = `${oidc.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
    const answer = await fetch(address, { signal: AbortSignal.timeout(5000) });
    const { issuer } = (await answer.json()) as { issuer?: unknown };
    out.push(
      issuer === oidc.issuer
        ? ok(`${oidc.issuer} answers; it must send browsers back to ${redirectOf(config)}`)
        : problem(`${oidc.issuer} calls itself ${String(issuer)}`, 'set web.signIn.oidc.issuer to exactly that'),
    );
  } catch (error) {
    out.push(problem(`${oidc.issuer}: ${(error as Error).message}`, 'mend web.signIn.oidc.issuer, or the network'));
  }
  return out;
}
