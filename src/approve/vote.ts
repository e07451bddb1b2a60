/**
 * Votes: how one is made, signed and verified. A vote proves itself, by a signature over everything it says: vote id,
 * host, incident, plan serial, digest, decision, voter, issued, expires. An ed25519 key signs it, or a passkey its hash.
 * Whether the votes are enough is policy.ts.
 */
import { createPrivateKey, createPublicKey, type KeyObject, randomUUID, sign, verify } from 'node:crypto';
import type { Config } from '../config/config.ts';
import { voteBytes, voteChallenge } from '../digest.ts';
import { Refused } from '../incident.ts';
import type { Decision, Plan, Vote } from '../plan.ts';
import type { Approver, Approvers } from './approvers.ts';
import { relyingParty, verifyAssertion } from './assertion.ts';

export type UnsignedVote = Omit<Vote, 'signature' | 'assertion'>;

/**
 * What of the site's policy a vote is checked against. `origin`: the page's; without it no passkey is believed.
 */
export type VotePolicy = Pick<Config['policy'], 'proof' | 'planLifetime'> & { origin?: string };

/** Why a vote does not count by itself, whatever plan it is for. */
export type VoteRule =
  | 'unknown-approver'
  | 'uid-mismatch'
  | 'no-key'
  | 'bad-signature'
  | 'session-not-allowed'
  | 'passkey-not-allowed'
  | 'bad-assertion'
  | 'bad-time'
  | 'not-yet-valid'
  | 'vote-expired'
  | 'lives-too-long';

export type VoteVerdict = { kind: 'valid'; approver: Approver } | { kind: 'refused'; rule: VoteRule; message: string };

/** Clocks of two hosts may differ by so much before a vote counts as made in the future. */
const CLOCK_SKEW_MS = 5 * 60_000;

/**
 * A vote on a plan, not yet signed: a random id, issued now, expiring with the plan or after `lifetimeMs`, whichever
 * comes first.
 */
export function makeVote(input: {
  plan: Pick<Plan, 'host' | 'incident' | 'serial' | 'digest' | 'expires'>;
  by: { name: string; uid: number };
  decision: Decision;
  reason: string;
  proof: Vote['proof'];
  now: number;
  lifetimeMs?: number;
  id?: string;
}): UnsignedVote {
  const { plan, by, decision, reason, proof, now, lifetimeMs = Number.POSITIVE_INFINITY, id = randomUUID() } = input;
  const { host, incident, serial, digest } = plan;
  const expires = new Date(Math.min(Date.parse(plan.expires), now + lifetimeMs)).toISOString();
  const issued = new Date(now).toISOString();
  return {
    v: 1,
    id,
    host,
    incident,
    serial,
    digest,
    decision,
    by: by.name,
    uid: by.uid,
    issued,
    expires,
    reason,
    proof,
  };
}

/** The key in the text of a key file. @throws Refused naming the file, where it is none that signs votes */
export function signingKey(pem: string, file: string): KeyObject {
  const needed = 'an ed25519 private key is needed, as PEM (PKCS#8) and without a passphrase';
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    throw new Refused(`${file} holds no key that can be read: ${needed}`);
  }
  if (key.asymmetricKeyType !== 'ed25519')
    throw new Refused(`${file} holds a key of ${key.asymmetricKeyType}: ${needed}`);
  return key;
}

/** Signs with a PEM (PKCS#8) ed25519 private key. @throws TypeError for any other kind of key */
export function signVote(unsigned: UnsignedVote, privateKeyPem: string | KeyObject): Vote {
  const key = typeof privateKeyPem === 'string' ? createPrivateKey(privateKeyPem) : privateKeyPem;
  if (key.asymmetricKeyType !== 'ed25519')
    throw new TypeError(`an ed25519 key is needed, this is ${key.asymmetricKeyType}`);
  const { signature: _, ...rest } = unsigned as Vote;
  return { ...rest, signature: sign(null, voteBytes(rest), key).toString('base64') };
}

/** The raw 32-byte public key in base64, as the approvers file holds it, of a private or public PEM key. */
export function publicKeyOf(pem: string | KeyObject): string {
  const jwk = createPublicKey(pem as string).export({ format: 'jwk' });
  if (jwk.crv !== 'Ed25519' || !jwk.x) throw new TypeError('an ed25519 key is needed');
  return Buffer.from(jwk.x, 'base64url').toString('base64');
}

