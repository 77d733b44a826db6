/**
 * Who is acting right now. A `Caller` is made by an authenticator from a verified credential, travels in
 * an `AsyncLocalStorage` (context.ts), and is never a tool argument and never in a prompt.
 */
import { DeputizeError } from "./errors.ts";
import type { GrantId, PrincipalId } from "./id-types.ts";

export type PrincipalKind = "user" | "agent" | "app" | "service";

export interface Principal {
  readonly id: PrincipalId;
  readonly kind: PrincipalKind;
  readonly tenant: string;
  readonly name: string;
}

export interface Caller {
  readonly tenant: string;
  /** On whose behalf: the person, or the agent when it acts for itself. Rows belong to this id. */
  readonly subject: PrincipalId;
  readonly subjectKind: PrincipalKind;
  /** Who acts, the current actor first. Empty when the subject acts without a deputy. */
  readonly actors: readonly PrincipalId[];
  readonly roles: readonly string[];
  readonly scopes: readonly string[];
  /** Grant ids from the root to the one in use. */
  readonly grants: readonly GrantId[];
  readonly clientId: string;
  /** Limits on the arguments of tools, by name (constraint.ts). Absent: none. */
  readonly constraints?: Readonly<Record<string, unknown>>;
  readonly task?: string;
  readonly orchestration?: string;
  /** The verified token behind this caller; absent for first-party sessions. */
  readonly token?: CallerToken;
  /** Set only for a person at a first-party session (cookie or direct login, no `act`). */
  readonly session?: CallerSession;
}

export interface CallerToken {
  readonly issuer: string;
  readonly jti: string;
  readonly audience: readonly string[];
  /** Epoch seconds. */
  readonly issuedAt: number;
  readonly expiresAt: number;
  /** For an agent that signed in by itself: the id of the API key it used, and who owns the agent. */
  readonly apiKey?: string;
  readonly owner?: PrincipalId;
}

export interface CallerSession {
  readonly id: string;
  /** Epoch seconds of the last time the person proved who they are. */
  readonly authenticatedAt: number;
}

/** The principal whose hands are on the keys: the current actor, or the subject itself. */
export function actingPrincipal(caller: Caller): PrincipalId {
  return caller.actors[0] ?? caller.subject;
}

/** The grant in use. Throws `unauthenticated` when there is none. */
export function currentGrant(caller: Caller): GrantId {
  const grant = caller.grants.at(-1);
  if (!grant) throw new DeputizeError("unauthenticated", "the caller holds no grant");
  return grant;
}

function freezeTree(value: unknown): void {
  if (typeof value !== "object" || value === null) return;
  Object.freeze(value);
  for (const inner of Object.values(value)) freezeTree(inner);
}

/** Deep-freezes a caller, so that no handler can widen what a later handler sees. */
export function freezeCaller(caller: Caller): Caller {
  for (const value of Object.values(caller)) {
    if (typeof value === "object" && value !== null) Object.freeze(value);
  }
  freezeTree(caller.constraints);
  return Object.freeze(caller);
}
