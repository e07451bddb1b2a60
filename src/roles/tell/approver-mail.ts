/** Where an approver gets mail: only where the configuration says that mail may go. */
import type { Approver } from '../../approve/approvers.ts';
import type { Config } from '../../config/config.ts';

/**
 * An address the configuration names, theirs by the approvers file or by its name; or their name at the site's domain.
 * @returns null where there is none
 */
export function approverMail(
  config: Config,
  approver: Pick<Approver, 'name'> & { mail?: string | undefined },
): string | null {
  const { to, userDomain } = config.mail;
  const { name, mail } = approver;
  const named = [...to, ...config.report.to].find(known => known === mail || known.split('@')[0] === name);
  return named ?? (userDomain ? `${name}@${userDomain}` : null);
}
