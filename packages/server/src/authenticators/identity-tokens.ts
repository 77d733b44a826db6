/**
 * From a signed token to an identity: what jwt, OpenID Connect, Firebase and the database have in common.
 *
 * Guarantees: everything of the token check that tool servers use (canonical form, algorithm, type, key, signature, times); `exp`
 * is there; issuer and audience are compared where they are set; a token of two users is of nobody, and one that acts for
 * somebody or is bound to a key that nothing here can check is refused (SR-25).
 */
import { splitCompactJws } from "@deputize/client";
import { type Clock, DeputizeError, isDeputizeError } from "@deputize/core";
import {
  type Algorithm,
  type ClaimPath,
  CredentialExpired,
  CredentialRefusal,
  type KeySource,
  Roles,
  Scopes,
  type Times,
  claimAt,
  readRegistered,
  reasonsOf,
  tokenCheck,
} from "@deputize/mcp/auth";
import { z } from "zod";
import { type IdentityInput, type Rejection, rejected } from "./authenticator.ts";

export interface IdentityTokenRules {
  /** Compared with `iss` where it is set. */
  readonly issuer: string | undefined;
  /** Whose the identities are. */
  readonly identityIssuer: string;
  readonly audience: readonly string[] | undefined;
  readonly algorithms: readonly Algorithm[];
  readonly types: readonly string[];
  readonly keys: KeySource;
  readonly leewaySeconds: number;
  readonly clock: Clock;
  /** Claims of which one names the user; where several do, they name the same one. */
  readonly userClaims: readonly string[];
  /** Where roles are; `roles` unless told. */
  readonly rolesAt?: ClaimPath;
  readonly scopesAt?: ClaimPath;
  /** Where a tenant is. Not read unless told. */
  readonly tenantAt?: ClaimPath;
  /** Anything else that must hold. Throwing refuses. */
  readonly also?: (payload: Readonly<Record<string, unknown>>, now: number) => void;
}

/** Verified tokens that are kept, so that one that comes again costs a digest. */
const CACHE_SIZE = 1024;

const text = z.string().min(1).max(256);
const profile = (max: number) => z.string().min(1).max(max).optional().catch(undefined);
const Profile = z.object({
  username: profile(256),
  preferred_username: profile(256),
  name: profile(256),
  email: profile(320),
});

/** A function that answers the identity of a token. Throws anything for one that does not hold. */
export function identityTokens(rules: IdentityTokenRules): (token: string) => Promise<IdentityInput> {
  const check = tokenCheck<{ times: Times; identity: IdentityInput }>({
    ...rules,
    cacheSize: CACHE_SIZE,
    read: (payload, now) => {
      const { exp, nbf, iat } = readRegistered(payload, rules, now);
      rules.also?.(payload as Record<string, unknown>, now);
      return { times: { exp, nbf, iat }, identity: identityOfClaims(payload, rules, exp) };
    },
  });
  return async (token) => (await check(token)).identity;
}

type ReadRules = Pick<
  IdentityTokenRules,
  "identityIssuer" | "userClaims" | "rolesAt" | "scopesAt" | "tenantAt"
>;

/** The identity of claims that somebody vouches for. Throws when they name nobody. */
export function identityOfClaims(payload: unknown, rules: ReadRules, expiresAt?: number): IdentityInput {
  if (claimAt(payload, ["act"], z.unknown()) !== undefined)
    throw new CredentialRefusal("the token acts for somebody; exchange it at the authority");
  const users = new Set(rules.userClaims.flatMap((name) => claimAt(payload, [name], text) ?? []));
  const [userId, ...others] = users;
  if (userId === undefined || others.length > 0)
    throw new CredentialRefusal("the token names no user, or two");
  const known = Profile.parse(payload);
  const optional = {
    tenantId: rules.tenantAt && claimAt(payload, rules.tenantAt, text.max(64)),
    username: known.username ?? known.preferred_username ?? known.name,
    email: known.email,
    authTime: claimAt(payload, ["auth_time"], z.number().int().nonnegative()),
    tokenId: claimAt(payload, ["jti"], text),
    expiresAt,
  };
  return {
    userId,
    issuer: rules.identityIssuer,
    roles: claimAt(payload, rules.rolesAt ?? "roles", Roles) ?? [],
    scopes: claimAt(payload, rules.scopesAt ?? "scope", Scopes) ?? [],
    amr: claimAt(payload, ["amr"], z.array(text).max(32)) ?? [],
    claims: payload as Record<string, unknown>,
    ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)),
  };
}

/** How what a token check threw is told. */
export function rejectionOf(error: unknown): Rejection {
  if (error instanceof CredentialExpired) return rejected("EXPIRED_TOKEN", error.message);
  if (isDeputizeError(error) && error.status === 503) throw error;
  return rejected("INVALID_TOKEN", reasonsOf(error).join(", ") || "the token is malformed");
}

/**
 * The claims of a bearer token that nobody has verified yet: only for telling whose it may be. Undefined when it is no
 * signed token in its one spelling.
 */
export function unverifiedClaims(bearer: string | undefined): Readonly<Record<string, unknown>> | undefined {
  if (bearer === undefined || bearer.split(".").length !== 3) return undefined;
  try {
    const { payload } = splitCompactJws(bearer);
    return typeof payload === "object" && payload !== null ? (payload as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** Checks leeway and audience as an operator wrote them. Throws `config_invalid`. */
export function checkedAudience(name: string, audience: string | readonly string[] | undefined) {
  if (audience === undefined) return undefined;
  const list = [audience].flat();
  if (list.length === 0 || list.some((one) => typeof one !== "string" || one === ""))
    throw new DeputizeError(
      "config_invalid",
      `${name}: \`audience\` is the name that tokens for this server carry`,
    );
  return list;
}

/** Throws `config_invalid` unless it is 0 to 60 seconds; 0 when it is absent. */
export function checkedLeeway(name: string, leewaySeconds = 0): number {
  if (!(leewaySeconds >= 0 && leewaySeconds <= 60))
    throw new DeputizeError("config_invalid", `${name}: \`leewaySeconds\` may be 0 to 60`);
  return leewaySeconds;
}
