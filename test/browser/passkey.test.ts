/**
 * Passkeys on the running program, in a real browser with a virtual authenticator: registered by a signed-in person, let
 * in by root on the host, used to sign in and to sign a vote that the executor checks and carries out.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import AxeBuilder from '@axe-core/playwright';
import type { Browser, CDPSession, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseDocument } from 'yaml';
import { Cluster } from '../e2e/cluster.ts';
import { openBrowser } from './chromium.ts';

let c: Cluster;
let browser: Browser;
let base: string;
let ann: Page;
let keys: CDPSession;
let authenticator: string;
const said: string[] = [];

beforeAll(async () => {
  [c, browser] = await Promise.all([Cluster.start(), openBrowser()]);
  // Browsers bind passkeys to names, so the page is at `localhost`, not at an address.
  await c.down();
  base = `http://localhost:${c.port}`;
  const file = join(c.dir, 'readmit.yaml');
  const doc = parseDocument(readFileSync(file, 'utf8'));
  doc.setIn(['web', 'origin'], base);
  doc.setIn(['policy', 'proof'], 'passkey');
  writeFileSync(file, doc.toString());
  await c.up();

  ann = await (await browser.newContext()).newPage();
  ann.on('console', m => {
    if (['error', 'warning'].includes(m.type()) && !/status of 4\d\d/.test(m.text())) said.push(m.text());
  });
  ann.on('pageerror', e => said.push(e.message));
  keys = await ann.context().newCDPSession(ann);
  await keys.send('WebAuthn.enable');
  ({ authenticatorId: authenticator } = await keys.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  }));
});
afterAll(async () => {
  await browser?.close();
  await c?.end();
});

const signIn = async (name: string): Promise<void> => {
  await ann.goto((await c.readmit('sign-in', '--as', name)).out.trim());
  await ann.getByRole('button', { name: `Sign in as ${name}` }).click();
  await ann.waitForURL(`${base}/`);
};
const refused = async (user: string): Promise<string> => {
  await c.practice('break', 'missing-group', user);
  await c.submit(user);
  return (await c.incidentOf(`a proposal for ${user}`, i => i.key === user && i.state === 'proposed')).id;
};
const approve = () => ann.getByRole('button', { name: /^Add \w+ to claw-users$/ });
const fits = async (): Promise<string[]> =>
  (
    await new AxeBuilder({ page: ann }).withTags(['wcag2a', 'wcag2aa', 'wcag21aa', 'best-practice']).analyze()
  ).violations.map(v => `${v.id}: ${v.nodes.map(n => n.target.join(' ')).join(' | ')}`);

describe('a passkey', () => {
  let id: string;
  let line: string;

  it('is registered by a signed-in person, and its votes do not count yet', async () => {
    await signIn('root-ann');
    await ann.goto(`${base}/me`);
    await ann.getByText('You have no passkey here yet.').waitFor();
    await ann.getByLabel('What you call it').fill('blue key');
    await ann.getByRole('button', { name: 'Add a passkey' }).click();
    await ann.getByText('Its votes don’t count yet.').waitFor();
    line = (await ann.locator('.passkeys code').textContent())!;
    expect(line).toMatch(/^readmit approvers add root-ann --passkey SHA256:[A-Za-z0-9+/]{43}$/);
    expect(await fits()).toEqual([]);
    const { credentials } = await keys.send('WebAuthn.getCredentials', { authenticatorId: authenticator });
    expect(credentials).toMatchObject([{ rpId: 'localhost', isResidentCredential: true }]);

    id = await refused('alice');
    await ann.goto(`${base}/incidents/${id}`);
    await ann.getByText('you have none yet').waitFor();
    expect(await approve().count()).toBe(0);
  });

  it('counts when root has put it into the approvers file, by the fingerprint its owner told', async () => {
    const doctor = async () =>
      (await c.json<{ findings: { check: string; what: string }[] }>('doctor')).findings
        .filter(f => f.check === 'sign-in')
        .map(f => f.what);
    expect(await doctor()).toEqual([`votes by passkey count, made on ${base}`]);
    const add = (...args: string[]) => c.readmit('approvers', 'add', ...args);
    const fingerprint = line.split(' ').at(-1)!;
    const listed = await c.json<{ waiting: object[] }>('approvers', 'list');
    expect(listed.waiting).toEqual([{ name: 'root-ann', passkey: fingerprint, label: 'blue key' }]);
    expect((await add('root-ben', '--passkey', fingerprint)).err).toContain('has registered no passkey');
    expect((await add('root-ann', '--passkey', 'SHA256:short')).code).toBe(2);
    const before = readFileSync(join(c.dir, 'etc/readmit/approvers.yaml'), 'utf8');
    expect((await add('root-ann', '--passkey', fingerprint)).out).toContain('count from now on');
    const after = readFileSync(join(c.dir, 'etc/readmit/approvers.yaml'), 'utf8');
    expect(after.split('\n')).toEqual(expect.arrayContaining(before.split('\n').filter(l => l.startsWith('#'))));
    expect((await add('root-ann', '--passkey', fingerprint)).err).toContain('in the file already');
    expect((await c.readmit('approvers', 'list')).out).toContain(`passkey ${fingerprint}  blue key`);
  });

  it('signs nothing for a person it could not verify', async () => {
    await ann.reload();
    await keys.send('WebAuthn.setUserVerified', { authenticatorId: authenticator, isUserVerified: false });
    await approve().click();
    await ann.getByText('Nothing was signed: it was cancelled, or took too long.').waitFor();
    await keys.send('WebAuthn.setUserVerified', { authenticatorId: authenticator, isUserVerified: true });
    expect((await c.show(id)).votes).toEqual([]);
  });

  it('is not to be done without: a vote that only a session stands for is refused', async () => {
    const csrf = await ann.locator('form.approve [name=csrf]').inputValue();
    const digest = await ann.locator('form.approve [name=digest]').inputValue();
    const answer = await ann.request.post(`${base}/incidents/${id}/approve`, {
      form: { csrf, digest },
      headers: { 'sec-fetch-site': 'same-origin' },
    });
    expect(answer.status()).toBe(409);
    expect(await answer.text()).toContain('signed by your passkey');
    const forged = await ann.request.post(`${base}/incidents/${id}/signed`, {
      form: { csrf, vote: '{}', credential: 'AAAA', authenticatorData: 'AAAA', clientData: 'AAAA', signature: 'AAAA' },
      headers: { 'sec-fetch-site': 'same-origin' },
    });
    expect([forged.status(), await forged.json()]).toEqual([409, { refused: 'this is no vote' }]);
    expect((await c.show(id)).state).toBe('proposed');
  });

  it('signs the vote, the executor checks it and acts, and alice works again', async () => {
    await approve().click();
    await ann.getByText('Your vote is recorded.').waitFor();
    await ann.locator('[data-state="resolved"]').waitFor();
    expect((await c.submit('alice')).out).toMatch(/^Job submitted/);
    const audit = readFileSync(join(c.dir, 'state/exec/audit.jsonl'), 'utf8');
    const intent = audit.split('\n').find(l => l.includes('"run.intent"'))!;
    expect(JSON.parse(intent)).toMatchObject({
      actor: 'root-ann',
      after: { votes: [{ by: 'root-ann', proof: 'passkey', uid: expect.any(Number) }] },
    });
    expect((await c.readmit('audit', 'verify')).code).toBe(0);
  });

  it('signs its owner in again, on the page they asked for', async () => {
    await ann.goto(`${base}/me`);
    await ann.getByText('votes with it count').waitFor();
    expect((await c.readmit('sign-out', '--as', 'root-ann')).out).toMatch(
      /^root-ann is signed out everywhere \(\d+ sessions?\)\.\n$/,
    );
    await ann.goto(`${base}/incidents/${id}`);
    await ann.getByRole('button', { name: 'Sign in with a passkey' }).click();
    await ann.locator('[data-state="resolved"]').waitFor();
    await ann.goto(`${base}/me`);
    await ann.getByRole('cell', { name: 'passkey' }).waitFor();
    const journal = (await c.readmit('audit', 'show')).out;
    expect(journal).toContain('registered the passkey blue key');
    expect(journal).toMatch(/signed out everywhere, by \w+ on the host/);
    expect(journal).toContain('signed in with a passkey');
    expect(journal).toMatch(/let the passkey SHA256:\S+ of root-ann count in the approvers file/);
  });

  it('denies, too', async () => {
    const bob = await refused('bob');
    await ann.goto(`${base}/incidents/${bob}`);
    await ann.getByText('Deny', { exact: true }).click();
    await ann.locator('form[action$="/deny"] [name=reason]').fill('left the project');
    await ann.getByRole('button', { name: 'Deny this plan' }).click();
    await ann.locator('[data-state="denied"]').waitFor();
  });

  it('counts no more when root takes it out, and signs nobody in when its owner removes it', async () => {
    const fingerprint = line.split(' ').at(-1)!;
    expect((await c.readmit('approvers', 'remove', 'root-ann', '--passkey', fingerprint)).code).toBe(0);
    const carol = await refused('carol');
    await ann.goto(`${base}/incidents/${carol}`);
    await ann.getByText('you have none yet').waitFor();
    await ann.goto(`${base}/me`);
    await ann.getByRole('button', { name: 'Remove' }).click();
    await ann.getByText('You have no passkey here yet.').waitFor();
    await ann.context().clearCookies();
    await ann.goto(`${base}/`);
    await ann.getByRole('button', { name: 'Sign in with a passkey' }).click();
    await ann.getByText('this passkey does not sign anybody in here').waitFor();
    expect(await fits()).toEqual([]);
  });

  it('needs JavaScript, and the page says how to vote without it', async () => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto((await c.readmit('sign-in', '--as', 'root-ben')).out.trim());
    await page.getByRole('button', { name: 'Sign in as root-ben' }).click();
    await page.goto(`${base}/me`);
    await page.getByText('Passkeys need JavaScript.').waitFor();
    await context.close();
    expect(said).toEqual([]);
  });
});
