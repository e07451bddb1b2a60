/**
 * How people and groups are called: the one grammar of names, for what is counted, asked, proposed and done. A site says
 * in `userNames` of readmit.yaml how far its own names go beyond the usual ones, out of a small vocabulary. Whatever it
 * says, a name begins with a letter, a digit or _, and never holds a slash, a colon, a blank, a control character or
 * anything a shell or an option is made of; it is no number either, since programs take that for a uid. Pure.
 */

/** What may stand between the two parts of a name (`DOM\alice`, `alice@site.example`), and `$` at the very end (`node7$`). */
export const NAME_EXTRAS = ['\\', '@', '+', '$'] as const;

/** `userNames` of readmit.yaml. */
export interface UserNameSettings {
  capitals: boolean;
  digitFirst: boolean;
  also: readonly (typeof NAME_EXTRAS)[number][];
  longest: number;
}

/** What a configuration that says nothing means. */
export const USUAL_NAMES: UserNameSettings = { capitals: false, digitFirst: false, also: [], longest: 32 };

/** Whoever is in one of these administers the machine, whatever a configuration says of them. */
export const ADMINISTERING: readonly string[] = ['root', 'wheel', 'sudo'];

/** Groups that are as good as root on a Linux machine, whatever a configuration says of them. */
export const ROOT_LIKE: readonly string[] = [
  'root',
  'wheel',
  'sudo',
  'adm',
  'admin',
  'shadow',
  'disk',
  'kmem',
  'docker',
  'lxd',
  'libvirt',
  'systemd-journal',
];

/** Messages, rows and votes have room for names of this length. */
export const LONGEST_NAME = 64;

/** A grammar of names, made of what a site says. */
export interface UserNames {
  /** True for a name. What is not one is nobody, and is never acted on. */
  fits(text: string): boolean;
  /** Could this character stand anywhere in a name? */
  holds(character: string): boolean;
  longest: number;
  /** In words, for whoever wrote something else. */
  expects: string;
}

const made = new WeakMap<UserNameSettings, UserNames>();

/** The grammar of these settings; made once for each. */
export function userNames(settings: UserNameSettings): UserNames {
  const known = made.get(settings);
  if (known) return known;
  const names = grammarOf(settings);
  made.set(settings, names);
  return names;
}

/** The same with capital letters: for names that a person types, or that a database already had. */
export const inAnyCase = (settings: UserNameSettings): UserNames =>
  settings.capitals ? userNames(settings) : grammarOf({ ...settings, capitals: true });

function grammarOf({ capitals, digitFirst, also, longest }: UserNameSettings): UserNames {
  const letters = capitals ? 'A-Za-z' : 'a-z';
  const separators = also.filter(extra => extra !== '$').map(extra => (extra === '\\' ? '\\\\' : extra));
  const dollar = also.includes('$');
  const plain = `${letters}0-9_.\\-`;
  // Each character has one place to stand in, so a text is read once, whatever it is.
  const second = separators.length ? `(?:[${separators.join('')}][${letters}0-9_][${plain}]*)?` : '';
  const whole = new RegExp(`^[${letters}_${digitFirst ? '0-9' : ''}][${plain}]*${second}${dollar ? '\\$?' : ''}$`);
  const anywhere = new RegExp(`^[${plain}${separators.join('')}${dollar ? '$' : ''}]$`);
  // Only the usual grammar has room for two dots in a row; where a name has parts they would look like a way up.
  const dots = also.length > 0 || capitals || digitFirst ? '..' : null;
  return {
    fits: text =>
      text.length <= longest &&
      whole.test(text) &&
      !/^[0-9]+\$?$/.test(text) &&
      (dots === null || !text.includes(dots)),
    holds: character => anywhere.test(character),
    longest,
    expects: [
      `a user name: a to z${capitals ? ', A to Z' : ''}${digitFirst ? ', 0 to 9' : ''} or _ first`,
      `then ${capitals ? 'letters' : 'a to z'}, 0 to 9, _ . -`,
      ...(separators.length ? [`one of ${also.filter(extra => extra !== '$').join(' ')} between two parts`] : []),
      ...(dollar ? ['$ at the end'] : []),
      `at most ${longest} characters`,
    ].join(', '),
  };
}

/** Whatever any site could call somebody: for lists that root writes. */
export const ANY_SITE: UserNames = grammarOf({
  capitals: true,
  digitFirst: true,
  also: NAME_EXTRAS,
  longest: LONGEST_NAME,
});

const GROUP = /^[A-Za-z_][A-Za-z0-9_.-]{0,31}$/;
/** Group names may have capitals; the executor gives those on its root-owned list and no others. */
export const isGroupName = (text: string): boolean => GROUP.test(text);
