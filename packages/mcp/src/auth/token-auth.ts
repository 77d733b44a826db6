/**
 * The one way from a signed token to a caller, whichever keys it is checked with: shared secret, PEM keys, JWK set.
 *
 * Guarantees, for each request: one bearer token that token-check.ts lets through; the claims of claims.ts; `isRevoked`, asked
 * for a token that was seen before, too. Whatever is wrong, the answer is the same.
 * Does not: know about revocation unless `isRevoked` is given. Tokens of the authority have that built in.
 */
import { type Caller, type Clock, DeputizeError, isDeputizeError, systemClock } from "@deputize/core";
import { z } from "zod";
import { deepFreeze } from "../client-context.ts";
import { type Authenticator, bearerToken } from "./authenticator.ts";
import { type ClaimPaths, type ReadClaims, type RolePolicy, readClaims } from "./claims.ts";
import { CredentialRefusal, REFUSED, asked } from "./refusal.ts";
import type { Algorithm } from "./signature.ts";
import { type KeySource, tokenCheck } from "./token-check.ts";

/** The header's `typ`, compared without case and without `application/`. `absent` admits tokens that have none. */
export type TokenType = "at+jwt" | "JWT" | "absent" | (string & {});

/** A token that is good in every other way, for `isRevoked`. */
export interface RevocationQuestion {
  readonly issuer: string;
  readonly jti: string;
  readonly subject: Caller["subject"];
  /** Epoch seconds. */
  readonly issuedAt: number;
}

/** What every kind of token authentication can be told. */
export interface TokenAuthOptions {
  /** What tokens for this server name in `aud`; one of them is enough. Required: without it any service's token would do. */
  readonly audience: string | readonly string[];
  readonly claims?: ClaimPaths;
  readonly roles?: RolePolicy;
  /** The tenant of callers whose token names none; `default` unless told. */
  readonly tenant?: string;
  /** Which `typ` is accepted; `["at+jwt", "JWT"]` unless told. Say `["at+jwt"]` when your provider sends it (RFC 9068). */
  readonly types?: readonly TokenType[];
  /** How far clocks may be apart, 0 to 60 seconds; 0 unless told. */
  readonly leewaySeconds?: number;
  /**
   * Asked on every call, cached verification or not. Only `false` lets the token pass; throwing refuses, and so does
   * a token without an id.
   */
  readonly isRevoked?: (token: RevocationQuestion) => boolean | Promise<boolean>;
  /** How many verified tokens are kept; 256 unless told, 0 for none. */
  readonly cacheSize?: number;
  readonly clock?: Clock;
}

export interface TokenRules {
  readonly name: string;
  readonly issuer: string;
  readonly algorithms: readonly Algorithm[];
  readonly keys: KeySource;
  /** Published, so that clients find where to get a token. */
  readonly authorizationServers?: readonly string[];
  /** True where we sign the tokens ourselves: only then roles and tenants count without being named. */
  readonly ours: boolean;
}

const NEEDS_AUDIENCE = "needs the `audience` that its tokens are for, such as this server's URL";
const ONE_TYPE = '`types` is a list such as ["at+jwt"]';
const Options = z.object({
  audience: z
    .union([z.string().transform((one) => [one]), z.array(z.string())], { error: NEEDS_AUDIENCE })
    .refine((list) => list.length > 0 && !list.includes(""), { error: NEEDS_AUDIENCE }),
  types: z.array(z.string(), { error: ONE_TYPE }).min(1, { error: ONE_TYPE }).optional(),
  leewaySeconds: z.number().min(0).max(60, { error: "`leewaySeconds` may be 0 to 60" }).optional(),
  cacheSize: z
    .number()
    .int()
    .min(0)
    .max(1_000_000, { error: "`cacheSize` is a number of tokens" })
    .optional(),
  tenant: z.string().min(1).max(64).optional(),
});

/** Makes an authenticator of rules and keys. Throws `config_invalid` for options that cannot be kept. */
export function tokenAuthenticator(rules: TokenRules, options: TokenAuthOptions): Authenticator {
  const { name, issuer, algorithms, keys, ours } = rules;
  const read = Options.safeParse(options);
  if (!read.success) throw new DeputizeError("config_invalid", `${name}: ${read.error.issues[0]?.message}`);
  const { audience, leewaySeconds = 0, cacheSize = 256, tenant = "default" } = read.data;
  const { clock = systemClock, isRevoked } = options;
  const claimsOf = new WeakMap<Caller, Readonly<Record<string, unknown>>>();
  const claimRules = {
    issuer,
    audience,
    leewaySeconds,
    tenant,
    claims: { ...(ours && { tenant: "tenant_id" }), ...options.claims },
    roles: options.roles ?? (ours ? undefined : {}),
  };

  const verify = tokenCheck<ReadClaims>({
    issuer,
    algorithms,
    types: read.data.types ?? ["at+jwt", "JWT"],
    keys,
    cacheSize,
    leewaySeconds,
    clock,
    read: (payload, now) => {
      const claims = readClaims(payload, claimRules, now);
      const caller = deepFreeze(claims.caller);
      claimsOf.set(caller, deepFreeze(payload as Record<string, unknown>));
      return { ...claims, caller };
    },
  });

  async function assertNotRevoked({ caller, tokenId, times }: ReadClaims): Promise<void> {
    if (!isRevoked) return;
    if (tokenId === undefined) throw new CredentialRefusal("the token has no id to ask about");
    const { subject } = caller;
    const question = { issuer, jti: tokenId, subject, issuedAt: times.iat ?? 0 };
    const answer = await asked("isRevoked", () => isRevoked(question));
    if (answer !== false) throw new CredentialRefusal("the token is revoked");
  }

  return {
    name,
    ...(rules.authorizationServers && { authorizationServers: rules.authorizationServers }),
    claimsOf: (caller) => claimsOf.get(caller),
    authenticate: async (request) => {
      const token = bearerToken(request);
      try {
        const verified = await verify(token);
        await assertNotRevoked(verified);
        return verified.caller;
      } catch (cause) {
        if (isDeputizeError(cause, "unavailable")) throw cause;
        throw new DeputizeError("invalid_token", REFUSED, { cause });
      }
    },
  };
}
