/**
 * A site whose people come from a directory and are called `DOM\alice`: refused, counted, explained, proposed, approved, put
 * into the group by the real usermod, and shown to work again; the name is one word wherever it stands.
 */
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { TEST_JOB } from '../../deploy/practice/ground.ts';
import { type Cluster, counted, denial, members, startCluster, write } from '../faults/lab.ts';

const NAME = 'DOM\\alice';
const UID = 2042;

describe("people with a directory's names", () => {
  let c: Cluster;
  beforeAll(async () => {
    c = await startCluster({}, dir => {
      const etc = (file: string, line: string): void => appendFileSync(join(dir, 'etc', file), `${line}\n`);
      const home = join(dir, 'home', NAME);
      etc('passwd', `${NAME}:x:${UID}:${UID}:Alice of DOM:${home}:/bin/sh`);
      etc('group', `${NAME}:x:${UID}:`);
      etc('shadow', `${NAME}:!:20000:0:99999:7:::`);
      etc('gshadow', `${NAME}:!::`);
      mkdirSync(home, { recursive: true });
      writeFileSync(join(home, 'test.yaml'), TEST_JOB);
      const yaml = join(dir, 'readmit.yaml');
      const site = { ...parse(readFileSync(yaml, 'utf8')), userNames: { capitals: true, also: ['\\', '@', '$'] } };
      writeFileSync(yaml, stringify(site));
    });
  });
  afterAll(() => c?.end());

  it('DOM\\alice is refused, and a proposal for her waits a moment later', async () => {
    expect(await c.as(NAME, 'clw', 'login')).toMatchObject({ code: 0 });
    expect((await c.submit(NAME)).code).toBe(1);
    const incident = await c.incidentOf('a proposal', i => i.key === NAME && i.state === 'proposed');
    expect(incident).toMatchObject({ cause: 'openclaw/missing-group', kind: 'user' });
    const { plan } = await c.show(incident.id);
    expect(plan!.steps).toEqual([{ action: 'group.add', argv: ['usermod', '-aG', 'claw-users', NAME] }]);
    expect(plan!.gains).toEqual([NAME]);
    expect((await c.readmit('plan', incident.id, '--format', 'shell')).out).toContain(
      `usermod -aG claw-users '${NAME}'`,
    );
  });

  it('`why` tells of her as of anybody', async () => {
    expect(await c.json('why', NAME)).toMatchObject({ user: NAME, cause: 'openclaw/missing-group' });
  });

  it('names that could be anything but a name are counted for nobody', async () => {
    write(c, denial('DOM\\-rf'), denial('a/../b'), denial('$(id)'), denial('Mallory@x.example'));
    await c.until('the last of them is counted', async () => counted(c, 'Mallory@x.example') === 1);
    expect([counted(c, 'DOM\\-rf'), counted(c, '%..%'), counted(c, '%id%')]).toEqual([0, 0, 0]);
  });

  it('approved, she is in the group and works again', async () => {
    const [incident] = (await c.incidents()).filter(i => i.key === NAME);
    expect(await c.readmit('approve', incident!.id, '--as', 'root-ann', '--reason', 'new in the group')).toMatchObject({
      code: 0,
    });
    await c.incidentOf('she works again', i => i.id === incident!.id && i.state === 'resolved');
    expect(members(c, 'claw-users')).toContain(NAME);
    expect((await c.submit(NAME)).out).toMatch(/^Job submitted/);
    const token = (await c.readmit('token', 'create', '--name', 'test', '--role', 'viewer')).out.trim();
    const person = await fetch(`http://127.0.0.1:${c.port}/api/v1/people/${encodeURIComponent(NAME)}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(await person.json()).toMatchObject({
      name: NAME,
      account: 'user',
      grants: [{ user: NAME, group: 'claw-users' }],
    });
    expect((await c.readmit('report', '--csv')).out).toContain(NAME);
    expect(await c.readmit('audit', 'verify')).toMatchObject({ code: 0 });
  });
});
