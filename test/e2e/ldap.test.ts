/**
 * A site whose groups live in a directory: the running program on the practice cluster, Debian's slapd behind it, and
 * lookups on the host that show the directory only after a while, as SSSD's do.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseDocument } from 'yaml';
import { GROUPS as GIDS, USERS } from '../../deploy/practice/people.ts';
import { modifyRecord } from '../../src/ldif.ts';
import { pidOf } from '../faults/lab.ts';
import { BASE, GROUPS, PEOPLE, READER, type Slapd, startSlapd, WRITER } from '../ldap/slapd.ts';
import { Cluster } from './cluster.ts';

const DN = `cn=claw-users,${GROUPS}`;

describe('a site whose groups live in a directory', () => {
  let c: Cluster;
  let slapd: Slapd;
  beforeAll(async () => {
    const members = USERS.filter(u => u.groups.includes('claw-users')).map(u => u.name);
    slapd = await startSlapd(Object.fromEntries(USERS.map(u => [u.name, u.uid])), members, GIDS['claw-users']);
    c = await Cluster.start();
    await c.down();
    for (const file of ['etc/group', 'etc/gshadow']) edit(file, text => text.replace(/^claw-users:.*\n/m, ''));
    edit('etc/claw-scheduler/config.yaml', text => text.replace(/mode: *groups/, 'mode: ldap'));
    await setDirectory({ bindDn: WRITER, passwordFile: slapd.passwordFile(WRITER) });
  });
  afterAll(async () => {
    await c?.end();
    await slapd?.end();
  });

  const edit = (file: string, change: (text: string) => string): void => {
    const at = join(c.dir, file);
    const text = readFileSync(at, 'utf8');
    expect(change(text), file).not.toBe(text);
    writeFileSync(at, change(text));
  };
  /** Starts the program again with this directory configured; null: none. */
  async function setDirectory(ldap: Record<string, unknown> | null): Promise<void> {
    await c.down();
    const file = join(c.dir, 'readmit.yaml');
    const doc = parseDocument(readFileSync(file, 'utf8'));
    const read = { readDn: READER, readPasswordFile: slapd.passwordFile(READER) };
    const site = { url: slapd.url, base: BASE, groupBase: GROUPS, userBase: PEOPLE, timeout: 1, ...read, ...ldap };
    doc.setIn(['directory', 'ldap'], ldap && site);
    writeFileSync(file, doc.toString());
    lookupsCatchUp();
    await c.up();
  }
  const inDirectory = (): string[] => slapd.values(DN, 'memberUid');
  /** What SSSD does after some minutes: lookups on this host show what the directory has by now. */
  function lookupsCatchUp(): void {
    for (const name of ['master', 'replica']) {
      const at = join(c.dir, 'var/lib/directory', name);
      const others = readFileSync(at, 'utf8').replace(/^claw-users:.*\n/m, '');
      writeFileSync(`${at}.new`, `${others}claw-users:*:${GIDS['claw-users']}:${inDirectory().join(',')}\n`);
      renameSync(`${at}.new`, at);
    }
  }
  const takeOut = (user: string): void => {
    slapd.modify(modifyRecord('delete', { dn: DN, attribute: 'memberUid', value: user }));
    lookupsCatchUp();
  };
  const groupFile = (): string => readFileSync(join(c.dir, 'etc/group'), 'utf8');

  it('works before anything is broken', async () => {
    expect((await c.submit('alice')).out).toMatch(/^Job submitted: \S+/);
  });

  it('alice is let in by one value in the directory, which takes its time to be seen, and can be taken back', async () => {
    const before = groupFile();
    takeOut('alice');
    expect((await c.submit('alice')).code).toBe(1);
    const incident = await c.incidentOf('a proposal for alice', i => i.key === 'alice' && i.state === 'proposed');
    expect(incident).toMatchObject({ cause: 'openclaw/missing-group', tier: 1, needs: 1 });
    const detail = await c.show(incident.id);
    const ldif = `dn: ${DN}\nchangetype: modify\nadd: memberUid\nmemberUid: alice\n-\n`;
    expect(detail.plan!.steps).toEqual([{ action: 'directory.group-add', diff: ldif }]);
    expect(detail.plan).toMatchObject({ gains: ['alice'], managedBy: null });
    expect((await c.readmit('show', incident.id)).out).toContain('add: memberUid');
    expect((await c.readmit('plan', incident.id, '--format', 'ldif')).out).toContain(ldif.trim());
    expect(inDirectory()).not.toContain('alice');

    await c.json('approve', incident.id, '--as', 'root-ann');
    await c.until('the directory is changed', async () => inDirectory().includes('alice'));
    const waiting = await c.incidentOf('on its way', i => i.id === incident.id && i.state === 'propagating');
    expect((await c.show(waiting.id)).history.at(-1)!.what).toContain('NSS does not show it yet');
    // Still refused meanwhile: nothing is proposed a second time, and nothing taken back.
    expect((await c.submit('alice')).code).toBe(1);
    expect((await c.incidents()).filter(i => i.key === 'alice')).toMatchObject([{ state: 'propagating' }]);

    lookupsCatchUp();
    await c.incidentOf('alice works again', i => i.id === incident.id && i.state === 'resolved');
    expect((await c.submit('alice')).out).toMatch(/^Job submitted/);
    expect(await c.json<{ user: string; group: string }[]>('access')).toMatchObject([
      { user: 'alice', group: 'claw-users' },
    ]);

    await c.json('undo', incident.id, '--as', 'root-ann');
    await c.incidentOf('taken back', i => i.id === incident.id && i.state === 'undone');
    expect(inDirectory()).not.toContain('alice');
    expect(groupFile()).toBe(before);
    expect((await c.readmit('audit', 'verify')).code).toBe(0);
  });

  it('a directory that is away when the order comes: nothing is changed, and it is offered again when it is back', async () => {
    takeOut('bob');
    expect((await c.submit('bob')).code).toBe(1);
    const first = await c.incidentOf('a proposal for bob', i => i.key === 'bob' && i.state === 'proposed');
    const { serial } = (await c.show(first.id)).plan!;
    // Between the last look and the order: while the agent stands still nobody notices that the directory went away.
    const agent = pidOf(c, 'agent')!;
    process.kill(agent, 'SIGSTOP');
    await slapd.stop();
    await c.json('approve', first.id, '--as', 'root-ann');
    process.kill(agent, 'SIGCONT');
    await c.until('said plainly', async () =>
      (await c.show(first.id)).history.find(e => /stale: directory-away: .*nothing was changed/.test(e.what)),
    );
    await c.incidentOf('nothing is offered meanwhile', i => i.id === first.id && i.state === 'escalated');
    expect((await c.show(first.id)).history.at(-1)!.what).toMatch(
      /lives in the directory, which can't be asked: .*ECONNREFUSED/,
    );
    expect((await c.readmit('approve', first.id, '--as', 'root-ben')).code).toBe(1);
    await slapd.start();
    expect(inDirectory()).not.toContain('bob');
    const again = await c.incidentOf('offered again', i => i.id === first.id && i.state === 'proposed', 60_000);
    expect((await c.show(again.id)).plan!.serial).toBeGreaterThan(serial);
    await c.json('approve', first.id, '--as', 'root-ben');
    await c.until('the directory is changed', async () => inDirectory().includes('bob'));
    expect(inDirectory().filter(name => name === 'bob')).toHaveLength(1);
    lookupsCatchUp();
    await c.incidentOf('bob works again', i => i.id === first.id && i.state === 'resolved');
  });

  it('without the directory configured the plan is for whoever keeps it: shown as LDIF, never run', async () => {
    await setDirectory(null);
    takeOut('carol');
    expect((await c.submit('carol')).code).toBe(1);
    const incident = await c.incidentOf('a proposal for carol', i => i.key === 'carol' && i.state === 'proposed');
    const { plan } = await c.show(incident.id);
    expect(plan!.managedBy).toBe('other');
    expect(plan!.notes.join(' ')).toContain('usermod would change nothing here');
    const refused = await c.readmit('approve', incident.id, '--as', 'root-ann', '--json');
    expect(refused.code).toBe(1);
    expect(JSON.parse(refused.out).refused).toContain('export the plan');
    const ldif = (await c.readmit('plan', incident.id, '--format', 'ldif')).out;
    expect(ldif).toContain('dn: cn=claw-users,ou=groups,BASE');
    // Somebody files it there, and that is noticed.
    slapd.modify(modifyRecord('add', { dn: DN, attribute: 'memberUid', value: 'carol' }));
    lookupsCatchUp();
    await c.incidentOf('carol works again', i => i.id === incident.id && i.state === 'resolved', 60_000);
  });
});
