/**
 * A plan written down for somebody else to run: as a shell script, as LDIF, as an Ansible playbook. Every word that
 * came from outside is quoted for where it stands, whatever it holds.
 */

import { Scalar, stringify } from 'yaml';
import { groupBaseOf, type LdapConfig, userBaseOf } from '../config/ldap.ts';
import { dnValue } from '../dn.ts';
import { Usage } from '../incident.ts';
import { modifyRecord } from '../ldif.ts';
import type { DirectoryChange, Plan, Step } from '../plan.ts';
import { shellWord, shellWords } from '../shell-word.ts';

const FORMATS = ['shell', 'ldif', 'ansible'] as const;
type Format = (typeof FORMATS)[number];

/**
 * @param directory the site's own, where one is configured: real names instead of places to fill in
 * @param warning why it should not be run any more, for its head
 * @throws Usage for a format there is none of
 */
export function exportPlan(
  plan: Plan,
  format: string,
  directory: LdapConfig | null = null,
  warning: string | null = null,
): string {
  if (warning) plan = { ...plan, notes: [`WARNING: ${warning}`, ...plan.notes] };
  switch (format as Format) {
    case 'shell':
      return shell(plan, directory);
    case 'ldif':
      return ldif(plan, directory);
    case 'ansible':
      return ansible(plan);
    default:
      throw new Usage(`--format ${format}: one of ${FORMATS.join(', ')}`);
  }
}

/** One line of a comment, in any of the three formats. */
const comment = (text: string): string => `# ${text.replace(/[\x00-\x1f\x7f\u2028\u2029]+/g, ' ')}`;

const head = (plan: Plan): string[] => [
  comment(`Readmit: ${plan.summary}`),
  comment(`Incident ${plan.incident}, plan ${plan.serial}, digest ${plan.digest}`),
  ...(plan.entitlement ? [comment(`Entitlement: ${plan.entitlement}`)] : []),
  ...plan.notes.map(comment),
];

function shell(plan: Plan, directory: LdapConfig | null): string {
  const lines = plan.steps.flatMap(step => {
    switch (step.action) {
      case 'directory.group-add':
      case 'directory.group-remove':
        return [`printf %s ${shellWord(step.diff)} | ${ldapmodify(directory)}`];
      case 'group.add':
      case 'group.remove':
      case 'service.restart':
      case 'service.start':
        return [shellWords(step.argv)];
      case 'config.authorize-group':
      case 'config.restore':
        // The digest first: the diff is for that file and no other.
        return [
          `echo ${shellWord(`${step.before}  ${step.file}`)} | sha256sum --check --quiet`,
          `printf %s ${shellWord(step.diff)} | patch --backup -- ${shellWord(step.file)}`,
        ];
      default:
        return step satisfies never;
    }
  });
  return `${['#!/bin/sh', ...head(plan), 'set -eu', ...lines].join('\n')}\n`;
}

/** Asks for the password of whoever runs it; without a directory of ours, ldap.conf says which server. */
const ldapmodify = (directory: LdapConfig | null): string =>
  [
    'ldapmodify -x -W',
    ...(directory ? ['-H', shellWord(directory.url), ...(directory.startTls ? ['-ZZ'] : [])] : []),
    ...(directory?.bindDn ? ['-D', shellWord(directory.bindDn)] : []),
  ].join(' ');

/** A group of NSS alone is changed where it lives; which entry that is only the site knows, unless it told us. */
function guessed({ user, group }: { user: string; group: string }, directory: LdapConfig | null) {
  const dn = `cn=${dnValue(group)},${directory ? groupBaseOf(directory) : 'ou=groups,BASE'}`;
  if (!directory || directory.memberAttribute === 'memberUid') return { dn, attribute: 'memberUid', value: user };
  const value = `${directory.userAttribute}=${dnValue(user)},${userBaseOf(directory)}`;
  return { dn, attribute: directory.memberAttribute, value };
}

function ldif(plan: Plan, directory: LdapConfig | null): string {
  const records = plan.steps.map(step => {
    switch (step.action) {
      case 'group.add':
        return modifyRecord('add', guessed(step, directory));
      case 'group.remove':
        return modifyRecord('delete', guessed(step, directory));
      case 'directory.group-add':
      case 'directory.group-remove':
        return step.diff;
      case 'config.authorize-group':
      case 'config.restore':
        return `${comment(`not a matter of the directory: ${step.action} ${step.group} in ${step.file}`)}\n`;
      case 'service.restart':
      case 'service.start':
        return `${comment(`not a matter of the directory: ${step.argv.join(' ')}`)}\n`;
      default:
        return step satisfies never;
    }
  });
  const blank = records.some(record => record.includes(',BASE\n'));
  const hint = blank ? [comment('Put your base DN in the place of BASE.')] : [];
  return `${[...head(plan), ...hint].join('\n')}\n\n${records.join('\n')}`;
}

/** Ansible evaluates {{ … }} in every string; the tag keeps a value as it is written. */
function literal(value: string): Scalar {
  const scalar = new Scalar(value);
  if (/[{%]/.test(value)) scalar.tag = '!unsafe';
  return scalar;
}

function ansible(plan: Plan): string {
  const play = [
    { name: literal(plan.summary), hosts: literal(plan.host), become: true, tasks: plan.steps.flatMap(tasksOf) },
  ];
  return `${head(plan).join('\n')}\n---\n${stringify(play, { lineWidth: 0 })}`;
}

type Task = Record<string, unknown>;

function tasksOf(step: Step): Task[] {
  switch (step.action) {
    case 'group.add':
      return [
        {
          name: literal(`${step.user} is in ${step.group}`),
          'ansible.builtin.user': { name: literal(step.user), groups: [literal(step.group)], append: true },
        },
      ];
    case 'group.remove':
      return [
        {
          name: literal(`${step.user} is not in ${step.group}`),
          'ansible.builtin.command': { argv: step.argv.map(literal) },
        },
      ];
    case 'directory.group-add':
      return [ldapTask(step, 'present')];
    case 'directory.group-remove':
      return [ldapTask(step, 'absent')];
    case 'config.authorize-group':
    case 'config.restore':
      return patchTasks(step);
    case 'service.restart':
    case 'service.start': {
      const state = step.action === 'service.restart' ? 'restarted' : 'started';
      return [
        {
          name: literal(`${step.unit} is ${state}`),
          'ansible.builtin.systemd_service': { name: literal(step.unit), state },
        },
      ];
    }
    default:
      return step satisfies never;
  }
}

/** The connection is the playbook's own matter: the module takes it from its defaults. */
const ldapTask = ({ user, group, dn, attribute, value }: DirectoryChange, state: 'present' | 'absent'): Task => ({
  name: literal(`${user} is ${state === 'present' ? '' : 'not '}in ${group}`),
  'community.general.ldap_attrs': { dn: literal(dn), attributes: { [attribute]: literal(value) }, state },
});

/** The very diff that is shown, and only onto the file it was made for. */
function patchTasks(step: Extract<Step, { action: 'config.authorize-group' | 'config.restore' }>): Task[] {
  return [
    {
      name: literal(`${step.file} is the file the plan was made for`),
      'ansible.builtin.command': {
        argv: ['sha256sum', '--check', '--quiet'],
        stdin: literal(`${step.before}  ${step.file}`),
      },
      changed_when: false,
    },
    {
      name: literal(`${step.action} ${step.group}`),
      'ansible.builtin.command': {
        argv: ['patch', '--backup', '--', literal(step.file)],
        stdin: literal(step.diff),
        stdin_add_newline: false,
      },
    },
  ];
}
