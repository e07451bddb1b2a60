/**
 * A process of its own, started by the executor for one look at the directory or one change of it: reads the service
 * account's password, speaks to that one server, prints what came of it, ends. It looks the group up by itself before it
 * changes anything, and reads the value back afterwards. Effects: network, the password's file.
 */
import { readFileSync } from 'node:fs';
import type { LdapConfig } from '../config/ldap.ts';
import { sameDn } from '../dn.ts';
import {
  type Credential,
  type Directory,
  DirectoryFault,
  NO_SUCH_VALUE,
  readCredential,
  VALUE_EXISTS,
  withDirectory,
} from '../ldap.ts';
import { Answer, Question } from './directory-question.ts';

const STDIN = 0;

/** What the answer to one question is. Never rejects for what a directory does. */
async function answerTo(question: Question): Promise<Answer> {
  try {
    const { bindDn, passwordFile } = question.ldap;
    const ldap: LdapConfig = { ...question.ldap, readDn: null, readPasswordFile: null, through: null };
    const credential = readCredential(bindDn, passwordFile, 'own');
    return await withDirectory(ldap, credential, async directory => {
      const seen = await lookAt(directory, question);
      return question.what === 'look' ? seen : await change(directory, seen, question, ldap, credential);
    });
  } catch (error) {
    if (!(error instanceof DirectoryFault)) throw error;
    // Only asking was interrupted, so nothing can have been changed.
    return { kind: error.kind === 'refused' ? 'refused' : 'away', why: short(error) };
  }
}

type Seen = Extract<Answer, { kind: 'seen' }>;

async function lookAt(directory: Directory, { group, user, value }: Question): Promise<Seen> {
  const entries = await directory.groupsNamed([group]);
  if (entries.length > 1)
    throw new DirectoryFault('refused', `${entries.length} entries are called ${group}: nobody can say which is meant`);
  const found = await directory.person(user);
  const person = found && { dn: found.dn, uid: found.uid };
  const [entry] = entries;
  if (!entry) return { kind: 'seen', entry: null, person, member: null };
  return {
    kind: 'seen',
    entry: { dn: entry.dn, gid: entry.gid },
    person,
    member: await directory.holds(entry.dn, value),
  };
}

async function change(
  directory: Directory,
  { entry }: Seen,
  { what, dn, value, group }: Question,
  ldap: LdapConfig,
  credential: Credential,
): Promise<Answer> {
  if (!entry || !sameDn(entry.dn, dn)) return { kind: 'refused', why: `${group} is not ${dn} any more` };
  let result: Extract<Answer, { kind: 'changed' }>['result'] = 'done';
  let why = '';
  try {
    await directory.change(what === 'delete' ? 'delete' : 'add', entry.dn, value);
  } catch (error) {
    if (!(error instanceof DirectoryFault)) throw error;
    why = short(error);
    if (error.kind === 'away') return { kind: 'away', why };
    const so = error.code === (what === 'add' ? VALUE_EXISTS : NO_SUCH_VALUE);
    result = so ? 'already' : error.kind === 'lost' ? 'lost' : 'refused';
  }
  const member = await readBack([
    () => directory.holds(entry.dn, value),
    // Where that conversation broke, or took all its time, a new one is asked.
    () => withDirectory(ldap, credential, fresh => fresh.holds(entry.dn, value)),
  ]);
  return { kind: 'changed', result, member, why };
}

/** What is there now, by the first way that gives an answer; null when none does. */
async function readBack(ways: (() => Promise<boolean>)[]): Promise<boolean | null> {
  for (const ask of ways) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof DirectoryFault)) throw error;
    }
  }
  return null;
}

const short = (error: Error): string => error.message.slice(0, 1000);

const answer = await answerTo(Question.parse(JSON.parse(readFileSync(STDIN, 'utf8'))));
process.stdout.write(`${JSON.stringify(Answer.parse(answer))}\n`);
