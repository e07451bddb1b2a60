/** Registering a passkey and signing in with it, as the page's script does it; and everybody who must not be able to. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { RelyingParty } from '../../src/approve/assertion.ts';
import { journal } from '../../src/store/journal.ts';
import { passkeysOf } from '../../src/store/passkeys.ts';
import { type Said, SoftPasskey } from '../approve/passkey.ts';
import { aSite, type Site } from './a-site.ts';

const HERE: RelyingParty = { id: 'localhost', origin: 'http://localhost:8420' };
let site: Site;
beforeEach(() => {
  site = aSite({ proof: 'passkey', web: 'origin: "http://localhost:8420"' });
});
afterEach(() => site.end());

interface Answer {
  challenge: string;
  refused: string;
  to: string;
}

/** Sends a form as a page does, with whatever cookie there is. */
async function post(path: string, fields: Record<string, string>, cookie = '') {
  const answer = await site.app.request(path, {
    method: 'POST',
    headers: { cookie, 'sec-fetch-site': 'same-origin' },
    body: new URLSearchParams(fields),
  });
  const json = answer.headers.get('content-type')?.includes('json') ? await answer.json() : {};
  return {
    status: answer.status,
    json: json as Answer,
    cookie: (answer.headers.get('set-cookie') ?? '').split(';')[0]!,
  };
}

async function pageOf(name: string) {
  const { cookie, csrf } = await site.signIn(name);
  const begin = async () => (await post('/me/passkeys/begin', { csrf }, cookie)).json;
  const finish = (answer: object, label = '') =>
    post('/me/passkeys', { csrf, label, answer: JSON.stringify(answer) }, cookie);
  const register = async (key: SoftPasskey, said: Said = {}, label = 'laptop') =>
    finish(key.register((await begin()).challenge, HERE, said), label);
  return { cookie, csrf, begin, finish, register };
}
const known = (name: string) => passkeysOf(site.store, name).map(({ id, key, label }) => ({ id, key, label }));

describe('registering', () => {
  test('B21: a label that would act on the terminal root lists it in is not taken', async () => {
    const ann = await pageOf('root-ann');
    expect(await ann.register(new SoftPasskey(), {}, 'k\u001b[1Aforged')).toMatchObject({
      status: 409,
      json: { refused: expect.stringMatching(/the label holds control characters/) },
    });
    expect(known('root-ann')).toEqual([]);
  });

  test.each(['es256', 'ed25519', 'rs256'] as const)('takes %s, and keeps its public key', async kind => {
    const ann = await pageOf('root-ann');
    const key = new SoftPasskey(kind);
    expect(await ann.register(key)).toMatchObject({ status: 200, json: { to: '/me' } });
    expect(known('root-ann')).toEqual([{ ...key.listed, label: 'laptop' }]);
    expect(journal(site.store).at(-1)).toMatchObject({
      actor: 'root-ann',
      what: expect.stringMatching(/^registered the passkey laptop \(SHA256:\S+\)$/),
    });
    const page = await (await site.app.request('/me', { headers: { cookie: ann.cookie } })).text();
    expect(page).toMatch(/readmit approvers add root-ann --passkey SHA256:\S+/);
  });

  test.each<[string, Said]>([
    ['another page', { client: { origin: 'https://evil.example' } }],
    ['another site', { rpId: 'evil.example' }],
    ['an assertion', { client: { type: 'webauthn.get' } }],
    ['nobody verified', { flags: 0x41 }],
    ['nobody present', { flags: 0x44 }],
    ['a challenge of its own', { client: { challenge: 'A'.repeat(43) } }],
  ])('refuses %s', async (_, said) => {
    const ann = await pageOf('root-ann');
    expect(await ann.register(new SoftPasskey(), said)).toMatchObject({
      status: 409,
      json: { refused: expect.stringContaining('begin again') },
    });
    expect(known('root-ann')).toEqual([]);
  });

  test('refuses an answer that comes twice, late, or to somebody else’s question', async () => {
    const [ann, ben] = [await pageOf('root-ann'), await pageOf('root-ben')];
    const key = new SoftPasskey();
    const answer = key.register((await ann.begin()).challenge, HERE);
    expect((await ben.finish(answer)).status).toBe(409);
    expect((await ann.finish(answer)).status).toBe(409);
    const late = key.register((await ann.begin()).challenge, HERE);
    site.pass(5 * 60_000 + 1);
    expect((await ann.finish(late)).status).toBe(409);
    expect((await ann.register(key)).status).toBe(200);
    // A credential is one person's.
    expect((await ben.register(key)).json.refused).toContain('known here already');
    for (const odd of [{}, { id: 1 }, [], 'x', null])
      expect((await ann.finish(odd as object)).json.refused, JSON.stringify(odd)).toContain(
        'did not answer as it should',
      );
  });

  test('asks for a fresh sign-in, the token of the page, and a place in the approvers file', async () => {
    const ann = await pageOf('root-ann');
    expect((await post('/me/passkeys/begin', { csrf: 'x' }, ann.cookie)).status).toBe(403);
    expect((await post('/me/passkeys/begin', {}, '')).status).toBe(401);
    site.pass(15 * 60_000 + 1);
    expect((await ann.begin()).refused).toContain('fresh sign-in');
    expect((await ann.finish({})).json.refused).toContain('fresh sign-in');
    const page = await (await site.app.request('/me', { headers: { cookie: ann.cookie } })).text();
    expect(page).toContain('asks for a fresh sign-in');
  });

  test('removes only one’s own', async () => {
    const [ann, ben] = [await pageOf('root-ann'), await pageOf('root-ben')];
    const key = new SoftPasskey();
    await ann.register(key);
    expect((await post('/me/passkeys/remove', { csrf: ben.csrf, id: key.id }, ben.cookie)).status).toBe(404);
    expect(known('root-ann')).toHaveLength(1);
    expect((await post('/me/passkeys/remove', { csrf: ann.csrf, id: key.id }, ann.cookie)).status).toBe(303);
    expect(known('root-ann')).toEqual([]);
  });
});

