/**
 * A passkey's signature under a challenge (WebAuthn Level 3, 7.2), checked by node:crypto alone: the executor asks this
 * file, and nothing that it would have to trust stands behind it. Pure.
 */
import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';
import { isIP } from 'node:net';
import type { Assertion } from '../plan.ts';

/** Where passkeys of this site are used: the page's origin, and its host name, to which browsers bind them. */
export interface RelyingParty {
  id: string;
  origin: string;
}

/** A passkey as the approvers file has it: the credential's id in base64url, its public key as SPKI (DER) in base64. */
export interface Passkey {
  id: string;
  key: string;
}

export type AssertionVerdict =
  /** `count`: the device's signature counter; 0 where it keeps none. */
  { kind: 'valid'; count: number } | { kind: 'refused'; why: string };

/** Flags of the authenticator data (WebAuthn 6.1). */
const FLAG = { present: 0x01, verified: 0x04, mayBackUp: 0x08, backedUp: 0x10, attested: 0x40, extended: 0x80 };
/** Hash of the relying party's id (32), flags (1), counter (4). */
const LEAST_DATA = 37;
const LEAST_RSA_BITS = 2048;

/**
 * The relying party of an origin; null where browsers offer no passkeys: an address instead of a name, or plain http to
 * anything but `localhost`.
 */
export function relyingParty(origin: string): RelyingParty | null {
  if (!URL.canParse(origin)) return null;
  const url = new URL(origin);
  const id = url.hostname;
  if (isIP(id.replace(/^\[|\]$/g, '')) !== 0) return null;
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && /^(.+\.)?localhost$/.test(id))) return null;
  return { id, origin: url.origin };
}

/**
 * The public key of a passkey: ECDSA on P-256 (ES256), Ed25519, or RSA of 2048 bits and more (RS256).
 * @throws TypeError for any other text, and for any other kind of key
 */
export function passkeyKey(spki: string): KeyObject {
  const bytes = Buffer.from(spki, 'base64');
  if (bytes.toString('base64') !== spki) throw new TypeError('not base64');
  let key: KeyObject;
  try {
    key = createPublicKey({ key: bytes, format: 'der', type: 'spki' });
  } catch {
    throw new TypeError('not a public key (SPKI, DER)');
  }
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails ?? {};
  const known =
    key.asymmetricKeyType === 'ed25519' ||
    (key.asymmetricKeyType === 'ec' && namedCurve === 'prime256v1') ||
    (key.asymmetricKeyType === 'rsa' && (modulusLength ?? 0) >= LEAST_RSA_BITS);
  if (!known) throw new TypeError('a P-256, Ed25519 or RSA (2048 bits or more) key is needed');
  if (!key.export({ format: 'der', type: 'spki' }).equals(bytes)) throw new TypeError('bytes around the public key');
  return key;
}

/** What a person and root compare: `SHA256:` and the digest of the SPKI in base64, as ssh-keygen prints its own. */
export const fingerprintOf = (spki: string): string =>
  `SHA256:${createHash('sha256').update(Buffer.from(spki, 'base64')).digest('base64').replace(/=+$/, '')}`;

/**
 * Did this passkey, with its person present and verified, sign this challenge on this site's page?
 * @param challenge the bytes that were to be signed; for a vote, the SHA-256 of its canonical form
 * @param signature base64, as a vote carries it
 */
export function verifyAssertion(
  site: RelyingParty,
  challenge: Uint8Array,
  { assertion, signature }: { assertion: Assertion; signature: string },
  passkey: Passkey,
): AssertionVerdict {
  const refused = (why: string): AssertionVerdict => ({ kind: 'refused', why });
  if (assertion.credential !== passkey.id) return refused('it is made with another passkey');
  const client = bytesOf(assertion.clientData, 'base64url');
  const data = bytesOf(assertion.authenticatorData, 'base64url');
  const signed = bytesOf(signature, 'base64');
  if (!client || !data || !signed) return refused('it is not encoded as it should be');
  const why = saysOtherwise(client, site, challenge) ?? flawOf(data, site);
  if (why !== null) return refused(why);
  const message = Buffer.concat([data, sha256(client)]);
  if (!isSignedBy(passkeyKey(passkey.key), message, signed)) return refused('the signature is not made with its key');
  return { kind: 'valid', count: data.readUInt32BE(33) };
}

const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

/** One text for the same bytes: what decodes to them in another spelling is no encoding of ours. */
function bytesOf(text: string, encoding: 'base64' | 'base64url'): Buffer | null {
  const bytes = Buffer.from(text, encoding);
  return bytes.length > 0 && bytes.toString(encoding) === text ? bytes : null;
}

/** What the browser says it was asked for, on which page. Null when it is what we asked for on ours. */
function saysOtherwise(client: Buffer, site: RelyingParty, challenge: Uint8Array): string | null {
  let said: Record<string, unknown>;
  try {
    said = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(client)) as Record<string, unknown>;
  } catch {
    return 'what the browser says is no JSON';
  }
  if (typeof said !== 'object' || said === null) return 'what the browser says is no JSON object';
  if (said.type !== 'webauthn.get') return 'it is no assertion (webauthn.get)';
  if (said.challenge !== Buffer.from(challenge).toString('base64url')) return 'it is for another challenge';
  if (said.origin !== site.origin) return `it is from another page than ${site.origin}`;
  if (said.crossOrigin === true || said.topOrigin !== undefined) return 'it was made inside of another page';
  return null;
}

/** What is wrong with the authenticator's data; null when nothing is. */
function flawOf(data: Buffer, site: RelyingParty): string | null {
  if (data.length < LEAST_DATA) return "the authenticator's data is too short";
  if (!data.subarray(0, 32).equals(sha256(Buffer.from(site.id)))) return `it is for another site than ${site.id}`;
  const flags = data[32]!;
  if (!(flags & FLAG.present)) return 'nobody was present';
  if (!(flags & FLAG.verified)) return 'the person was not verified (by PIN or biometrics)';
  if (flags & FLAG.backedUp && !(flags & FLAG.mayBackUp)) return "the authenticator's flags contradict each other";
  if (flags & FLAG.attested) return 'it carries a new credential, which is no assertion';
  if (!(flags & FLAG.extended) && data.length !== LEAST_DATA) return "there is more than the authenticator's data";
  return null;
}

/** ES256 takes the DER form only, and DER has one form; Ed25519 and RSA signatures are of one length. */
function isSignedBy(key: KeyObject, message: Buffer, signature: Buffer): boolean {
  try {
    switch (key.asymmetricKeyType) {
      case 'ed25519':
        return signature.length === 64 && verify(null, message, key, signature);
      case 'ec':
        return verify('sha256', message, { key, dsaEncoding: 'der' }, signature);
      case 'rsa':
        return verify('sha256', message, key, signature);
      default:
        return false;
    }
  } catch {
    return false;
  }
}
