/**
 * `ctx.client`: the caller as a handler or a guard sees it. Frozen, so that no handler can widen what a
 * later one sees, and made only from a verified credential.
 */
import type { Caller, PrincipalId } from "@deputize/core";

export interface ClientContext {
  readonly clientId: string;
  readonly subject: PrincipalId;
  /** Who acts for the subject, the current actor first. */
  readonly actors: readonly PrincipalId[];
  readonly roles: readonly string[];
  readonly scopes: readonly string[];
  readonly tenant: string;
  readonly issuer?: string;
  readonly audience?: readonly string[];
  /** Epoch seconds. */
  readonly issuedAt?: number;
  readonly expiresAt?: number;
  /** The verified token's claims, or a view of the caller in their form. Never the token itself. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** What `onAuthenticate` found out about this caller, such as its plan. */
  readonly extra: Readonly<Record<string, unknown>>;
  /** As the host gave it; forwarding headers are not read, since anyone can send them. */
  readonly ipAddress?: string;
  readonly userAgent?: string;
}

export interface ClientContextParts {
  readonly claims?: Readonly<Record<string, unknown>> | undefined;
  readonly extra?: Readonly<Record<string, unknown>> | undefined;
  readonly ipAddress?: string | undefined;
  readonly userAgent?: string | undefined;
}

/** Makes the frozen view of a caller. */
export function clientContext(caller: Caller, parts: ClientContextParts = {}): ClientContext {
  const { token } = caller;
  return deepFreeze({
    clientId: caller.clientId,
    subject: caller.subject,
    actors: [...caller.actors],
    roles: [...caller.roles],
    scopes: [...caller.scopes],
    tenant: caller.tenant,
    ...(token && {
      issuer: token.issuer,
      audience: [...token.audience],
      issuedAt: token.issuedAt,
      expiresAt: token.expiresAt,
    }),
    claims: parts.claims ? ownCopy(parts.claims) : claimsView(caller),
    extra: ownCopy(parts.extra ?? {}),
    ...(parts.ipAddress && { ipAddress: parts.ipAddress }),
    ...(parts.userAgent && { userAgent: parts.userAgent.slice(0, 256) }),
  });
}

function claimsView(caller: Caller): Record<string, unknown> {
  const { token } = caller;
  return {
    sub: caller.subject,
    client_id: caller.clientId,
    scope: caller.scopes.join(" "),
    roles: [...caller.roles],
    ...(caller.actors.length > 0 && { act: caller.actors.reduceRight<object>(nestActor, {}) }),
    ...(caller.task && { task_id: caller.task }),
    ...(caller.constraints && { constraints: caller.constraints }),
    ...(token && {
      iss: token.issuer,
      aud: [...token.audience],
      jti: token.jti,
      iat: token.issuedAt,
      exp: token.expiresAt,
    }),
  };
}

/** RFC 8693 §4.1: the outermost `act` is the current actor. */
function nestActor(inner: object, actor: PrincipalId): object {
  return Object.keys(inner).length > 0 ? { sub: actor, act: inner } : { sub: actor };
}

/** What was frozen here, down to its leaves: a value that is only frozen on top could still change under a handler. */
const frozen = new WeakSet<object>();

/** Verified claims, which an authenticator froze once, are shared by all calls of a token; anything else is copied. */
function ownCopy<T extends object>(value: T): T {
  return frozen.has(value) ? value : structuredClone(value);
}

/** Freezes a plain value and everything in it. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !frozen.has(value)) {
    for (const inner of Object.values(Object.freeze(value))) deepFreeze(inner);
    frozen.add(value);
  }
  return value;
}
