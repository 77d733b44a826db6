/**
 * Callers by tokens of an identity provider (Auth0, Entra, Keycloak, Okta, …), checked with the keys that it publishes.
 *
 * Guarantees: everything that token-auth.ts and key-set.ts do: keys are found by the provider's metadata or at `jwksUri`, follow
 * its rotation, and never come from a token. Of its roles only those count that `roles` names, and a tenant only where
 * `claims.tenant` names its claim (SR-09). While keys cannot be read the answer is 503, never a yes.
 */
import { type Clock, DeputizeError, systemClock } from "@deputize/core";
import { assertAsymmetric } from "./asymmetric-auth.ts";
import type { Authenticator } from "./authenticator.ts";
import { publishedKeys } from "./key-set.ts";
import { ASYMMETRIC, type AsymmetricAlgorithm } from "./signature.ts";
import { type TokenAuthOptions, tokenAuthenticator } from "./token-auth.ts";

export interface JwksAuthOptions extends TokenAuthOptions {
  /** The provider's address, exactly as in its metadata and in the tokens' `iss`; mind a `/` at its end. */
  readonly issuer: string;
  /** For a provider without metadata: where its JWK set is. */
  readonly jwksUri?: string;
  /** All with public keys unless told; a published key that names its algorithm is used for that one only. */
  readonly algorithms?: readonly AsymmetricAlgorithm[];
  readonly fetch?: typeof fetch;
  readonly clock?: Clock;
}

export interface JwksAuth extends Authenticator {
  /** Reads the provider's keys now, for a server that should not start without them. Throws `unavailable`. */
  ready(): Promise<void>;
}

/**
 * An authenticator over an issuer's JWK set (RFC 7517, RFC 8414, RFC 7519). Throws `config_invalid` where issuer or audience
 * is missing or an address is not https; its `authenticate` throws `unauthenticated`, `invalid_token`, and `unavailable`
 * while the keys cannot be read.
 */
export function jwksAuth(options: JwksAuthOptions): JwksAuth {
  const { issuer, jwksUri, algorithms = ASYMMETRIC, clock = systemClock } = options;
  if (!issuer) throw new DeputizeError("config_invalid", "jwks: needs the `issuer` of its tokens");
  assertAsymmetric("jwks", algorithms);
  const keys = publishedKeys({ issuer, jwksUri, algorithms, clock, fetch: options.fetch ?? fetch });
  return {
    ...tokenAuthenticator(
      { name: "jwks", issuer, algorithms, keys, authorizationServers: [issuer], ours: false },
      options,
    ),
    ready: keys.load,
  };
}