describe('signing in with a passkey', () => {
  let key: SoftPasskey;
  beforeEach(async () => {
    key = new SoftPasskey();
    await (await pageOf('root-ann')).register(key);
  });
  const challenge = async () => Buffer.from((await post('/sign-in/passkey/challenge', {})).json.challenge, 'base64url');
  const send = ({ assertion, signature }: ReturnType<SoftPasskey['assert']>) =>
    post('/sign-in/passkey', { ...assertion!, signature });

  test('begins a session of its owner, fresh enough for tier 2', async () => {
    const answer = await send(key.assert(await challenge(), HERE));
    expect(answer).toMatchObject({ status: 200, json: { to: '/' } });
    const me = await site.ask('/api/v1/me', { headers: { cookie: answer.cookie } });
    expect(me.json).toMatchObject({ name: 'root-ann', through: 'session' });
  });

  test.each<[string, Said]>([
    ['another page', { client: { origin: 'https://evil.example' } }],
    ['another site', { rpId: 'evil.example' }],
    ['nobody verified', { flags: 0x01 }],
    ['a counter that stands still', { count: 1 }],
    ['another key', { signWith: new SoftPasskey().privateKey }],
    ['a challenge nobody gave', { client: { challenge: 'A'.repeat(43) } }],
  ])('is refused with %s', async (_, said) => {
    expect(await send(key.assert(await challenge(), HERE, said))).toMatchObject({
      status: 409,
      cookie: '',
      json: { refused: 'this passkey does not sign anybody in here' },
    });
  });

  test('works once, soon, for a known passkey, and while its owner is in the approvers file', async () => {
    const given = await challenge();
    const answer = key.assert(given, HERE);
    expect((await send(answer)).status).toBe(200);
    expect((await send(answer)).status).toBe(409);
    expect((await send(key.assert(given, HERE))).status).toBe(409);
    const late = await challenge();
    site.pass(5 * 60_000 + 1);
    expect((await send(key.assert(late, HERE))).status).toBe(409);
    expect((await send(new SoftPasskey().assert(await challenge(), HERE))).status).toBe(409);
    site.approvers.approvers.splice(0, 1);
    expect((await send(key.assert(await challenge(), HERE))).status).toBe(409);
  });

  test('is not asked for without end', async () => {
    const seen = new Set<number>();
    for (let n = 0; n < 40; n++) seen.add((await post('/sign-in/passkey/challenge', {})).status);
    expect([...seen]).toEqual([200, 409]);
  });

  test('comes from our own page', async () => {
    const answer = await site.app.request('/sign-in/passkey/challenge', {
      method: 'POST',
      headers: { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' },
      body: new URLSearchParams({}),
    });
    expect(answer.status).toBe(403);
  });
});

describe('a page without passkeys', () => {
  test('says why: browsers bind them to a name, not to an address', async () => {
    site.end();
    site = aSite({ proof: 'passkey' });
    const { cookie } = await site.signIn('root-ann');
    const page = await (await site.app.request('/me', { headers: { cookie } })).text();
    expect(page).toContain('browsers offer no passkeys for http://127.0.0.1:8420');
    expect(await (await site.app.request('/')).text()).not.toContain('Sign in with a passkey');
  });
});
