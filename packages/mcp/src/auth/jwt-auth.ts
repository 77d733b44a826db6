/**
 * Callers by tokens of a shared secret (HS256, HS384, HS512): for samples, and for services that already have such tokens.
 *
 * Guarantees: everything that token-auth.ts does; the secret is at least as long as the algorithm's hash (RFC 7518
 * §3.2), and a key file given in its place is refused.
 * Does not: keep the secret from whoever verifies. Everyone who can check such a token can make one; between services of
 * different owners use `asymmetricJwtAuth` or `jwksAuth`. To change a secret, name both for a while:
 * `auth: [jwtAuth({ secret: next, … }), jwtAuth({ secret: previous, … })]`.
 */
import { createSecretKey } from "node:crypto";
import { DeputizeError, newId, nowSeconds, systemClock } from "@deputize/core";
import { SignJWT } from "jose";
import type { Authenticator } from "./authenticator.ts";
import { SYMMETRIC, type SymmetricAlgorithm, secretBytes } from "./signature.ts";
import { type TokenAuthOptions, tokenAuthenticator } from "./token-auth.ts";

export interface JwtAuthOptions extends TokenAuthOptions {
  /** At least 32 bytes for HS256, 48 for HS384, 64 for HS512. There is no default. */
  readonly secret: string;
  /** `["HS256"]` unless told. New tokens are made with the first. */
  readonly algorithms?: readonly SymmetricAlgorithm[];
  /** `urn:deputize:local` unless told. */
  readonly issuer?: string;
}

export interface JwtAuth extends Authenticator {
  /** Signs a token for this server; for tests and samples. `expiresIn` is in seconds, 3600 unless told. */
  createToken(claims: TokenClaims, options?: { readonly expiresIn?: number }): Promise<string>;
}

export interface TokenClaims {
  readonly sub: string;
  readonly roles?: readonly string[] | string;
  readonly scope?: string;
  readonly [claim: string]: unknown;
}

const DEFAULT_ISSUER = "urn:deputize:local";

/**
 * An authenticator over tokens of a shared secret (RFC 7519, RFC 7518 §3.2). Throws `config_invalid` for a weak secret or a
 * missing audience; its `authenticate` throws `unauthenticated` and `invalid_token`.
 */
export function jwtAuth(options: JwtAuthOptions): JwtAuth {
  const { secret, algorithms = ["HS256"], issuer = DEFAULT_ISSUER, clock = systemClock } = options;
  const [first] = algorithms;
  if (first === undefined || algorithms.some((algorithm) => !SYMMETRIC.includes(algorithm)))
    throw new DeputizeError("config_invalid", `jwt: \`algorithms\` is a list of ${SYMMETRIC.join(", ")}`);
  const bytes = Math.max(...algorithms.map(secretBytes));
  if (Buffer.byteLength(secret) < bytes) {
    throw new DeputizeError(
      "config_invalid",
      `the JWT secret needs ${bytes} bytes or more; make one with \`openssl rand -hex ${bytes}\``,
    );
  }
  if (secret.includes("-----BEGIN "))
    throw new DeputizeError(
      "config_invalid",
      "this secret is a key file; use `asymmetricJwtAuth` for public keys",
    );
  const key = createSecretKey(secret, "utf8");
  const [audience] = [options.audience].flat();
  // One that our own check takes; none where only tokens without one are taken.
  const typ = options.types ? options.types.find((type) => type !== "absent") : "JWT";
  const rules = { name: "jwt", issuer, algorithms, keys: { find: () => [key] }, ours: true };
  return {
    ...tokenAuthenticator(rules, options),
    createToken: ({ sub, ...claims }, { expiresIn = 3600 } = {}) =>
      new SignJWT({ jti: newId(clock), ...claims, sub })
        .setProtectedHeader({ alg: first, ...(typ !== undefined && { typ }) })
        .setIssuer(issuer)
        .setAudience(audience ?? "")
        .setIssuedAt(nowSeconds(clock))
        .setExpirationTime(nowSeconds(clock) + expiresIn)
        .sign(key),
  };
}