/**
 * Is this vote what it says: from a known approver with that uid, signed by the key its proof asks for, and in time?
 * A `session` vote counts only where the site's policy says so, and so does a `passkey` vote; a `key` vote counts
 * everywhere, with the person's own key only.
 */
export function verifyVote(vote: Vote, approvers: Approvers, policy: VotePolicy, now: number): VoteVerdict {
  const signed = verifySignature(vote, approvers, policy);
  if (signed.kind === 'refused') return signed;
  const refused = (rule: VoteRule, message: string): VoteVerdict => ({ kind: 'refused', rule, message });
  const issued = Date.parse(vote.issued);
  const expires = Date.parse(vote.expires);
  if (!Number.isFinite(issued) || !Number.isFinite(expires))
    return refused('bad-time', `the vote of ${vote.by} has no valid time`);
  if (issued > now + CLOCK_SKEW_MS)
    return refused('not-yet-valid', `the vote of ${vote.by} was issued in the future (${vote.issued})`);
  if (expires <= now) return refused('vote-expired', `the vote of ${vote.by} expired at ${vote.expires}`);
  if (expires - issued > policy.planLifetime * 1000 + 1000)
    return refused('lives-too-long', `the vote of ${vote.by} outlives any plan`);
  return signed;
}

/** The part that does not depend on the time: who, and whose key. */
function verifySignature(vote: Vote, approvers: Approvers, policy: Omit<VotePolicy, 'planLifetime'>): VoteVerdict {
  const refused = (rule: VoteRule, message: string): VoteVerdict => ({ kind: 'refused', rule, message });
  const approver = approvers.approvers.find(a => a.name === vote.by);
  if (!approver) return refused('unknown-approver', `${vote.by} is not in the approvers file`);
  if (approver.uid !== vote.uid)
    return refused('uid-mismatch', `${vote.by} has uid ${approver.uid}, the vote says ${vote.uid}`);
  if (vote.proof === 'session' && policy.proof !== 'session')
    return refused('session-not-allowed', `votes signed by the page do not count here (policy.proof: ${policy.proof})`);
  if (vote.proof === 'passkey') return verifyPasskey(vote, approver, policy);
  if (vote.assertion !== undefined) return refused('bad-signature', 'only a passkey brings an assertion');
  const keys = vote.proof === 'session' ? approvers.session.keys : approver.keys;
  if (keys.length === 0) return refused('no-key', `no ${vote.proof} key is known for ${vote.by}`);
  const signature = Buffer.from(vote.signature, 'base64');
  if (signature.length !== 64 || !keys.some(key => verify(null, voteBytes(vote), publicKey(key), signature)))
    return refused('bad-signature', `the signature under the vote of ${vote.by} is not made with a known key`);
  return { kind: 'valid', approver };
}

/** The assertion of one of the person's own passkeys over this very vote. */
function verifyPasskey(vote: Vote, approver: Approver, policy: Omit<VotePolicy, 'planLifetime'>): VoteVerdict {
  const refused = (rule: VoteRule, message: string): VoteVerdict => ({ kind: 'refused', rule, message });
  if (policy.proof === 'key')
    return refused('passkey-not-allowed', 'votes by passkey do not count here (policy.proof: key)');
  const site = policy.origin === undefined ? null : relyingParty(policy.origin);
  if (!site)
    return refused('passkey-not-allowed', `there are no passkeys for ${policy.origin ?? 'a site without a page'}`);
  const { assertion, signature } = vote;
  if (!assertion) return refused('bad-assertion', `the vote of ${vote.by} has no assertion`);
  const passkey = approver.passkeys.find(known => known.id === assertion.credential);
  if (!passkey)
    return refused('no-key', `the passkey under the vote of ${vote.by} is not in the approvers file under that name`);
  const verdict = verifyAssertion(site, voteChallenge(vote), { assertion, signature }, passkey);
  return verdict.kind === 'valid'
    ? { kind: 'valid', approver }
    : refused('bad-assertion', `the vote of ${vote.by}: ${verdict.why}`);
}

const publicKey = (raw: string): KeyObject =>
  createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(raw, 'base64').toString('base64url') },
    format: 'jwk',
  });
