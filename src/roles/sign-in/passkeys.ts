/**
 * Passkeys on the side of `serve`: registered by a signed-in approver, good for signing in from then on; their votes
 * count when root has put the public key into the approvers file, which nothing here can write.
 */
import { createHash, createPublicKey, type JsonWebKey } from 'node:crypto';
import { z } from 'zod';
import type { Approvers } from '../../approve/approvers.ts';
import {
  fingerprintOf,
  passkeyKey,
  type RelyingParty,
  relyingParty,
  verifyAssertion,
} from '../../approve/assertion.ts';
import { type Config, originOf } from '../../config/config.ts';
import type { Person } from '../../desk.ts';
import { voteChallenge } from '../../digest.ts';
import { NotFound, Refused } from '../../incident.ts';
import type { Vote } from '../../plan.ts';
import { record } from '../../store/journal.ts';
import type { Store } from '../../store/open.ts';
import { deletePasskey, passkeyRow, passkeysOf, savePasskey, usePasskey } from '../../store/passkeys.ts';
import type { WebLog } from '../../web/ask.ts';
import { Pending } from '../../web/pending.ts';
import type { PasskeyAnswer, PasskeyParts } from '../../web/ways.ts';
import type { Approvals } from '../conduct/approvals.ts';
import { plainReason } from '../conduct/reason.ts';

/** COSE algorithms (RFC 9053): Ed25519, ES256, RS256; the ones the executor checks. */
const ALGORITHMS = [-8, -7, -257];
const MOST = 10;

const encoded = z.string().max(20_000);
/** The browser's answer as `PublicKeyCredential.toJSON` has it; binary values in base64url. */
const Registration = z.object({
  id: encoded,
  rawId: encoded,
  type: z.literal('public-key'),
  response: z.object({ clientDataJSON: encoded, attestationObject: encoded }),
});

interface Parts {
  store: Store;
  config: Config;
  now: () => number;
  log: Pick<WebLog, 'warn'>;
  approvers: () => Approvers;
  approvals: Pick<Approvals, 'toSign'>;
  /** The desk's door for votes. */
  take: (vote: Vote) => void;
}

