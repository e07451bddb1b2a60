/** A passkey in software, for tests: makes assertions as an authenticator and a browser do, and, when told to, wrong ones. */
import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import type { Passkey, RelyingParty } from '../../src/approve/assertion.ts';
import type { UnsignedVote } from '../../src/approve/vote.ts';
import { voteChallenge } from '../../src/digest.ts';
import type { Vote } from '../../src/plan.ts';

export const SITE: RelyingParty = { id: 'readmit.site.example', origin: 'https://readmit.site.example' };

/** What an assertion is made of; each may be said otherwise. */
export interface Said {
  rpId?: string;
  flags?: number;
  count?: number;
  /** Bytes after the authenticator's data. */
  after?: Buffer;
  client?: Record<string, unknown>;
  /** The browser's words as they are. */
  clientBytes?: Buffer;
  signWith?: KeyObject;
  /** Changes the signature before it is encoded. */
  bend?: (signature: Buffer) => Buffer;
}

const pairOf = (kind: 'es256' | 'ed25519' | 'rs256') =>
  kind === 'es256'
    ? generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
    : kind === 'rs256'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ed25519');

export class SoftPasskey {
  readonly id = randomBytes(16).toString('base64url');
  readonly key: string;
  readonly privateKey: KeyObject;
  #count = 0;

  constructor(kind: 'es256' | 'ed25519' | 'rs256' = 'es256') {
    const { publicKey, privateKey } = pairOf(kind);
    this.key = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
    this.privateKey = privateKey;
  }

  get listed(): Passkey {
    return { id: this.id, key: this.key };
  }

