/** Votes that passkeys sign on the page, from the form to the order: fresh by themselves, and each only what it says. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { RelyingParty } from '../../src/approve/assertion.ts';
import type { UnsignedVote } from '../../src/approve/vote.ts';
import { voteChallenge } from '../../src/digest.ts';
import { incident } from '../../src/store/incidents.ts';
import { savePasskey } from '../../src/store/passkeys.ts';
import { type Said, SoftPasskey } from '../approve/passkey.ts';
import { aSite, NOON, type Site } from './a-site.ts';

const HERE: RelyingParty = { id: 'localhost', origin: 'http://localhost:8420' };
let site: Site;
let keys: Record<string, SoftPasskey>;
beforeEach(() => {
  site = aSite({ proof: 'passkey', web: 'origin: "http://localhost:8420"' });
  keys = { 'root-ann': new SoftPasskey(), 'root-ben': new SoftPasskey(), alice: new SoftPasskey() };
  for (const [name, key] of Object.entries(keys)) {
    site.approvers.approvers.find(a => a.name === name)!.passkeys.push(key.listed);
    savePasskey(site.store, { ...key.listed, name, label: 'key', count: 0, created: NOON });
  }
});
afterEach(() => site.end());

interface Answer {
  vote: UnsignedVote;
  challenge: string;
  refused: string;
}

/** A person's page: what its script sends and gets. */
async function pageOf(name: string) {
  const { cookie, csrf } = await site.signIn(name);
  const post = async (path: string, fields: Record<string, string>) => {
    const answer = await site.app.request(path, {
      method: 'POST',
      headers: { cookie, 'sec-fetch-site': 'same-origin' },
      body: new URLSearchParams({ csrf, ...fields }),
    });
    const type = answer.headers.get('content-type') ?? '';
    return { status: answer.status, json: (type.includes('json') ? await answer.json() : {}) as Answer };
  };
  const toSign = (id: string, over: Record<string, string> = {}) =>
    post(`/incidents/${id}/to-sign`, {
      digest: over.digest ?? site.digest(id),
      decision: 'approve',
      reason: 'joined the lab',
      ...over,
    });
  const send = (id: string, vote: UnsignedVote, said: Said = {}, key = keys[name]!, change: object = {}) => {
    const { assertion, signature } = key.assert(voteChallenge(vote), HERE, said);
    return post(`/incidents/${id}/signed`, { vote: JSON.stringify({ ...vote, ...change }), signature, ...assertion! });
  };
  const vote = async (id: string, over: Record<string, string> = {}) => send(id, (await toSign(id, over)).json.vote);
  return { post, toSign, send, vote };
}
const stateOf = (id: string): string => incident(site.store, id).state;

