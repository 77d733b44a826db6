/**
 * The mode `jwt` from the environment: the settings of the guide, and ours for keys that rotate.
 *
 * Guarantees: what is missing or wrong is said when the server starts, with the fix, and never at the first request.
 */
import { DeputizeError } from "@deputize/core";
import { ASYMMETRIC, SYMMETRIC, type AsymmetricAlgorithm, type SymmetricAlgorithm } from "@deputize/mcp/auth";
import type { Authenticator } from "./authenticator.ts";
import { type JwtOptions, jwtAuthenticator } from "./jwt.ts";

/** Every setting that is read. */
export const JWT_SETTINGS = [
  "JWT_SECRET_KEY",
  "JWT_ALGORITHM",
  "JWT_ISSUER",
  "JWT_AUDIENCE",
  "JWT_JWKS_URL",
] as const;

type Shared = Pick<
  JwtOptions,
  "name" | "requiredClaims" | "leewaySeconds" | "types" | "rolesAt" | "tenantAt" | "clock"
>;

/**
 * `JWT_SECRET_KEY` is a secret, or a PEM public key for RS, ES and EdDSA; `JWT_JWKS_URL` an address, or `discover` to find the keys of
 * `JWT_ISSUER`; `JWT_AUDIENCE` may be a list with commas. Throws `config_invalid`.
 */
export function jwtFromEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  options: Shared = {},
): Authenticator {
  const read = (name: (typeof JWT_SETTINGS)[number]) => environment[name]?.trim() || undefined;
  const key = read("JWT_SECRET_KEY")?.replaceAll("\\n", "\n");
  const jwksUrl = read("JWT_JWKS_URL");
  const algorithm = read("JWT_ALGORITHM");
  const issuer = read("JWT_ISSUER");
  const audience = read("JWT_AUDIENCE")
    ?.split(",")
    .map((one) => one.trim());
  if ((key === undefined) === (jwksUrl === undefined))
    throw new DeputizeError(
      "config_invalid",
      "`jwt` needs JWT_SECRET_KEY or JWT_JWKS_URL, one of both; make a secret with `openssl rand -base64 32`",
    );
  const shared = { ...options, ...(issuer && { issuer }), ...(audience && { audience }) };
  const symmetric = SYMMETRIC.find((one) => one === (algorithm ?? "HS256"));
  const asymmetric = ASYMMETRIC.find((one) => one === algorithm);
  if (algorithm !== undefined && !symmetric && !asymmetric)
    throw new DeputizeError(
      "config_invalid",
      `JWT_ALGORITHM is one of ${[...SYMMETRIC, ...ASYMMETRIC].join(", ")}`,
    );
  if (jwksUrl !== undefined)
    return jwtAuthenticator({ ...shared, jwksUrl, ...withPublic(algorithm, asymmetric) });
  const text = key ?? "";
  return text.includes("-----BEGIN ") || asymmetric
    ? jwtAuthenticator({ ...shared, publicKey: text, ...withPublic(algorithm, asymmetric) })
    : jwtAuthenticator({ ...shared, secret: text, algorithm: symmetric as SymmetricAlgorithm });
}

function withPublic(named: string | undefined, algorithm: AsymmetricAlgorithm | undefined) {
  if (named !== undefined && !algorithm)
    throw new DeputizeError(
      "config_invalid",
      `JWT_ALGORITHM ${named} goes with a secret, and here are public keys`,
    );
  return algorithm ? { algorithm } : {};
}
