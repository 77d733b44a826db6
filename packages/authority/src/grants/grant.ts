/**
 * A grant as the rest of the authority holds it: frozen, and remembered with the moment it was read, so that
 * only a grant which the database just confirmed can be signed (tokens/issue.ts).
 */
import type { Clock, GrantId, PrincipalId, PrincipalKind } from "@deputize/core";
import { DeputizeError } from "@deputize/core";

export type GrantKind = "session" | "api_key" | "mandate" | "app" | "service" | "exchange" | "delegation";

export interface Grant {
  readonly id: GrantId;
  readonly parent: GrantId | null;
  readonly root: GrantId;
  readonly depth: number;
  /** Ids from the root to this one. */
  readonly path: readonly GrantId[];
  readonly tenant: string;
  readonly kind: GrantKind;
  readonly app: PrincipalId | null;
  readonly subject: PrincipalId;
  readonly subjectKind: PrincipalKind;
  readonly actor: PrincipalId;
  /** Who acts, the current actor first; empty when the subject acts itself. */
  readonly actors: readonly PrincipalId[];
  readonly clientId: string;
  readonly task: string | null;
  readonly orchestration: string | null;
  readonly scopes: readonly string[];
  readonly audiences: readonly string[];
  readonly constraints: Readonly<Record<string, unknown>>;
  /** Times in epoch milliseconds. */
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly renewUntil: number;
  readonly state: "active" | "revoked";
  readonly reason: string | null;
  readonly roles: readonly string[];
  /** Epochs of subject, actors and app, by principal id. */
  readonly epochs: Readonly<Record<string, number>>;
}

const readAt = new WeakMap<Grant, number>();

/** Signing a grant that was read longer ago than this is refused. */
const MAX_AGE_MS = 5_000;

/** Takes the value that `authority.grant_view` answered. */
export function grantFromView(view: Grant, clock: Clock): Grant {
  for (const value of Object.values(view)) if (typeof value === "object" && value) Object.freeze(value);
  const grant = Object.freeze(view);
  readAt.set(grant, clock.monotonicMs());
  return grant;
}

/** Throws unless the database confirmed this very grant moments ago, active and unexpired. */
export function assertJustRead(grant: Grant, clock: Clock): void {
  const at = readAt.get(grant);
  if (at === undefined || clock.monotonicMs() - at > MAX_AGE_MS) {
    throw new DeputizeError("internal", "read the grant again before signing a token of it");
  }
  if (grant.state !== "active" || grant.expiresAt <= clock.nowMs()) {
    throw new DeputizeError("grant_revoked", "the grant has ended; get a new one");
  }
}
