/**
 * Callers by HS256 tokens of a shared secret: for samples and for services that already have such tokens.
 *
 * Guarantees: the algorithm is fixed, `exp`, `sub` and `aud` are required, there is no leeway; a token has one
 * spelling (strict base64url), so that a verification may be cached by the digest of the whole token and a
 * forged signature never hits it (PR-D16); expiry is read again on every hit. A role given as text is one
 * role, any other odd claim is 401 (PR-D13). `sub` becomes a principal only together with its issuer (SR-09).
 * Does not: know about revocation unless `isRevoked` is given. Tokens of the authority have that built in.
 */
import { createHash, createSecretKey } from "node:crypto";
import {
  type Caller,
  type Clock,
  DeputizeError,
  type PrincipalId,
  newId,
  nowSeconds,
  stableId,
  systemClock,
} from "@deputize/core";
import { SignJWT, jwtVerify } from "jose";
import { z } from "zod";
import { deepFreeze } from "../client-context.ts";
import { type Authenticator, bearerToken } from "./authenticator.ts";

export interface JwtAuthOptions {
  /** At least 32 bytes. There is no default. */
  readonly secret: string;
  readonly audience: string;
  readonly issuer?: string;
  /** Where claims are, as dotted paths, for tokens of other makers. */
  readonly claims?: { readonly roles?: string; readonly scopes?: string; readonly tenant?: string };
  /** Asked on every call, cached verification or not. Throwing refuses. */
  readonly isRevoked?: (token: {
    readonly issuer: string;
    readonly jti: string;
  }) => boolean | Promise<boolean>;
  readonly clock?: Clock;
}

export interface JwtAuth extends Authenticator {
  /** Signs a token for this server; for tests and samples. */
  createToken(claims: TokenClaims, options?: { readonly expiresIn?: number }): Promise<string>;
}

export interface TokenClaims {
  readonly sub: string;
  readonly roles?: readonly string[] | string;
  readonly scope?: string;
  readonly [claim: string]: unknown;
}

const DEFAULT_ISSUER = "urn:deputize:local";
const CACHE_SIZE = 256;
const CANONICAL = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

const texts = z.array(z.string().min(1).max(256)).max(256);
const ROLES = z.union([
  z
    .string()
    .min(1)
    .transform((role) => [role]),
  texts,
]);
const SCOPES = z.union([z.string().transform((list) => list.split(" ").filter(Boolean)), texts]);
const IDENTITY = z.looseObject({
  sub: z.string().min(1).max(256),
  exp: z.number(),
  iat: z.number().optional(),
  jti: z.string().min(1).max(256).optional(),
  client_id: z.string().min(1).max(256).optional(),
});

/** An authenticator over HS256 tokens. Throws `config_invalid` for a weak secret or a missing audience. */
export function jwtAuth(options: JwtAuthOptions): JwtAuth {
  const { audience, issuer = DEFAULT_ISSUER, clock = systemClock, isRevoked } = options;
  if (Buffer.byteLength(options.secret) < 32) {
    throw new DeputizeError(
      "config_invalid",
      "the JWT secret needs 32 bytes or more; make one with `openssl rand -hex 32`",
    );
  }
  if (!audience)
    throw new DeputizeError("config_invalid", "jwtAuth needs the `audience` that its tokens are for");
  const key = createSecretKey(options.secret, "utf8");
  const verified = new Map<string, Caller>();
  const claimsOf = new WeakMap<Caller, Readonly<Record<string, unknown>>>();

  async function verify(token: string): Promise<Caller> {
    const digest = createHash("sha256").update(token).digest("base64url");
    const known = verified.get(digest);
    if (known) return known;
    const { payload } = await jwtVerify(token, key, {
      algorithms: ["HS256"],
      audience,
      issuer,
      requiredClaims: ["sub", "exp"],
      clockTolerance: 0,
      currentDate: new Date(clock.nowMs()),
    });
    const caller = deepFreeze(callerOf(payload, { ...options, issuer, clock }));
    claimsOf.set(caller, deepFreeze(structuredClone(payload)));
    verified.set(digest, caller);
    const oldest = verified.size > CACHE_SIZE ? verified.keys().next().value : undefined;
    if (oldest !== undefined) verified.delete(oldest);
    return caller;
  }

  return {
    name: "jwt",
    claimsOf: (caller) => claimsOf.get(caller),
    authenticate: async (request) => {
      const token = bearerToken(request);
      try {
        if (!isCanonical(token)) throw new Error("not in canonical form");
        const caller = await verify(token);
        const { expiresAt = 0, jti = "" } = caller.token ?? {};
        if (expiresAt <= nowSeconds(clock)) throw new Error("expired");
        if (isRevoked && (await isRevoked({ issuer, jti })) !== false) throw new Error("revoked");
        return caller;
      } catch (cause) {
        throw new DeputizeError("invalid_token", "the token is not valid here; get a new one", { cause });
      }
    },
    createToken: ({ sub, ...claims }, { expiresIn = 3600 } = {}) =>
      new SignJWT({ jti: newId(clock), ...claims, sub })
        .setProtectedHeader({ alg: "HS256", typ: "JWT" })
        .setIssuer(issuer)
        .setAudience(audience)
        .setIssuedAt(nowSeconds(clock))
        .setExpirationTime(nowSeconds(clock) + expiresIn)
        .sign(key),
  };
}

/** One token, one text: base64url whose spare bits are zero, and no padding. */
function isCanonical(token: string): boolean {
  if (!CANONICAL.test(token)) return false;
  return token.split(".").every((part) => Buffer.from(part, "base64url").toString("base64url") === part);
}

function callerOf(
  payload: Record<string, unknown>,
  options: JwtAuthOptions & { issuer: string; clock: Clock },
): Caller {
  const { sub, exp, iat, jti, client_id } = IDENTITY.parse(payload);
  const roles = at(payload, options.claims?.roles ?? "roles");
  const scopes = at(payload, options.claims?.scopes ?? "scope");
  const tenant = at(payload, options.claims?.tenant ?? "tenant_id");
  return {
    tenant: tenant === undefined ? "default" : z.string().min(1).max(64).parse(tenant),
    subject: stableId(`external:${options.issuer.length}:${options.issuer}:${sub}`) as PrincipalId,
    subjectKind: "user",
    actors: [],
    roles: roles === undefined ? [] : ROLES.parse(roles),
    scopes: scopes === undefined ? [] : SCOPES.parse(scopes),
    grants: [],
    clientId: client_id ?? sub,
    token: {
      issuer: options.issuer,
      jti: jti ?? "",
      audience: [options.audience],
      issuedAt: iat ?? nowSeconds(options.clock),
      expiresAt: exp,
    },
  };
}

/** The value at a dotted path, through own properties only. */
function at(value: unknown, path: string): unknown {
  return path.split(".").reduce<unknown>((inner, name) => {
    if (typeof inner !== "object" || inner === null || !Object.hasOwn(inner, name)) return undefined;
    return (inner as Record<string, unknown>)[name];
  }, value);
}
