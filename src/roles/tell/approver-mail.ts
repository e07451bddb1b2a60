/** Where an approver gets mail: only where the configuration says that mail may go. */
import type { Approver } from '../../approve/approvers.ts';
import type { Config } from '../../config/config.ts';
import { mailbox, userAddress } from '../../notify/address.ts';
import { otherAddresses } from '../../notify/routes.ts';

/**
 * An address the configuration names: the one that the approvers file has for them, or one that begins with their name;
 * or their name at the site's domain.
 * @returns null where there is none
 */
export function approverMail(
  config: Config,
  { name, mail }: Pick<Approver, 'name'> & { mail?: string | undefined },
): string | null {
  const named = [...config.mail.to, ...otherAddresses(config)].map(to => mailbox(to).address);
  const find = (fits: (address: string) => boolean): string | undefined => named.find(a => fits(a.toLowerCase()));
  return (
    find(address => address === mail?.toLowerCase()) ??
    find(address => address.split('@')[0] === name.toLowerCase()) ??
    userAddress(name, config)
  );
}
