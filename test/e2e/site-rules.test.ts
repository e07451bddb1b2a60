/**
 * A site's own rules beside ours: a pattern and a cause of its own, loaded at the next start without a rebuild; and a file
 * that is wrong is refused with its name and line, before anything runs.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cluster, startCluster, write } from '../faults/lab.ts';

const OURS = join(import.meta.dirname, '../../rules/openclaw/causes/missing-group.yaml');
const PATTERN = `pack: openclaw
patterns:
  - name: gateway-denied
    log: server
    event: denied
    line: "[GATEWAY] refused {user} at {endpoint:path}, peer {ip}"
    matches:
      - line: "[GATEWAY] refused alice at /submit, peer 10.1.2.3"
        fields: { user: alice, endpoint: /submit, ip: 10.1.2.3 }
    rejects:
      - "[GATEWAY] refused alice at /submit, peer unknown"
`;

describe("a site's own rules", () => {
  let c: Cluster;
  const own = (name: string): string => join(c.dir, 'rules.d/openclaw', name);
  beforeAll(async () => {
    c = await startCluster({}, dir => {
      mkdirSync(join(dir, 'rules.d/openclaw/causes'), { recursive: true });
      writeFileSync(join(dir, 'rules.d/openclaw/logs.yaml'), PATTERN);
      const cause = readFileSync(OURS, 'utf8').replace(/^title:.*$/m, 'title: "{user} has not joined a project yet"');
      writeFileSync(join(dir, 'rules.d/openclaw/causes/missing-group.yaml'), cause);
      const yaml = join(dir, 'readmit.yaml');
      writeFileSync(yaml, `${readFileSync(yaml, 'utf8')}\nrulesDir: ${join(dir, 'rules.d')}\n`);
    });
  });
  afterAll(() => c?.end());

  it('are read beside ours: a line only the site writes leads to a cause in the words of the site', async () => {
    await c.practice('break', 'missing-group', 'alice');
    write(c, '[GATEWAY] refused alice at /submit, peer 10.1.2.3\n');
    const alice = await c.incidentOf('a proposal', i => i.key === 'alice' && i.state === 'proposed');
    expect(alice).toMatchObject({ cause: 'openclaw/missing-group', headline: 'alice has not joined a project yet' });
    const line = '[GATEWAY] refused bob at /jobs, peer 10.1.2.4';
    expect((await c.readmit('rules', 'explain', line)).out).toContain('gateway-denied');
    // Ours are still there.
    expect((await c.readmit('rules', 'explain', '[INFO] Job j completed successfully')).out).toContain('completed');
    const check = await c.readmit('rules', 'check');
    expect(check.code, check.out + check.err).toBe(0);
  });

  it('that are wrong are refused with file and line, by the check and at the start, and nothing runs half', async () => {
    writeFileSync(
      own('causes/own-cause.yaml'),
      'cause: own-cause\ntitle: "x"\nkind: user\norder: 1\nwhen:\n  no.such-fact: 1\n',
    );
    const check = await c.readmit('rules', 'check');
    expect(check.code).not.toBe(0);
    expect(check.out + check.err).toMatch(/own-cause\.yaml:\d+: /);
    await c.down();
    await expect(c.up()).rejects.toThrow(/own-cause\.yaml:\d+: /);
    writeFileSync(own('logs.yaml'), PATTERN.replace('{ip}"', '{ip}{user}"'));
    writeFileSync(own('causes/own-cause.yaml'), '');
    const fields = await c.readmit('rules', 'check');
    expect(fields.code).not.toBe(0);
    expect(fields.out + fields.err).toMatch(/logs\.yaml:\d+: gateway-denied: /);
  });
});
