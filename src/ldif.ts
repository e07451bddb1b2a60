/**
 * A directory change as text (RFC 2849): one value added to, or deleted from, one entry. This text is what is shown, what is
 * digested and what an administrator may run elsewhere; whoever makes the change compares it with his own. Pure.
 */

/** One line of LDIF. A value that is not plain is given in base64, so that none can end its line. */
const ldifLine = (key: string, value: string): string =>
  /^[!-9;=-~][ -~]*$/.test(value) && !value.endsWith(' ')
    ? `${key}: ${value}`
    : `${key}:: ${Buffer.from(value).toString('base64')}`;

export interface OneValue {
  dn: string;
  attribute: string;
  value: string;
}

/** The record that adds or deletes exactly this value. Ends in a newline. */
export const modifyRecord = (change: 'add' | 'delete', { dn, attribute, value }: OneValue): string =>
  [ldifLine('dn', dn), 'changetype: modify', `${change}: ${attribute}`, ldifLine(attribute, value), '-', ''].join('\n');
