/**
 * The mode `jwt`: tokens of a shared secret, of PEM public keys, of a JWK set, or of an issuer found by discovery.
 *
 * Guarantees: the key fixes the algorithm, so that `none` and a public key used as a secret do not exist (AF-F03); secrets are at
 * least as long as their hash, RSA keys 2048 bits; a private key where a public one belongs stops the start, with the fix
 * (AF-D03); `exp` is required, `sub` or `user_id` names the user (AF-D02). Issuer and audience are required for public keys, as
 * anybody may have tokens of such an issuer; for a shared secret they are compared when they are set. A key that an issuer took
 * away is refused within a minute (AF-F04).
 */
import { createSecretKey } from "node:crypto";
import { type Clock, DeputizeError, systemClock } from "@deputize/core";
import {
  ASYMMETRIC,
  type AsymmetricAlgorithm,
  type ClaimPath,
  CredentialRefusal,
  type KeySource,
  SYMMETRIC,
  type SymmetricAlgorithm,
  publicKeyFromPem,
  publishedKeys,
  secretBytes,
} from "@deputize/mcp/auth";
import { type Authenticator, SKIP, issuerOf } from "./authenticator.ts";
import {
  checkedAudience,
  checkedLeeway,
  identityTokens,
  rejectionOf,
  unverifiedClaims,
} from "./identity-tokens.ts";

/** A claim that must be there, or must have this value. */
export type RequiredClaims = readonly string[] | Readonly<Record<string, string | number | boolean>>;

interface JwtBase {
  /** `jwt` unless told; two of them in one list need two names. */
  readonly name?: string;
  /** Exactly as in the tokens' `iss`. */
  readonly issuer?: string;
  readonly audience?: string | readonly string[];
  readonly requiredClaims?: RequiredClaims;
  /** How far clocks may be apart, 0 to 60 seconds; 0 unless told. */
  readonly leewaySeconds?: number;
  /** Which `typ` is accepted; `["JWT", "at+jwt"]` unless told. `absent` admits tokens that have none. */
  readonly types?: readonly string[];
  /** Where roles are; `roles` unless told. */
  readonly rolesAt?: ClaimPath;
  /** Where a tenant is. Not read unless told. */
  readonly tenantAt?: ClaimPath;
  readonly clock?: Clock;
}

/** One key under the name that tokens give it; tokens that name another are not checked with it. */
export interface NamedSecret {
  readonly secret: string;
  readonly kid?: string;
}
export interface NamedPublicKey {
  readonly pem: string;
  readonly kid?: string;
}

export type JwtOptions = JwtBase &
  (
    | {
        /** 32 bytes for HS256, 48 for HS384, 64 for HS512, or more. Several while one replaces another. */
        readonly secret: string | readonly NamedSecret[];
        /** `HS256` unless told. */
        readonly algorithm?: SymmetricAlgorithm;
      }
    | {
        /** PEM, `-----BEGIN PUBLIC KEY-----`. Several while one replaces another. */
        readonly publicKey: string | readonly NamedPublicKey[];
        /** All that fit the key unless told. */
        readonly algorithm?: AsymmetricAlgorithm;
      }
    | {
        /** The address of a JWK set, or `discover` for an issuer that publishes its metadata. */
        readonly jwksUrl: string | "discover";
        readonly algorithm?: AsymmetricAlgorithm;
        readonly fetch?: typeof fetch;
      }
  );

/** A key that was taken away is gone within a minute, with what the clock and the network add. */
export const KEEP_KEYS_SECONDS = 45;
const MAX_KEYS = 16;
/** The nine of the guide, and EdDSA. */
const PUBLIC = ASYMMETRIC.filter((name) => !name.startsWith("PS"));

/** An authenticator over signed tokens (RFC 7519, RFC 7518, RFC 8037). Throws `config_invalid` with the fix. */
export function jwtAuthenticator(options: JwtOptions): Authenticator {
  const { name = "jwt", issuer, clock = systemClock } = options;
  const audience = checkedAudience(name, options.audience);
  const leewaySeconds = checkedLeeway(name, options.leewaySeconds);
  const { keys, algorithms } = keysOf(name, options, clock);
  if (!("secret" in options) && (!issuer || !audience))
    throw new DeputizeError(
      "config_invalid",
      `${name}: public keys need \`issuer\` and \`audience\`, or every token of that issuer would do`,
    );
  const identityOf = identityTokens({
    issuer,
    identityIssuer: issuer ?? issuerOf(name),
    audience,
    algorithms,
    types: options.types ?? ["JWT", "at+jwt"],
    keys,
    leewaySeconds,
    clock,
    userClaims: ["sub", "user_id"],
    ...(options.rolesAt && { rolesAt: options.rolesAt }),
    ...(options.tenantAt && { tenantAt: options.tenantAt }),
    also: (payload) => assertRequired(payload, options.requiredClaims ?? []),
  });

  return {
    name,
    schemes: [{ kind: "bearer", format: "JWT" }],
    authenticate: async ({ bearer }) => {
      const claims = unverifiedClaims(bearer);
      // Of somebody else in the list, perhaps; when nobody takes it, it is invalid.
      if (bearer === undefined || !claims || (issuer !== undefined && claims["iss"] !== issuer)) return SKIP;
      try {
        return { ok: true, identity: await identityOf(bearer) };
      } catch (error) {
        return rejectionOf(error);
      }
    },
  };
}

