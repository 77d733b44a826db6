/**
 * Callers by tokens that somebody else signs with a private key, checked with public keys that the operator pasted in.
 *
 * Guarantees: everything that token-auth.ts does; issuer, audience and algorithms have no default; each key fits one of
 * the algorithms and is strong, or the server does not start (public-keys.ts). Of the issuer's roles only those count that
 * `roles` names, and a tenant only where `claims.tenant` names its claim (SR-09).
 * Does not: notice that the issuer changed its keys. Give old and new one for a while, or use `jwksAuth`.
 */
import { DeputizeError } from "@deputize/core";
import type { Authenticator } from "./authenticator.ts";
import { publicKeyFromPem } from "./public-keys.ts";
import { ASYMMETRIC, type AsymmetricAlgorithm } from "./signature.ts";
import { type TokenAuthOptions, tokenAuthenticator } from "./token-auth.ts";
import type { KeySource } from "./token-check.ts";

export interface PublicKey {
  readonly publicKeyPem: string;
  /** The name that tokens give it. Tokens that name another key are not checked with this one. */
  readonly kid?: string;
}

export type AsymmetricJwtAuthOptions = TokenAuthOptions & {
  /** Exactly as in the tokens' `iss`. */
  readonly issuer: string;
  readonly algorithms: readonly AsymmetricAlgorithm[];
} & (
    | { readonly publicKeyPem: string; readonly keys?: never }
    | { readonly publicKeyPem?: never; readonly keys: readonly PublicKey[] }
  );

/** Each may cost a signature check for a token that names no key. */
const MAX_KEYS = 16;

/**
 * An authenticator over public keys (RFC 7519 with RS, PS, ES of 256, 384, 512, and EdDSA). Throws `config_invalid` for a
 * private, weak or unfitting key, and where issuer, audience or algorithms are missing; its `authenticate` throws
 * `unauthenticated` and `invalid_token`.
 */
export function asymmetricJwtAuth(options: AsymmetricJwtAuthOptions): Authenticator {
  const { issuer, algorithms } = options;
  if (!issuer) throw new DeputizeError("config_invalid", "asymmetric jwt: needs the `issuer` of its tokens");
  assertAsymmetric("asymmetric jwt", algorithms);
  const given: readonly PublicKey[] = options.keys ?? [{ publicKeyPem: options.publicKeyPem }];
  if (given.length === 0 || given.length > MAX_KEYS)
    throw new DeputizeError("config_invalid", `asymmetric jwt: give 1 to ${MAX_KEYS} public keys`);
  const known = given.map(({ publicKeyPem, kid }) => publicKeyFromPem(publicKeyPem, algorithms, kid));
  const unused = algorithms.find((algorithm) => !known.some((key) => key.algorithms.includes(algorithm)));
  if (unused)
    throw new DeputizeError("config_invalid", `asymmetric jwt: no key fits ${unused}; leave it out`);
  const keys: KeySource = {
    find: ({ alg, kid }) =>
      known
        .filter((one) => one.algorithms.includes(alg))
        .filter((one) => kid === undefined || one.kid === undefined || one.kid === kid)
        .map((one) => one.key),
  };
  return tokenAuthenticator(
    {
      name: "asymmetric jwt",
      issuer,
      algorithms,
      keys,
      authorizationServers: webIssuer(issuer),
      ours: false,
    },
    options,
  );
}

/** Throws `config_invalid` unless it is a list of algorithms with public keys: a shared secret never stands among them. */
export function assertAsymmetric(name: string, algorithms: readonly AsymmetricAlgorithm[]): void {
  if (algorithms.length === 0 || algorithms.some((algorithm) => !ASYMMETRIC.includes(algorithm)))
    throw new DeputizeError(
      "config_invalid",
      `${name}: \`algorithms\` is a list of ${ASYMMETRIC.join(", ")}`,
    );
}

/** RFC 9728 §2 lists issuers that have metadata of their own, which only a web address can have. */
function webIssuer(issuer: string): readonly string[] {
  return /^https?:\/\//.test(issuer) ? [issuer] : [];
}
