/** A provider that was taken over, or somebody between: answers that look like a provider's and are not believed. */
import { createHash, createSign, generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/config.ts';
import { Refused, Retry } from '../../src/incident.ts';
import { Oidc } from '../../src/web/oidc.ts';

const REDIRECT = 'http://127.0.0.1:1/sign-in/provider/callback';
const dir = mkdtempSync(join(tmpdir(), 'rdm-forged-'));
const own = generateKeyPairSync('rsa', { modulusLength: 2048 });
const other = generateKeyPairSync('rsa', { modulusLength: 2048 });
let server: Server;
let issuer: string;
/** What the next ID token says otherwise, and how it is signed. */
let forged: { claims?: Record<string, unknown>; key?: KeyObject; alg?: string; userinfo?: Record<string, unknown> } =
  {};
let asked: URLSearchParams;
let nonce = '';
let discovered: Record<string, unknown> = {};

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
function idToken(): string {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: issuer,
    aud: 'readmit',
    sub: 'sub-olga',
    iat: now,
    exp: now + 60,
    auth_time: now - 30,
    nonce,
    ...forged.claims,
  };
  const text = `${part({ alg: forged.alg ?? 'RS256', kid: 'k' })}.${part(claims)}`;
  if (forged.alg === 'none') return `${text}.`;
  return `${text}.${createSign('sha256')
    .update(text)
    .sign(forged.key ?? own.privateKey, 'base64url')}`;
}

beforeAll(async () => {
  writeFileSync(join(dir, 'secret'), 'a secret');
  server = createServer(async (request, answer) => {
    const json = (value: unknown): void => {
      answer.writeHead(200, { 'content-type': 'application/json' });
      answer.end(JSON.stringify(value));
    };
    if (request.url === '/.well-known/openid-configuration')
      return json({
        issuer,
        authorization_endpoint: `${issuer}/auth`,
        token_endpoint: `${issuer}/token`,
        userinfo_endpoint: `${issuer}/me`,
        jwks_uri: `${issuer}/keys`,
        ...discovered,
      });
    if (request.url === '/keys')
      return json({ keys: [{ ...own.publicKey.export({ format: 'jwk' }), kid: 'k', use: 'sig', alg: 'RS256' }] });
    if (request.url === '/me')
      return json({ sub: 'sub-olga', preferred_username: 'olga', groups: ['ops'], ...forged.userinfo });
    let body = '';
    for await (const chunk of request) body += chunk;
    asked = new URLSearchParams(body);
    return json({ access_token: randomUUID(), token_type: 'bearer', id_token: idToken() });
  });
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done));
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
  rmSync(dir, { recursive: true });
});

const client = (): Oidc => {
  const text = `web: {signIn: {oidc: {issuer: '${issuer}', clientId: readmit, clientSecretFile: ${dir}/secret}}}`;
  return new Oidc(parseConfig(text, 'readmit.yaml').web.signIn.oidc!, REDIRECT, 900, Date.now);
};
/** From the first step to the last, with these lies on the way. */
async function signIn(lies: typeof forged = {}) {
  forged = lies;
  const oidc = client();
  const { url, mine } = await oidc.begin();
  const sent = new URL(url).searchParams;
  nonce = sent.get('nonce')!;
  const found = await oidc.finish(`code=c&state=${sent.get('state')}`, mine);
  expect(createHash('sha256').update(asked.get('code_verifier')!).digest('base64url')).toBe(sent.get('code_challenge'));
  return found;
}

describe('an answer of the provider', () => {
  test('is believed when everything in it is as it should be', async () => {
    expect(await signIn()).toMatchObject({ subject: 'sub-olga', name: 'olga', groups: ['ops'] });
    expect(await signIn({ claims: { preferred_username: 'olga', groups: 'ops' } })).toMatchObject({ groups: ['ops'] });
  });

  const long = Math.floor(Date.now() / 1000) - 7200;
  test.each<[string, typeof forged]>([
    ['another nonce', { claims: { nonce: 'x' } }],
    ['no nonce', { claims: { nonce: undefined } }],
    ['another audience', { claims: { aud: 'somebody-else' } }],
    ['another issuer', { claims: { iss: 'https://evil.example' } }],
    ['a token that is over', { claims: { exp: long } }],
    ['a proof of long ago', { claims: { auth_time: long } }],
    ['no time of the proof', { claims: { auth_time: undefined } }],
    ['nobody', { claims: { sub: undefined } }],
    ['the signature of another key', { key: other.privateKey }],
    ['no signature', { alg: 'none' }],
    ['a signature that says it is of another kind', { alg: 'HS256' }],
    ['somebody else, when it is asked for more', { userinfo: { sub: 'sub-ann' } }],
  ])('is not believed with %s', async (_, lies) => {
    const failed = await signIn(lies).catch(error => error);
    expect(failed).toBeInstanceOf(Refused);
    expect(failed.message).toMatch(/not to be believed/);
  });

  test('is not even asked for when the provider describes another issuer', async () => {
    discovered = { issuer: 'https://evil.example' };
    await expect(client().begin()).rejects.toBeInstanceOf(Refused);
    discovered = {};
    await expect(client().begin()).resolves.toMatchObject({ mine: expect.any(String) });
  });

  test('is waited for in vain where nobody answers', async () => {
    const text = `web: {signIn: {oidc: {issuer: 'http://127.0.0.1:1', clientId: readmit, clientSecretFile: ${dir}/secret}}}`;
    const oidc = new Oidc(parseConfig(text, 'readmit.yaml').web.signIn.oidc!, REDIRECT, 900, Date.now);
    await expect(oidc.begin()).rejects.toBeInstanceOf(Retry);
  });
});

describe('the configuration', () => {
  test.each([
    'http://idp.example',
    'https://idp.example/?x',
    'https://idp.example/#x',
    'http://localhost@idp.example',
    'http://127.0.0.1.idp.example',
    'ftp://idp.example',
    'ftp://localhost',
    'idp.example',
  ])('refuses the issuer %s', bad => {
    const text = `web: {signIn: {oidc: {issuer: '${bad}', clientId: r, clientSecretFile: /x}}}`;
    expect(() => parseConfig(text, 'readmit.yaml')).toThrow(/web.signIn.oidc.issuer: https:/);
  });
});
