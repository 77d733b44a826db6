/**
 * From the claims of a verified token to a `Caller`.
 *
 * Guarantees: `iss`, `aud`, `sub` and `exp` are required, `iat` and `nbf` hold when they are there (PR-D12, PR-D15); a
 * role given as text is one role and any other odd claim is refused (PR-D13); a subject is reached only through its
 * issuer, and roles of another issuer only through a list that the operator wrote (SR-09); whoever acts for the subject
 * (`act`, RFC 8693) stays visible; a token bound to a key (`cnf`) that nothing here can check is refused (SR-25).
 */
import { type Caller, type PrincipalId, stableId } from "@deputize/core";
import { z } from "zod";
import { CredentialExpired, CredentialRefusal } from "./refusal.ts";

/** A claim's name, a dotted path to a nested one, or the path's parts where a name holds dots itself. */
export type ClaimPath = string | readonly string[];

/** Where claims are, for tokens of other makers. */
export interface ClaimPaths {
  /** Who it is, within the issuer; `sub` unless told. */
  readonly subject?: ClaimPath;
  /** `roles` unless told. */
  readonly roles?: ClaimPath;
  /** A list, or a text with spaces between; `scope` unless told. */
  readonly scopes?: ClaimPath;
  /** `tenant_id` of tokens with your own secret. Of other issuers it is read only where it is named here. */
  readonly tenant?: ClaimPath;
  /** The program that the token was given to; `client_id`, else `azp`, else the subject, unless told. */
  readonly clientId?: ClaimPath;
  /** What revocation goes by; `jti` unless told. */
  readonly tokenId?: ClaimPath;
}

/** Which of an issuer's roles count here. What is neither allowed nor mapped is left out (SR-09). */
export interface RolePolicy {
  readonly allow?: readonly string[];
  /** Their name to ours. */
  readonly map?: Readonly<Record<string, string>>;
}

export interface ClaimRules {
  readonly issuer: string;
  readonly audience: readonly string[];
  readonly leewaySeconds: number;
  readonly claims: ClaimPaths;
  /** All of them count when absent: only for an issuer that is ourselves. */
  readonly roles: RolePolicy | undefined;
  /** The tenant of callers whose token names none. */
  readonly tenant: string;
}

export interface Times {
  readonly exp: number;
  readonly nbf?: number | undefined;
  readonly iat?: number | undefined;
}

// Half a character is not told from another half once it is hashed, and two people would be one.
const text = z
  .string()
  .min(1)
  .max(256)
  .refine((one) => one.isWellFormed());
const texts = z.array(text).max(256);
export const Roles = z.union([text.transform((role) => [role]), texts]);
export const Scopes = z.union([
  z
    .string()
    .max(8192)
    .transform((list) => list.split(" ").filter(Boolean)),
  texts,
]);

/** The current actor, and inside it whoever acted before. */
type Actor = { sub: string; iss?: string | undefined; act?: Actor | undefined };
const Actor: z.ZodType<Actor> = z.object({
  sub: text,
  iss: text.optional(),
  get act() {
    return Actor.optional();
  },
});
const MAX_ACTORS = 5;

const Registered = z.object({
  iss: text.optional(),
  aud: z.union([text.transform((one) => [one]), texts]).optional(),
  exp: z.number(),
  nbf: z.number().optional(),
  iat: z.number().optional(),
  /** Bound to a key (RFC 7800), which nothing here can check. */
  cnf: z.undefined().optional(),
  act: Actor.optional(),
});

/** The principal behind a subject of an issuer. Two issuers' same `sub` are two principals (SR-09). */
export function externalSubject(issuer: string, sub: string): PrincipalId {
  return stableId(`external:${issuer.length}:${issuer}:${sub}`) as PrincipalId;
}

/** Throws when a token is not valid at `now`, in epoch seconds. */
export function assertTimes({ exp, nbf = 0, iat = 0 }: Times, now: number, leeway: number): void {
  if (exp + leeway <= now) throw new CredentialExpired("the token has expired");
  if (nbf - leeway > now) throw new CredentialRefusal("the token is not valid yet");
  if (iat - leeway > now) throw new CredentialRefusal("the token was issued in the future");
}