  /** Signs a challenge. The counter goes up by one each time. */
  assert(challenge: Uint8Array, site: RelyingParty = SITE, said: Said = {}): Pick<Vote, 'assertion' | 'signature'> {
    const client =
      said.clientBytes ??
      Buffer.from(
        JSON.stringify({
          type: 'webauthn.get',
          challenge: Buffer.from(challenge).toString('base64url'),
          origin: site.origin,
          crossOrigin: false,
          ...said.client,
        }),
      );
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE(said.count ?? ++this.#count);
    const hash = (bytes: Uint8Array | string): Buffer => createHash('sha256').update(bytes).digest();
    const data = Buffer.concat([
      hash(said.rpId ?? site.id),
      Buffer.from([said.flags ?? 0x05]),
      counter,
      said.after ?? Buffer.alloc(0),
    ]);
    const key = said.signWith ?? this.privateKey;
    const digest = key.asymmetricKeyType === 'ed25519' ? null : 'sha256';
    const signature = sign(digest, Buffer.concat([data, hash(client)]), key);
    return {
      assertion: {
        credential: this.id,
        authenticatorData: data.toString('base64url'),
        clientData: client.toString('base64url'),
      },
      signature: (said.bend?.(signature) ?? signature).toString('base64'),
    };
  }

  /** The browser's answer to `navigator.credentials.create`, without attestation. */
  register(challenge: string, site: RelyingParty = SITE, said: Said = {}): Record<string, unknown> {
    const client = Buffer.from(
      JSON.stringify({ type: 'webauthn.create', challenge, origin: site.origin, crossOrigin: false, ...said.client }),
    );
    const id = Buffer.from(this.id, 'base64url');
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE(said.count ?? ++this.#count);
    const data = Buffer.concat([
      createHash('sha256')
        .update(said.rpId ?? site.id)
        .digest(),
      Buffer.from([said.flags ?? 0x45]),
      counter,
      Buffer.alloc(16),
      Buffer.from([0, id.length]),
      id,
      this.#cose(),
    ]);
    const attestation = cborMap([
      [cborText('fmt'), cborText('none')],
      [cborText('attStmt'), cborMap([])],
      [cborText('authData'), cborBytes(data)],
    ]);
    const response = {
      clientDataJSON: client.toString('base64url'),
      attestationObject: attestation.toString('base64url'),
    };
    return { id: this.id, rawId: this.id, type: 'public-key', response };
  }

  /** The public key as authenticators write it (RFC 9053). */
  #cose(): Buffer {
    const jwk = createPublicKey(this.privateKey).export({ format: 'jwk' });
    const part = (text: string | undefined): Buffer => cborBytes(Buffer.from(text!, 'base64url'));
    const parts: [number, Buffer][] =
      jwk.kty === 'EC'
        ? [
            [1, cborInt(2)],
            [3, cborInt(-7)],
            [-1, cborInt(1)],
            [-2, part(jwk.x)],
            [-3, part(jwk.y)],
          ]
        : jwk.kty === 'RSA'
          ? [
              [1, cborInt(3)],
              [3, cborInt(-257)],
              [-1, part(jwk.n)],
              [-2, part(jwk.e)],
            ]
          : [
              [1, cborInt(1)],
              [3, cborInt(-8)],
              [-1, cborInt(6)],
              [-2, part(jwk.x)],
            ];
    return cborMap(parts.map(([label, value]) => [cborInt(label), value]));
  }

  vote = (unsigned: UnsignedVote, site: RelyingParty = SITE, said: Said = {}): Vote => ({
    ...unsigned,
    ...this.assert(voteChallenge(unsigned), site, said),
  });
}

/** A little CBOR (RFC 8949): a head of type and length, and what it is the head of. */
const cborHead = (type: number, n: number): Buffer =>
  n < 24
    ? Buffer.from([(type << 5) | n])
    : n < 256
      ? Buffer.from([(type << 5) | 24, n])
      : Buffer.from([(type << 5) | 25, n >> 8, n & 255]);
const cborInt = (n: number): Buffer => (n >= 0 ? cborHead(0, n) : cborHead(1, -1 - n));
const cborBytes = (bytes: Buffer): Buffer => Buffer.concat([cborHead(2, bytes.length), bytes]);
const cborText = (text: string): Buffer => Buffer.concat([cborHead(3, text.length), Buffer.from(text)]);
const cborMap = (parts: [Buffer, Buffer][]): Buffer => Buffer.concat([cborHead(5, parts.length), ...parts.flat()]);

const ORDER_OF_P256 = BigInt('0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551');

/** Two numbers of a DER-encoded ECDSA signature. */
function numbersOf(der: Buffer): [bigint, bigint] {
  const one = (at: number): [bigint, number] => {
    const length = der[at + 1]!;
    return [BigInt(`0x${der.subarray(at + 2, at + 2 + length).toString('hex')}`), at + 2 + length];
  };
  const [r, next] = one(2);
  return [r, one(next)[0]];
}

const hexOf = (n: bigint): string => n.toString(16).padStart(64, '0');
/** DER of one integer; `long` puts a needless zero in front of it. */
function integer(n: bigint, long = false): Buffer {
  let bytes = Buffer.from(hexOf(n), 'hex');
  while (bytes.length > 1 && bytes[0] === 0 && bytes[1]! < 0x80) bytes = bytes.subarray(1);
  if (bytes[0]! >= 0x80) bytes = Buffer.concat([Buffer.from([0]), bytes]);
  if (long) bytes = Buffer.concat([Buffer.from([0]), bytes]);
  return Buffer.concat([Buffer.from([2, bytes.length]), bytes]);
}
const sequence = (...parts: Buffer[]): Buffer => {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([0x30, body.length]), body]);
};

/** Other ways to write an ECDSA signature that is good as it is, and the twin every such signature has. */
export const BENT = {
  twin: (der: Buffer): Buffer => {
    const [r, s] = numbersOf(der);
    return sequence(integer(r), integer(ORDER_OF_P256 - s));
  },
  raw: (der: Buffer): Buffer => {
    const [r, s] = numbersOf(der);
    return Buffer.from(hexOf(r) + hexOf(s), 'hex');
  },
  'a needless zero': (der: Buffer): Buffer => {
    const [r, s] = numbersOf(der);
    return sequence(integer(r, true), integer(s, true));
  },
  'a byte behind': (der: Buffer): Buffer => Buffer.concat([der, Buffer.from([0])]),
  'the long form of its length': (der: Buffer): Buffer => Buffer.concat([Buffer.from([0x30, 0x81]), der.subarray(1)]),
  'r and s of zero': (): Buffer => sequence(integer(0n), integer(0n)),
  nothing: (): Buffer => Buffer.alloc(0),
};