export class Passkeys implements PasskeyParts {
  readonly #parts: Parts;
  readonly #site: RelyingParty | null;
  readonly #signIns: Pending<true>;
  readonly #registrations: Pending<string>;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#site = relyingParty(originOf(parts.config));
    this.#signIns = new Pending(parts.now);
    this.#registrations = new Pending(parts.now);
  }

  get unusable(): string | null {
    return this.#site
      ? null
      : `browsers offer no passkeys for ${originOf(this.#parts.config)}: web.origin must be https with a host name (or http://localhost)`;
  }

  list(name: string): ReturnType<PasskeyParts['list']> {
    const voting = this.voting(name);
    return passkeysOf(this.#parts.store, name).map(({ id, label, key, created, used }) => ({
      id,
      label,
      fingerprint: fingerprintOf(key),
      created,
      used,
      listed: voting.includes(id),
    }));
  }

  voting(name: string): string[] {
    return this.#approver(name)?.passkeys.map(p => p.id) ?? [];
  }

  async registration(person: Person): Promise<unknown> {
    const site = this.#usable();
    const known = passkeysOf(this.#parts.store, person.name);
    if (!this.#approver(person.name)) throw new Refused('only people in the approvers file have passkeys here');
    if (known.length >= MOST) throw new Refused(`${MOST} passkeys are enough: remove one first`);
    const { generateRegistrationOptions } = await import('@simplewebauthn/server');
    return await generateRegistrationOptions({
      rpName: 'Readmit',
      rpID: site.id,
      userName: person.name,
      userID: new Uint8Array(createHash('sha256').update(`${site.id} ${person.name}`).digest()),
      challenge: new Uint8Array(Buffer.from(this.#registrations.put(person.name), 'base64url')),
      attestationType: 'none',
      excludeCredentials: known.map(({ id }) => ({ id })),
      authenticatorSelection: { residentKey: 'preferred', userVerification: 'required' },
      supportedAlgorithmIDs: ALGORITHMS,
    });
  }

  async register(person: Person, answer: unknown, label: string): Promise<void> {
    const site = this.#usable();
    const { store, now, log } = this.#parts;
    plainReason(label, 'the label');
    const parsed = Registration.safeParse(answer);
    if (!parsed.success) throw new Refused('the browser did not answer as it should');
    const { verifyRegistrationResponse } = await import('@simplewebauthn/server');
    const { registrationInfo } = await verifyRegistrationResponse({
      response: { ...parsed.data, clientExtensionResults: {} },
      expectedChallenge: challenge => this.#registrations.take(challenge) === person.name,
      expectedOrigin: site.origin,
      expectedRPID: site.id,
      requireUserVerification: true,
      supportedAlgorithmIDs: ALGORITHMS,
    }).catch((error: Error) => {
      log.warn({ by: person.name, reason: error.message }, 'passkey not registered');
      throw new Refused('this answer of the browser is not for us, or came too late: begin again');
    });
    if (!registrationInfo) throw new Refused('the browser did not prove that this passkey exists');
    const { id, publicKey, counter } = registrationInfo.credential;
    const key = await spkiOf(publicKey);
    store.tx(() => {
      const row = { id, name: person.name, key, label: label || 'passkey', count: counter, created: now() };
      if (!savePasskey(store, row)) throw new Refused('this passkey is known here already');
      record(store, now(), {
        actor: person.name,
        what: `registered the passkey ${row.label} (${fingerprintOf(key)})`,
      });
    });
  }

  remove(person: Person, id: string): void {
    const { store, now } = this.#parts;
    store.tx(() => {
      const row = passkeyRow(store, id);
      if (!row || !deletePasskey(store, person.name, id)) throw new NotFound('no such passkey');
      record(store, now(), {
        actor: person.name,
        what: `removed the passkey ${row.label} (${fingerprintOf(row.key)}) from the page`,
      });
    });
  }

  challenge(): { challenge: string; site: string } {
    const site = this.#usable();
    return { challenge: this.#signIns.put(true), site: site.id };
  }

  signIn(answer: PasskeyAnswer): string {
    const site = this.#usable();
    const { store, now, log } = this.#parts;
    const refuse = (reason: string): never => {
      log.warn({ reason }, 'passkey not taken');
      throw new Refused('this passkey does not sign anybody in here');
    };
    const row = passkeyRow(store, answer.assertion.credential);
    const challenge = challengeIn(answer.assertion.clientData);
    if (!challenge || !this.#signIns.take(challenge)) return refuse('no such challenge, or too late');
    if (!row || !this.#approver(row.name)) return refuse('nobody has it');
    const verdict = verifyAssertion(site, Buffer.from(challenge, 'base64url'), answer, row);
    if (verdict.kind === 'refused') return refuse(verdict.why);
    if (!usePasskey(store, now(), row.id, verdict.count)) return refuse('its counter did not rise');
    return row.name;
  }

  toSign(...[person, id, digest, decision, reason]: Parameters<PasskeyParts['toSign']>) {
    const site = this.#usable();
    const credentials = this.voting(person.name);
    if (credentials.length === 0) throw new Refused('none of your passkeys is in the approvers file yet');
    const vote = this.#parts.approvals.toSign(person, id, digest, decision, reason);
    return { vote, challenge: voteChallenge(vote).toString('base64url'), site: site.id, credentials };
  }

  vote(person: Person, vote: Vote): void {
    const { store, now } = this.#parts;
    if (vote.proof !== 'passkey' || !vote.assertion) throw new Refused('this is no vote by a passkey');
    if (vote.by !== person.name || vote.uid !== person.uid) throw new Refused("the vote is another person's");
    const row = passkeyRow(store, vote.assertion.credential);
    if (row) {
      const verdict = verifyAssertion(this.#usable(), voteChallenge(vote), { ...vote, assertion: vote.assertion }, row);
      if (verdict.kind === 'refused') throw new Refused(`the vote of ${vote.by}: ${verdict.why}`);
      if (!usePasskey(store, now(), row.id, verdict.count))
        throw new Refused('the counter of this passkey did not rise: somebody may have a copy of it');
    }
    this.#parts.take(vote);
  }

  #approver = (name: string) => this.#parts.approvers().approvers.find(a => a.name === name) ?? null;

  #usable(): RelyingParty {
    if (!this.#site) throw new Refused(this.unusable!);
    return this.#site;
  }
}

/** The challenge a browser says it answers, not yet believed; null for what is no such text. */
function challengeIn(clientData: string): string | null {
  try {
    const said = JSON.parse(Buffer.from(clientData, 'base64url').toString()) as { challenge?: unknown } | null;
    return typeof said?.challenge === 'string' ? said.challenge : null;
  } catch {
    return null;
  }
}

/** The public key of a new credential, from COSE (RFC 9052, 7) to SPKI. @throws Refused for a kind we don't check */
async function spkiOf(cose: Uint8Array<ArrayBuffer>): Promise<string> {
  const { decodeCredentialPublicKey } = await import('@simplewebauthn/server/helpers');
  const map = decodeCredentialPublicKey(cose) as unknown as Map<number, number | Uint8Array>;
  const part = (label: number): string => Buffer.from(map.get(label) as Uint8Array).toString('base64url');
  try {
    const key = createPublicKey({ key: jwkOf(map.get(1), part), format: 'jwk' });
    const spki = key.export({ format: 'der', type: 'spki' }).toString('base64');
    passkeyKey(spki);
    return spki;
  } catch (error) {
    throw new Refused(`this kind of passkey is not taken: ${(error as Error).message}`);
  }
}

function jwkOf(kind: unknown, part: (label: number) => string): JsonWebKey {
  switch (kind) {
    case 1:
      return { kty: 'OKP', crv: 'Ed25519', x: part(-2) };
    case 2:
      return { kty: 'EC', crv: 'P-256', x: part(-2), y: part(-3) };
    case 3:
      return { kty: 'RSA', n: part(-1), e: part(-2) };
    default:
      throw new TypeError(`COSE key type ${String(kind)}`);
  }
}