export interface ReadClaims {
  readonly caller: Caller;
  readonly times: Times;
  /** Absent when the token has none. */
  readonly tokenId: string | undefined;
}

/** By whom and for whom a token must have been made. What is undefined is not compared. */
export interface RegisteredRules {
  readonly issuer: string | undefined;
  readonly audience: readonly string[] | undefined;
  readonly leewaySeconds: number;
}

/** The registered claims (RFC 7519 §4.1) of a payload whose signature holds. Throws anything when one is missing or wrong. */
export function readRegistered(payload: unknown, rules: RegisteredRules, now: number) {
  const { issuer, audience } = rules;
  const read = Registered.parse(payload);
  if (issuer !== undefined && read.iss !== issuer)
    throw new CredentialRefusal("the token is of another issuer");
  if (audience && !read.aud?.some((one) => audience.includes(one)))
    throw new CredentialRefusal("the token is for another audience");
  assertTimes(read, now, rules.leewaySeconds);
  return read;
}

/** The claim at a path, undefined where there is none. Throws when it is of another form. */
export function claimAt<T>(payload: unknown, path: ClaimPath, schema: z.ZodType<T>): T | undefined {
  const value = valueAt(payload, path);
  return value === undefined ? undefined : schema.parse(value);
}

/** Makes a caller of a payload whose signature holds. Throws anything when a claim is missing or wrong. */
export function readClaims(payload: unknown, rules: ClaimRules, now: number): ReadClaims {
  const { exp, nbf, iat, act, aud = [] } = readRegistered(payload, rules, now);
  const { claims, issuer: iss } = rules;
  const claim = <T>(path: ClaimPath, schema: z.ZodType<T>): T | undefined => claimAt(payload, path, schema);
  const subject = text.parse(valueAt(payload, claims.subject ?? "sub"));
  const clientId = claims.clientId
    ? claim(claims.clientId, text)
    : (claim("client_id", text) ?? claim("azp", text));
  const tokenId = claim(claims.tokenId ?? "jti", text);
  const tenant = claims.tenant && claim(claims.tenant, text.max(64));
  return {
    tokenId,
    times: { exp, nbf, iat },
    caller: {
      tenant: tenant ?? rules.tenant,
      subject: externalSubject(iss, subject),
      subjectKind: "user",
      actors: actorsOf(act, iss),
      roles: permitted(claim(claims.roles ?? "roles", Roles) ?? [], rules.roles),
      scopes: claim(claims.scopes ?? "scope", Scopes) ?? [],
      grants: [],
      clientId: clientId ?? subject,
      token: { issuer: iss, jti: tokenId ?? "", audience: aud, issuedAt: iat ?? now, expiresAt: exp },
    },
  };
}

/** The roles of an issuer that count here, under their names here. Without a policy all of them. */
export function permitted(roles: readonly string[], policy: RolePolicy | undefined): string[] {
  if (!policy) return [...roles];
  const { allow = [], map = {} } = policy;
  return [
    ...new Set(
      roles.flatMap((role) => {
        if (Object.hasOwn(map, role)) return map[role] ?? [];
        return allow.includes(role) ? role : [];
      }),
    ),
  ];
}

/** Current actor first, as in `act`. */
function actorsOf(outermost: Actor | undefined, issuer: string): PrincipalId[] {
  const actors: PrincipalId[] = [];
  for (let actor = outermost; actor; actor = actor.act) {
    actors.push(externalSubject(actor.iss ?? issuer, actor.sub));
    if (actors.length > MAX_ACTORS) throw new CredentialRefusal("too many actors");
  }
  return actors;
}

/** The value at a path, through own properties only. A claim of exactly that name comes before a nested one. */
function valueAt(payload: unknown, path: ClaimPath): unknown {
  if (typeof path !== "string") return path.reduce(member, payload);
  const whole = member(payload, path);
  return whole === undefined ? path.split(".").reduce(member, payload) : whole;
}

function member(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Record<string, unknown>)[name];
}
