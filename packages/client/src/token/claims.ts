/**
 * The claims of an `oauth` token: RFC 9068 access-token claims, RFC 8693 `act`, and ours. Parsed once, into a
 * frozen `Caller` that nobody else can make.
 *
 * Guarantees: `iss aud exp iat jti sub client_id` are there; a key-bound token is refused unless whoever reads it says that
 * they will check possession, for accepting it without would be a downgrade (SR-25); every principal on the
 * path has an epoch (SR-12). Does not: look at time, audience or revocation.
 */
import { type Caller, DeputizeError, type GrantId, type PrincipalId } from "@deputize/core/portable";
import { z } from "zod";
import { Confirmation } from "./confirmation.ts";
import { registerVerified } from "./verified-caller.ts";

/** `typ` of the `oauth` profile (RFC 9068 §2.1). Another profile's token never passes for one (SR-09). */
export const ACCESS_TOKEN_TYPE = "at+jwt";

// A pattern and not `isUuid`: zod runs it several times faster than a refinement.
const Id = z.string().regex(/^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
const Seconds = z.number().int().nonnegative();

/** RFC 8693 §4.1: the outermost is the current actor, the nested ones are history. */
interface Act {
  readonly sub: string;
  readonly act?: Act | undefined;
}
const Act: z.ZodType<Act> = z.lazy(() => z.strictObject({ sub: Id, act: Act.optional() }));

// Unknown claims are passed over (RFC 7519 §4).
const Claims = z.object({
  cnf: Confirmation.optional(),
  iss: z.string().min(1),
  sub: Id,
  aud: z.union([z.string().min(1), z.array(z.string().min(1)).min(1).max(32)]),
  exp: Seconds,
  nbf: Seconds.optional(),
  iat: Seconds,
  jti: z.string().min(16).max(128),
  client_id: z.string().min(1).max(200),
  scope: z.string().max(4096),
  act: Act.optional(),
  tenant: z.string().min(1).max(100),
  sub_kind: z.enum(["user", "agent", "app", "service"]),
  roles: z.array(z.string().max(64)).max(32),
  constraints: z.record(z.string().max(64), z.unknown()).optional(),
  grants: z.array(Id).min(1).max(6),
  epochs: z.record(Id, z.number().int().nonnegative()),
  task_id: z.string().max(200).optional(),
  orch_id: z.string().max(200).optional(),
  sid: z.string().max(200).optional(),
  key_id: Id.optional(),
  owner: Id.optional(),
  auth_time: Seconds.optional(),
});

export type AccessTokenClaims = z.infer<typeof Claims>;

/** A token that verified: what it says, and the caller it makes. */
export interface VerifiedToken {
  readonly claims: AccessTokenClaims;
  readonly audience: readonly string[];
  readonly caller: Caller;
}

function actorsOf(act: Act | undefined): PrincipalId[] {
  const actors: PrincipalId[] = [];
  for (let link = act; link; link = link.act) actors.push(link.sub as PrincipalId);
  return actors;
}

/**
 * Reads the payload of a token whose signature holds. `checksPossession` promises that the reader checks a proof against
 * `claims.cnf` before it believes the caller. Throws `invalid_token`.
 */
export function readAccessTokenClaims(
  payload: unknown,
  options: { readonly checksPossession?: boolean } = {},
): VerifiedToken {
  const parsed = Claims.safeParse(payload);
  const bound = typeof payload === "object" && payload !== null && "cnf" in payload;
  if (!parsed.success || (bound && options.checksPossession !== true)) {
    throw new DeputizeError(
      "invalid_token",
      bound ? "the token is bound to a key that cannot be checked here" : "the token lacks required claims",
    );
  }
  const claims = parsed.data;
  const audience = Object.freeze(typeof claims.aud === "string" ? [claims.aud] : claims.aud);
  const actors = actorsOf(claims.act);
  if ([claims.sub, ...actors].some((id) => claims.epochs[id] === undefined)) {
    throw new DeputizeError("invalid_token", "the token lacks an epoch of its path");
  }
  const caller = registerVerified({
    tenant: claims.tenant,
    subject: claims.sub as PrincipalId,
    subjectKind: claims.sub_kind,
    actors,
    roles: claims.roles,
    scopes: claims.scope === "" ? [] : claims.scope.split(" "),
    grants: claims.grants as GrantId[],
    clientId: claims.client_id,
    ...(claims.constraints && { constraints: claims.constraints }),
    ...(claims.task_id !== undefined && { task: claims.task_id }),
    ...(claims.orch_id !== undefined && { orchestration: claims.orch_id }),
    token: {
      issuer: claims.iss,
      jti: claims.jti,
      audience,
      issuedAt: claims.iat,
      expiresAt: claims.exp,
      ...(claims.key_id !== undefined && { apiKey: claims.key_id }),
      ...(claims.owner !== undefined && { owner: claims.owner as PrincipalId }),
    },
    // A delegated token never stands for the person at the page (SR-05).
    ...(claims.sid !== undefined &&
      claims.auth_time !== undefined &&
      actors.length === 0 &&
      claims.sub_kind === "user" && { session: { id: claims.sid, authenticatedAt: claims.auth_time } }),
  });
  return Object.freeze({ claims, audience, caller });
}
