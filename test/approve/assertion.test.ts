/** Votes signed by passkeys, as the executor checks them: what counts, and everything that looks like it and does not. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type Approvers, parseApprovers } from '../../src/approve/approvers.ts';
import { fingerprintOf, relyingParty } from '../../src/approve/assertion.ts';
import { judge } from '../../src/approve/policy.ts';
import { makeVote } from '../../src/approve/vote.ts';
import { parseConfig } from '../../src/config/config.ts';
import { VoteSchema } from '../../src/messages.ts';
import type { Vote } from '../../src/plan.ts';
import { aPlan } from './a-plan.ts';
import { BENT, type Said, SITE, SoftPasskey } from './passkey.ts';

const NOW = Date.parse('2026-11-23T08:00:00Z');
const ann = new SoftPasskey();
const spare = new SoftPasskey('ed25519');
const ben = new SoftPasskey('rs256');
const stranger = new SoftPasskey();
const approvers: Approvers = {
  approvers: [
    { name: 'ann', uid: 2001, roles: ['administrator'], keys: [], passkeys: [ann.listed, spare.listed] },
    { name: 'ben', uid: 2002, roles: ['administrator'], keys: [], passkeys: [ben.listed] },
    { name: 'alice', uid: 1001, roles: ['administrator'], keys: [], passkeys: [stranger.listed] },
  ],
  session: { keys: [] },
};
const policy = (proof = 'passkey', origin: string | undefined = SITE.origin) => ({
  ...parseConfig(`policy: {proof: ${proof}}`, 'readmit.yaml').policy,
  ...(origin === undefined ? {} : { origin }),
});
const plan = aPlan();
const unsigned = (name = 'ann', uid = 2001) =>
  makeVote({
    plan: { ...plan, expires: plan.expires! },
    by: { name, uid },
    decision: 'approve',
    reason: 'joined the lab',
    proof: 'passkey',
    now: NOW,
  });
const judged = (vote: Vote, rules = policy()) => judge(plan, [vote], approvers, rules, NOW);
const voted = (said: Said = {}, key = ann) => key.vote(unsigned(), SITE, said);

describe('a vote signed by a passkey counts', () => {
  test.each([
    ['ES256', 'ann', 2001, ann],
    ['Ed25519', 'ann', 2001, spare],
    ['RS256', 'ben', 2002, ben],
  ] as const)('%s', (_, name, uid, key) => {
    const vote = key.vote(unsigned(name, uid));
    expect(VoteSchema.safeParse(vote).success).toBe(true);
    expect(judged(vote)).toMatchObject({ kind: 'enough' });
    expect(judged(vote, policy('session'))).toMatchObject({ kind: 'enough' });
  });

  test('with the flags of a synchronised passkey, and with extensions', () => {
    expect(judged(voted({ flags: 0x1d }))).toMatchObject({ kind: 'enough' });
    expect(judged(voted({ flags: 0x85, after: Buffer.from([0xa0]) }))).toMatchObject({ kind: 'enough' });
  });

  test('but not where only keys count, and not where the site has no page', () => {
    expect(judged(voted(), policy('key'))).toMatchObject({ rule: 'passkey-not-allowed' });
    const { origin: _, ...nowhere } = policy();
    expect(judged(voted(), nowhere)).toMatchObject({ rule: 'passkey-not-allowed' });
    expect(judged(voted(), policy('passkey', 'https://192.0.2.1'))).toMatchObject({ rule: 'passkey-not-allowed' });
  });
});

describe('and nothing else does', () => {
  const challenge = (text: string): Said => ({ client: { challenge: Buffer.from(text).toString('base64url') } });
  const cases: [string, Said][] = [
    ['another challenge', challenge('x'.repeat(32))],
    ['no challenge', { client: { challenge: undefined } }],
    ['another origin', { client: { origin: 'https://evil.example' } }],
    ['the same host on another port', { client: { origin: `${SITE.origin}:8443` } }],
    ['the same host without TLS', { client: { origin: 'http://readmit.site.example' } }],
    ['a subdomain', { client: { origin: 'https://x.readmit.site.example' } }],
    ['another site', { rpId: 'evil.example' }],
    ['the domain above', { rpId: 'site.example' }],
    ['a registration', { client: { type: 'webauthn.create' } }],
    ['a payment', { client: { type: 'payment.get' } }],
    ['a frame in another page', { client: { crossOrigin: true } }],
    ['a frame in a page it names', { client: { topOrigin: 'https://evil.example' } }],
    ['nobody present', { flags: 0x04 }],
    ['nobody verified', { flags: 0x01 }],
    ['no flag at all', { flags: 0x00 }],
    ['backed up without being able to', { flags: 0x15 }],
    ['a new credential in it', { flags: 0x45, after: Buffer.alloc(55) }],
    ['bytes behind the data', { after: Buffer.from([0]) }],
    ['the key of somebody else', { signWith: stranger.privateKey }],
    ['a key of another kind', { signWith: spare.privateKey }],
    ['words that are no JSON', { clientBytes: Buffer.from('{') }],
    ['words that are no object', { clientBytes: Buffer.from('null') }],
    ['words that are no UTF-8', { clientBytes: Buffer.from([0x22, 0xff, 0x22]) }],
  ];
  test.each(cases)('%s', (_, said) => {
    expect(judged(voted(said))).toMatchObject({ kind: 'refused', rule: 'bad-assertion' });
  });

  test('a signature over nothing of the vote: every field is in the challenge', () => {
    const good = voted();
    const changed: Partial<Vote>[] = [
      { id: 'y' },
      { reason: 'r' },
      { issued: '2026-11-23T08:00:01.000Z' },
      { expires: '2026-11-23T08:59:59.000Z' },
      { decision: 'deny' },
    ];
    for (const change of changed)
      expect(judged({ ...good, ...change }), JSON.stringify(change)).toMatchObject({ rule: 'bad-assertion' });
    const other = { ...plan, digest: 'e'.repeat(64) };
    expect(judge(other, [{ ...good, digest: other.digest }], approvers, policy(), NOW)).toMatchObject({
      rule: 'bad-assertion',
    });
  });

  test("somebody else's assertion, a passkey of nobody's, the one of the person concerned", () => {
    expect(judged(ben.vote(unsigned()))).toMatchObject({ rule: 'no-key' });
    expect(judged(new SoftPasskey().vote(unsigned()))).toMatchObject({ rule: 'no-key' });
    // The id is known, the key is not its own.
    const foreign = voted({}, stranger);
    expect(judged({ ...foreign, assertion: { ...foreign.assertion!, credential: ann.id } })).toMatchObject({
      rule: 'bad-assertion',
    });
    expect(judged(stranger.vote(unsigned('alice', 1001)))).toMatchObject({ rule: 'own-plan' });
  });

  test('other spellings of an ECDSA signature; its mathematical twin is the same vote, used once', () => {
    for (const [name, bend] of Object.entries(BENT)) {
      const bent = voted({ bend });
      if (name === 'twin') expect(judged(bent)).toMatchObject({ kind: 'enough' });
      else expect(judged(bent), name).toMatchObject({ kind: 'refused', rule: 'bad-assertion' });
    }
    const good = voted();
    const twin = { ...good, signature: BENT.twin(Buffer.from(good.signature, 'base64')).toString('base64') };
    expect(judge({ ...plan, tier: 2 }, [good, twin], approvers, policy(), NOW)).toMatchObject({
      rule: 'duplicate-vote',
    });
  });

  test('other spellings of base64', () => {
    const good = voted();
    const { assertion } = good;
    const spelled: Vote[] = [
      { ...good, signature: good.signature.replace(/=*$/, '') + (good.signature.endsWith('=') ? '' : '====') },
      { ...good, signature: `${good.signature}\n` },
      { ...good, assertion: { ...assertion!, clientData: `${assertion!.clientData}=` } },
      { ...good, assertion: { ...assertion!, authenticatorData: ` ${assertion!.authenticatorData}` } },
    ];
    for (const vote of spelled) expect(judged(vote)).toMatchObject({ rule: 'bad-assertion' });
  });

  test('a vote that says key or session and brings an assertion, or passkey and none', () => {
    const good = voted();
    for (const proof of ['key', 'session'] as const) {
      expect(VoteSchema.safeParse({ ...good, proof }).success).toBe(false);
      expect(judged({ ...good, proof }, policy('session'))).toMatchObject({ rule: 'bad-signature' });
    }
    const { assertion: _, ...bare } = good;
    expect(VoteSchema.safeParse(bare).success).toBe(false);
    expect(judged(bare)).toMatchObject({ rule: 'bad-assertion' });
    expect(judged({ ...good, proof: 'session' })).toMatchObject({ rule: 'session-not-allowed' });
  });
});

describe('the relying party of a page', () => {
  test.each([
    ['https://readmit.site.example', { id: 'readmit.site.example', origin: 'https://readmit.site.example' }],
    ['https://readmit.site.example:8443/', { id: 'readmit.site.example', origin: 'https://readmit.site.example:8443' }],
    ['http://localhost:8420', { id: 'localhost', origin: 'http://localhost:8420' }],
    ['http://127.0.0.1:8420', null],
    ['https://[::1]:8420', null],
    ['http://readmit.site.example', null],
    ['what', null],
  ])('%s', (origin, expected) => expect(relyingParty(origin)).toEqual(expected));
});

describe('passkeys in the approvers file', () => {
  const parse = (passkeys: unknown, more = '') =>
    parseApprovers(
      `approvers: [{name: ann, uid: 1, roles: [a], passkeys: ${JSON.stringify(passkeys)}}${more}]`,
      'approvers.yaml',
    );
  const spki = ({ publicKey }: { publicKey: KeyObject }): string =>
    publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
  const onP384 = spki(generateKeyPairSync('ec', { namedCurve: 'secp384r1' }));
  const shortRsa = spki(generateKeyPairSync('rsa', { modulusLength: 1024 }));

  test('are read with their labels', () => {
    expect(parse([{ ...ann.listed, label: 'laptop' }]).approvers[0]!.passkeys).toEqual([
      { ...ann.listed, label: 'laptop' },
    ]);
    expect(fingerprintOf(ann.key)).toMatch(/^SHA256:[A-Za-z0-9+/]{43}$/);
  });

  test.each([
    ['a key on another curve', { id: 'AAAA', key: onP384 }, /P-256, Ed25519 or RSA/],
    ['a short RSA key', { id: 'AAAA', key: shortRsa }, /2048/],
    ['no key', { id: 'AAAA', key: 'AAAA' }, /not a public key/],
    ['an id that is no base64url', { ...ann.listed, id: 'a b' }, /base64url/],
    ['something more', { ...ann.listed, count: 1 }, /[Uu]nrecognized/],
  ])('are refused: %s', (_, passkey, message) => {
    expect(() => parse([passkey])).toThrow(message);
  });

  test('belong to one person only', () => {
    const second = `, {name: ben, uid: 2, roles: [a], passkeys: [${JSON.stringify(ann.listed)}]}`;
    expect(() => parse([ann.listed], second)).toThrow(/belongs to ann already/);
  });
});
