/**
 * OAuth 2.0 and OpenID Connect: access tokens of a provider that publishes its metadata.
 *
 * Guarantees: signed tokens are checked here, by the provider's published keys: `iss`, `aud`, `exp`, `nbf`, `typ`, and the client (`azp` or
 * `client_id`) where `clients` lists them. Opaque tokens are asked about at the introspection endpoint (introspection.ts), and held to the same
 * rules. A token of somebody else's API is refused although the provider would answer its userinfo (AF-D25).
 */
import { type Clock, DeputizeError, systemClock } from "@deputize/core";
import { type ClaimPath, CredentialRefusal, publishedKeys } from "@deputize/mcp/auth";
import { type Authenticator, SKIP } from "./authenticator.ts";
import {
  checkedAudience,
  checkedLeeway,
  identityTokens,
  rejectionOf,
  unverifiedClaims,
} from "./identity-tokens.ts";
import { type IntrospectionOptions, introspection } from "./introspection.ts";
import { KEEP_KEYS_SECONDS } from "./jwt.ts";
import { type AsymmetricAlgorithm, ASYMMETRIC } from "@deputize/mcp/auth";

export interface OidcOptions {
  /** `oidc` unless told. */
  readonly name?: string;
  /** The provider's address, exactly as in its metadata; mind a `/` at its end. */
  readonly issuer: string;
  /** What tokens for this server carry. Required: the provider makes tokens for others, too. */
  readonly audience: string | readonly string[];
  /** The programs whose tokens are taken (`azp`, `client_id`). All of the provider's unless told. */
  readonly clients?: readonly string[];
  /** For a provider without metadata: where its JWK set is. */
  readonly jwksUri?: string;
  readonly algorithms?: readonly AsymmetricAlgorithm[];
  /** Which `typ` is accepted; `["at+jwt", "JWT"]` unless told. Say `["at+jwt"]` when the provider sends it, so that no ID token passes. */
  readonly types?: readonly string[];
  readonly leewaySeconds?: number;
  readonly rolesAt?: ClaimPath;
  readonly scopesAt?: ClaimPath;
  readonly tenantAt?: ClaimPath;
  /** For opaque tokens. Without it they are not this authenticator's. */
  readonly introspection?: IntrospectionOptions;
  readonly fetch?: typeof fetch;
  readonly clock?: Clock;
}

/** An authenticator over a provider's access tokens (RFC 9068, RFC 7662, RFC 8414). Throws `config_invalid`. */
export function oidcAuthenticator(options: OidcOptions): Authenticator {
  const { name = "oidc", issuer, clients, clock = systemClock } = options;
  const audience = checkedAudience(name, options.audience);
  if (!issuer || !audience)
    throw new DeputizeError(
      "config_invalid",
      `${name}: needs the provider's \`issuer\`, and the \`audience\` of this server`,
    );
  const leewaySeconds = checkedLeeway(name, options.leewaySeconds);
  const algorithms = options.algorithms ?? ASYMMETRIC;
  if (algorithms.length === 0 || algorithms.some((one) => !ASYMMETRIC.includes(one)))
    throw new DeputizeError(
      "config_invalid",
      `${name}: \`algorithms\` is a list of ${ASYMMETRIC.join(", ")}`,
    );
  const get = options.fetch ?? fetch;
  const rules = {
    issuer,
    identityIssuer: issuer,
    audience,
    leewaySeconds,
    clock,
    userClaims: ["sub"],
    ...(options.rolesAt && { rolesAt: options.rolesAt }),
    ...(options.scopesAt && { scopesAt: options.scopesAt }),
    ...(options.tenantAt && { tenantAt: options.tenantAt }),
    also: (payload: Readonly<Record<string, unknown>>) => assertClient(payload, clients),
  };
  const identityOf = identityTokens({
    ...rules,
    algorithms,
    types: options.types ?? ["at+jwt", "JWT"],
    keys: publishedKeys({
      issuer,
      jwksUri: options.jwksUri,
      algorithms,
      fetch: get,
      clock,
      keepSeconds: KEEP_KEYS_SECONDS,
    }),
  });
  const ask = options.introspection && introspection({ ...options.introspection, name, rules, fetch: get });

  return {
    name,
    schemes: [{ kind: "openIdConnect", issuer }],
    flightKey: ({ bearer }) => bearer,
    authenticate: async ({ bearer }, signal) => {
      if (bearer === undefined) return SKIP;
      const claims = unverifiedClaims(bearer);
      if (!claims) return ask ? ask(bearer, signal) : SKIP;
      if (claims["iss"] !== issuer) return SKIP;
      try {
        return { ok: true, identity: await identityOf(bearer) };
      } catch (error) {
        return rejectionOf(error);
      }
    },
  };
}

function assertClient(
  payload: Readonly<Record<string, unknown>>,
  clients: readonly string[] | undefined,
): void {
  if (!clients) return;
  const named = [payload["azp"], payload["client_id"]].filter((one) => one !== undefined);
  if (named.length === 0 || !named.every((one) => typeof one === "string" && clients.includes(one)))
    throw new CredentialRefusal("the token was given to another client");
}