describe('a vote signed by a passkey', () => {
  test('says what the page shows: the vote, its hash, and whose passkeys may sign it', async () => {
    const ann = await pageOf('root-ann');
    const { status, json } = await ann.toSign(site.user);
    expect(status).toBe(200);
    expect(json).toMatchObject({
      site: 'localhost',
      credentials: [keys['root-ann']!.id],
      vote: { by: 'root-ann', uid: 2000, proof: 'passkey', incident: site.user, digest: site.digest(site.user) },
    });
    expect(json.challenge).toBe(voteChallenge(json.vote).toString('base64url'));
    expect(await ann.send(site.user, json.vote)).toMatchObject({
      status: 200,
      json: { to: `/incidents/${site.user}?done=approved` },
    });
    expect(stateOf(site.user)).toBe('approved');
    // Sent again, by a second click or by somebody who kept it.
    expect(await ann.send(site.user, json.vote)).toMatchObject({ status: 409 });
  });

  test('D24 is fresh by itself: tier 2 of two people whose sign-in is an hour old', async () => {
    const [ann, ben] = [await pageOf('root-ann'), await pageOf('root-ben')];
    site.pass(59 * 60_000);
    expect(await ann.vote(site.service)).toMatchObject({ status: 200 });
    expect(stateOf(site.service)).toBe('proposed');
    expect((await ann.toSign(site.service)).json.refused).toContain('You have decided already');
    expect(await ben.vote(site.service)).toMatchObject({ status: 200 });
    expect(stateOf(site.service)).toBe('approved');
  });

  test.each<[string, Said]>([
    ['another page', { client: { origin: 'https://evil.example' } }],
    ['another challenge', { client: { challenge: 'AAAA' } }],
    ['another site', { rpId: 'evil.example' }],
    ['nobody verified', { flags: 0x01 }],
    ['another key', { signWith: new SoftPasskey().privateKey }],
  ])('is refused with %s', async (_, said) => {
    const ann = await pageOf('root-ann');
    const { json } = await ann.toSign(site.user);
    expect(await ann.send(site.user, json.vote, said)).toMatchObject({
      status: 409,
      json: { refused: expect.stringContaining('the vote of root-ann') },
    });
    expect(stateOf(site.user)).toBe('proposed');
  });

  test('is refused when it says something else than was signed, is another person’s, or for another incident', async () => {
    const ann = await pageOf('root-ann');
    const ben = await pageOf('root-ben');
    const { json } = await ann.toSign(site.user);
    for (const change of [{ decision: 'deny' }, { reason: 'x' }, { digest: 'e'.repeat(64) }, { proof: 'session' }])
      expect(await ann.send(site.user, json.vote, {}, keys['root-ann'], change)).toMatchObject({ status: 409 });
    expect((await ben.send(site.user, json.vote, {}, keys['root-ann'])).json.refused).toBe(
      "the vote is another person's",
    );
    expect((await ann.send(site.user, json.vote, {}, keys['root-ben'])).status).toBe(409);
    expect((await ann.send(site.service, json.vote)).json.refused).toBe('the vote is for another incident');
    expect(stateOf(site.user)).toBe('proposed');
  });

  test('is refused when the counter of the passkey stands still: somebody has a copy', async () => {
    const ann = await pageOf('root-ann');
    expect(await ann.send(site.service, (await ann.toSign(site.service)).json.vote, { count: 7 })).toMatchObject({
      status: 200,
    });
    const { json } = await ann.toSign(site.user);
    expect((await ann.send(site.user, json.vote, { count: 7 })).json.refused).toContain('did not rise');
    expect((await ann.send(site.user, json.vote, { count: 6 })).json.refused).toContain('did not rise');
    expect(await ann.send(site.user, json.vote, { count: 8 })).toMatchObject({ status: 200 });
  });

  test('is not even asked for from the person concerned, without a role, without a reason, or on an old plan', async () => {
    const refused = async (name: string, over?: Record<string, string>) =>
      (await (await pageOf(name)).toSign(site.user, over)).json.refused;
    expect(await refused('alice')).toContain('can’t sign a vote on this plan');
    expect(await refused('vera')).toContain('can’t sign a vote on this plan');
    expect(await refused('olga')).toContain('none of your passkeys is in the approvers file yet');
    expect(await refused('root-ann', { reason: '' })).toContain('needs a reason');
    expect(await refused('root-ann', { decision: 'deny', reason: ' ' })).toContain('Say why');
    expect(await refused('root-ann', { reason: 'password=hunter22secret' })).toContain('looks like a password');
    expect(await refused('root-ann', { digest: 'e'.repeat(64) })).toContain('changed');
    expect((await (await pageOf('root-ann')).toSign('999', { digest: 'e'.repeat(64) })).status).toBe(404);
  });

  test('denies for good', async () => {
    const ann = await pageOf('root-ann');
    expect(await ann.vote(site.user, { decision: 'deny', reason: 'left the lab' })).toMatchObject({
      json: { to: `/incidents/${site.user}?done=denied` },
    });
    expect(stateOf(site.user)).toBe('denied');
  });

  test('is not made for programs: the API takes votes signed with keys', async () => {
    const token = site.token('administrator', 'root-ann');
    const answer = await site.ask(`/api/v1/incidents/${site.user}/approve`, {
      token,
      body: { digest: site.digest(site.user), reason: 'x' },
    });
    expect([answer.status, answer.json.detail]).toEqual([
      409,
      "policy.proof is passkey: send a vote signed with the person's own key",
    ]);
    const signed = await site.ask(`/api/v1/incidents/${site.user}/approve`, {
      token,
      body: site.signed('root-ann', site.user),
    });
    expect(signed.status).toBe(200);
  });
});
