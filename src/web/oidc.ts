/**
 * Signing in through an identity provider: authorization code with PKCE, state and nonce, one issuer, one redirect
 * address, the ID token's signature checked. Effects: network, one file.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Configuration, IDToken, UserInfoResponse } from 'openid-client';
import type { OidcConfig } from '../config/sign-in.ts';
import { Refused, Retry } from '../incident.ts';
import { Pending } from './pending.ts';

/** What the provider says of somebody. */
export interface Identity {
  /** The provider's own id of the person (`sub`). */
  subject: string;
  /** The claim that names them, as it is; null where it is missing. */
  name: string | null;
  groups: string[];
  /** When they proved who they are to the provider, epoch ms. */
  since: number;
}

interface Begun {
  verifier: string;
  nonce: string;
  /** sha256 of what the browser keeps. */
  mine: Buffer;
}

/** Answers later than this count as none (seconds). */
const TIMEOUT = 10;
type Library = typeof import('openid-client');

const hashed = (text: string): Buffer => createHash('sha256').update(text).digest();

export class Oidc {
  readonly #config: OidcConfig;
  readonly #redirect: string;
  readonly #freshSeconds: number;
  readonly #begun: Pending<Begun>;
  #known: Promise<{ library: Library; provider: Configuration }> | null = null;

  /**
   * @param redirect the one address the provider sends browsers back to
   * @param freshSeconds a proof to the provider that is older than this is asked for again
   */
  constructor(config: OidcConfig, redirect: string, freshSeconds: number, now: () => number) {
    this.#config = config;
    this.#redirect = redirect;
    this.#freshSeconds = Math.max(1, Math.floor(freshSeconds));
    this.#begun = new Pending(now);
  }

  /** Where to send the browser, and the secret it must bring back. @throws Retry */
  async begin(): Promise<{ url: string; mine: string }> {
    const { library, provider } = await this.#provider();
    const verifier = library.randomPKCECodeVerifier();
    const nonce = library.randomNonce();
    const mine = randomBytes(32).toString('base64url');
    const state = this.#begun.put({ verifier, nonce, mine: hashed(mine) });
    const url = library.buildAuthorizationUrl(provider, {
      redirect_uri: this.#redirect,
      scope: [...new Set(['openid', ...this.#config.scopes])].join(' '),
      state,
      nonce,
      code_challenge: await library.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      max_age: String(this.#freshSeconds),
    });
    return { url: url.href, mine };
  }

  /**
   * Who came back, once.
   * @param query of the redirect, as the browser sent it
   * @throws Refused saying what was wrong; Retry when the provider does not answer
   */
  async finish(query: string, mine: string | null): Promise<Identity> {
    const state = new URLSearchParams(query).get('state') ?? '';
    const begun = this.#begun.take(state);
    if (!begun || mine === null || !timingSafeEqual(begun.mine, hashed(mine)))
      throw new Refused('this sign-in was not begun in this browser, or it took too long: begin again');
    const { library, provider } = await this.#provider();
    const here = new URL(this.#redirect);
    here.search = query;
    const tokens = await this.#asked(library, () =>
      library.authorizationCodeGrant(provider, here, {
        expectedState: state,
        expectedNonce: begun.nonce,
        pkceCodeVerifier: begun.verifier,
        maxAge: this.#freshSeconds,
        idTokenExpected: true,
      }),
    );
    const claims = tokens.claims();
    if (!claims?.sub) throw new Refused('the provider said nothing of who you are');
    const more = await this.#more(library, provider, claims, tokens.access_token);
    return this.#identity(claims, more);
  }

  /** What the ID token leaves out, the provider may say when it is asked. */
  async #more(
    library: Library,
    provider: Configuration,
    claims: IDToken,
    accessToken: string,
  ): Promise<UserInfoResponse | null> {
    const { nameClaim, rolesClaim } = this.#config;
    if (claimIn(claims, nameClaim) !== undefined && claimIn(claims, rolesClaim) !== undefined) return null;
    if (!provider.serverMetadata().userinfo_endpoint) return null;
    return await this.#asked(library, () => library.fetchUserInfo(provider, accessToken, claims.sub));
  }

  #identity(claims: IDToken, more: UserInfoResponse | null): Identity {
    const claim = (path: string): unknown => claimIn(claims, path) ?? (more ? claimIn(more, path) : undefined);
    const name = claim(this.#config.nameClaim);
    const groups = [claim(this.#config.rolesClaim) ?? []].flat();
    return {
      subject: claims.sub,
      name: typeof name === 'string' ? name : null,
      groups: groups.filter(group => typeof group === 'string'),
      since: (claims.auth_time as number) * 1000,
    };
  }

  /** The provider as it describes itself, asked once; asked again after it could not be reached. */
  #provider(): Promise<{ library: Library; provider: Configuration }> {
    this.#known ??= this.#discover().catch(error => {
      this.#known = null;
      throw error;
    });
    return this.#known;
  }

  async #discover(): Promise<{ library: Library; provider: Configuration }> {
    const { issuer, clientId, clientSecretFile } = this.#config;
    const secret = readFileSync(clientSecretFile, 'utf8').trim();
    if (secret === '') throw new Refused(`${clientSecretFile} is empty`);
    const library = await import('openid-client');
    const insecure = issuer.startsWith('http:') ? [library.allowInsecureRequests] : [];
    const provider = await this.#asked(library, () =>
      library.discovery(new URL(issuer), clientId, undefined, library.ClientSecretBasic(secret), {
        timeout: TIMEOUT,
        execute: [...insecure, library.enableNonRepudiationChecks],
      }),
    );
    return { library, provider };
  }

  /** Says plainly what the library's errors mean. */
  async #asked<T>(library: Library, ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      const { label, issuer } = this.#config;
      if (error instanceof library.AuthorizationResponseError)
        throw new Refused(`${label} says no: ${error.error_description ?? error.error}`);
      if (error instanceof library.ResponseBodyError)
        throw new Refused(`${issuer} refused what the browser brought back: ${error.error}`);
      if (error instanceof library.ClientError && !/TIMEOUT|ABORT|RESPONSE_IS_NOT/.test(error.code ?? ''))
        throw new Refused(`the answer of ${issuer} is not to be believed: ${error.message}`);
      throw new Retry(`${issuer} does not answer as a provider does: ${(error as Error).message}`);
    }
  }
}

/** `groups`, or `realm_access.roles`: a claim by its own name, else the way inwards. */
function claimIn(claims: object, path: string): unknown {
  const all = claims as Record<string, unknown>;
  if (Object.hasOwn(all, path)) return all[path];
  let at: unknown = all;
  for (const part of path.split('.'))
    at =
      typeof at === 'object' && at !== null && Object.hasOwn(at, part)
        ? (at as Record<string, unknown>)[part]
        : undefined;
  return at ?? undefined;
}