function assertRequired(payload: Readonly<Record<string, unknown>>, required: RequiredClaims): void {
  const missing = Array.isArray(required)
    ? required.some(
        (name: string) => !Object.hasOwn(payload, name) || [null, ""].includes(payload[name] as null),
      )
    : Object.entries(required).some(
        ([name, value]) => !Object.hasOwn(payload, name) || payload[name] !== value,
      );
  if (missing) throw new CredentialRefusal("a required claim is missing or of another value");
}

function keysOf(name: string, options: JwtOptions, clock: Clock) {
  const given = ["secret", "publicKey", "jwksUrl"].filter((one) => Object.hasOwn(options, one));
  if (given.length !== 1)
    throw new DeputizeError("config_invalid", `${name}: give one of \`secret\`, \`publicKey\`, \`jwksUrl\``);
  if ("secret" in options) return secretKeys(name, options.secret, options.algorithm ?? "HS256");
  const { algorithm } = options;
  if (algorithm !== undefined && !ASYMMETRIC.includes(algorithm))
    throw new DeputizeError("config_invalid", `${name}: \`algorithm\` is one of ${ASYMMETRIC.join(", ")}`);
  const algorithms = algorithm === undefined ? PUBLIC : [algorithm];
  if ("publicKey" in options) return pemKeys(name, options.publicKey, algorithms);
  const { jwksUrl, issuer = "" } = options;
  const published = publishedKeys({
    issuer,
    jwksUri: jwksUrl === "discover" ? undefined : jwksUrl,
    algorithms,
    fetch: options.fetch ?? fetch,
    clock,
    keepSeconds: KEEP_KEYS_SECONDS,
  });
  return { keys: published as KeySource, algorithms };
}

function secretKeys(name: string, secret: string | readonly NamedSecret[], algorithm: SymmetricAlgorithm) {
  if (!SYMMETRIC.includes(algorithm))
    throw new DeputizeError("config_invalid", `${name}: a secret goes with one of ${SYMMETRIC.join(", ")}`);
  const bytes = secretBytes(algorithm);
  const list: readonly NamedSecret[] = typeof secret === "string" ? [{ secret }] : secret;
  if (list.length === 0 || list.length > MAX_KEYS)
    throw new DeputizeError("config_invalid", `${name}: give 1 to ${MAX_KEYS} secrets`);
  const known = list.map((one) => {
    if (one.secret.includes("-----BEGIN "))
      throw new DeputizeError(
        "config_invalid",
        `${name}: this secret is a key file; give its public half as \`publicKey\``,
      );
    if (Buffer.byteLength(one.secret) < bytes)
      throw new DeputizeError(
        "config_invalid",
        `${name}: ${algorithm} needs a secret of ${bytes} bytes or more; make one with \`openssl rand -hex ${bytes}\``,
      );
    return { kid: one.kid, key: createSecretKey(one.secret, "utf8") };
  });
  return { keys: namedKeys(known), algorithms: [algorithm] };
}

function pemKeys(
  name: string,
  publicKey: string | readonly NamedPublicKey[],
  algorithms: readonly AsymmetricAlgorithm[],
) {
  const list: readonly NamedPublicKey[] = typeof publicKey === "string" ? [{ pem: publicKey }] : publicKey;
  if (list.length === 0 || list.length > MAX_KEYS)
    throw new DeputizeError("config_invalid", `${name}: give 1 to ${MAX_KEYS} public keys`);
  const known = list.map(({ pem, kid }) => publicKeyFromPem(pem, algorithms, kid));
  return { keys: namedKeys(known), algorithms: [...new Set(known.flatMap((one) => one.algorithms))] };
}

/** Those keys that a token may have been made with, by the name that it gives. Which fit its algorithm the check says. */
function namedKeys(
  known: readonly { readonly kid?: string | undefined; readonly key: import("node:crypto").KeyObject }[],
): KeySource {
  return {
    find: ({ kid }) =>
      known
        .filter((one) => kid === undefined || one.kid === undefined || one.kid === kid)
        .map((one) => one.key),
  };
}
