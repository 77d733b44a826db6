/**
 * The grant tree: roots, children, renewal, ending.
 *
 * Guarantees: every child is made by `attenuate`, in one database call that share-locks the path, cuts the
 * scopes to parent ∩ ceilings, and bounds expiry, depth and audience; a trigger checks the row again. A
 * grant's end is its subtree's end. Each of them is in the log, in the same transaction (SR-13, SR-18).
 * Does not: decide who may ask. Whoever calls `createRoot` has authenticated the actor just now.
 */
import { isDeepStrictEqual } from "node:util";
import {
  type Clock,
  type Constraint,
  DeputizeError,
  type GrantId,
  type PrincipalId,
  newId,
  parseConstraints,
  parseScope,
} from "@deputize/core";
import type { AuditLog } from "@deputize/audit";
import type { Queryable } from "@deputize/store";
import { refusing } from "../refusals.ts";
import { type Grant, type GrantKind, grantFromView } from "./grant.ts";

export interface RootRequest {
  readonly kind: Exclude<GrantKind, "exchange" | "delegation">;
  readonly tenant: string;
  readonly subject: PrincipalId;
  readonly actor: PrincipalId;
  readonly app?: PrincipalId;
  readonly clientId: string;
  readonly scopes: readonly string[];
  readonly audiences: readonly string[];
  readonly ttlSeconds: number;
  /** How long renewal may keep it alive, from now; `ttlSeconds` unless told. */
  readonly renewSeconds?: number;
  readonly task?: string;
  readonly orchestration?: string;
  /** Limits on arguments of tools, by name; every descendant keeps them. */
  readonly constraints?: Readonly<Record<string, Constraint>>;
}

export interface AttenuateRequest {
  readonly kind: "exchange" | "delegation";
  readonly actor: PrincipalId;
  readonly clientId: string;
  readonly audiences: readonly string[];
  /** Absent: all that parent and ceilings allow. */
  readonly scopes?: readonly string[];
  /** `refuse` (unless told) what is not covered, or hand on what is (`cut`). */
  readonly beyond?: "refuse" | "cut";
  /** Capped at the parent's expiry. */
  readonly ttlSeconds: number;
  /** Epoch milliseconds; refused when it is past the parent's expiry. */
  readonly expiresAt?: number;
  readonly renewSeconds?: number;
  /** The parent's own actor may narrow its grant; refused unless told. */
  readonly toSelf?: boolean;
  /** The parent's audiences need no edge; every audience does unless told. */
  readonly keepAudiences?: boolean;
  readonly task?: string;
  readonly orchestration?: string;
  /** Further ones: those of the parent stay. A name that the parent uses for another limit is refused. */
  readonly constraints?: Readonly<Record<string, Constraint>>;
  /** Set by token exchange: who presents which token. */
  readonly exchange?: {
    readonly exchanger: PrincipalId;
    readonly tokenAudiences?: readonly string[];
    /** Issuer and jti, with the epochs that the token carries. */
    readonly token?: { readonly key: string; readonly epochs: Readonly<Record<string, number>> };
  };
}

export interface GrantRef {
  readonly tenant: string;
  readonly id: GrantId;
}

export interface Grants {
  createRoot(tx: Queryable, request: RootRequest): Promise<Grant>;
  /** The one maker of children. Throws `grant_revoked`, `scope_exceeded`, `outlives_parent`, `depth_exceeded`, `invalid_target`, `forbidden`. */
  attenuate(tx: Queryable, parent: GrantRef, request: AttenuateRequest): Promise<Grant>;
  /** Keeps the id; bounded by the parent's expiry and `renewUntil`. Throws `grant_revoked`. */
  renew(tx: Queryable, ref: GrantRef, ttlSeconds: number): Promise<Grant>;
  get(tx: Queryable, ref: GrantRef): Promise<Grant | undefined>;
  /** Ends the grant and its subtree. Answers what ended; nothing when it had ended before. `by`: who wanted it. */
  revoke(tx: Queryable, ref: GrantRef, reason: string, by?: PrincipalId): Promise<readonly GrantId[]>;
  /** The same for many grants of one tenant. */
  revokeMany(
    tx: Queryable,
    refs: { readonly tenant: string; readonly ids: readonly GrantId[] },
    reason: string,
  ): Promise<readonly GrantId[]>;
  /** Ends every grant in which `actor` acts for `subject`, as when a permission is taken back. */
  revokeBetween(
    tx: Queryable,
    between: { readonly tenant: string; readonly subject: PrincipalId; readonly actor: PrincipalId },
    reason: string,
  ): Promise<readonly GrantId[]>;
}

/** Longest a root may live without renewal, and with it: a mandate of a year is a person's choice, not a default. */
const LIMITS = { ttlSeconds: 366 * 86_400, scopes: 64 } as const;

/** Throws `invalid_scope`, `invalid_request`. */
export function checkRequest(request: {
  readonly scopes?: readonly string[];
  readonly ttlSeconds: number;
  readonly renewSeconds?: number;
  readonly audiences: readonly string[];
  readonly constraints?: Readonly<Record<string, unknown>>;
}): void {
  if (request.constraints) parseConstraints(request.constraints);
  for (const scope of request.scopes ?? []) {
    parseScope(scope);
    if (!/^[\x21\x23-\x5b\x5d-\x7e]{1,200}$/.test(scope)) {
      throw new DeputizeError("invalid_scope", "a scope holds up to 200 printable characters, no blank");
    }
  }
  for (const seconds of [request.ttlSeconds, request.renewSeconds ?? 1]) {
    if (!Number.isInteger(seconds) || seconds < 1 || seconds > LIMITS.ttlSeconds) {
      throw new DeputizeError("invalid_request", "a lifetime is a whole number of seconds, up to a year");
    }
  }
  if ((request.scopes?.length ?? 0) > LIMITS.scopes || request.audiences.length === 0) {
    throw new DeputizeError("invalid_request", "name 1 to 32 audiences and up to 64 scopes");
  }
}

/** The parent's limit stands under its name; a child that meant a narrower one must not believe it has it. */
export function assertNamesKept(asked: Grant["constraints"] = {}, made: Grant["constraints"] = {}): void {
  const differs = Object.entries(asked).some(([name, one]) => !isDeepStrictEqual(made[name], one));
  if (differs)
    throw new DeputizeError("scope_exceeded", "the parent grant has another constraint of that name");
}

export function createGrants(options: {
  readonly clock: Clock;
  readonly audit: Pick<AuditLog, "record">;
  /** How long the feed must remember: the longest token lifetime plus skew. */
  readonly rememberSeconds: number;
}): Grants {
  const { clock, audit } = options;
  const iso = (ms: number): string => new Date(ms).toISOString();
  const rememberUntil = (): string => iso(clock.nowMs() + options.rememberSeconds * 1000);

  async function view(tx: Queryable, sql: string, params: readonly unknown[]): Promise<Grant | undefined> {
    const { rows } = await refusing(tx.query<{ view: Grant | null }>(sql, params));
    const found = rows[0]?.view;
    return found ? grantFromView(found, clock) : undefined;
  }

  async function recorded(tx: Queryable, grant: Grant | undefined, action: string): Promise<Grant> {
    if (!grant) throw new DeputizeError("internal", "the database answered no grant");
    await audit.record(tx, {
      action,
      outcome: "allowed",
      tenant: grant.tenant,
      subject: grant.subject,
      actors: grant.actors,
      grant: grant.id,
      grants: grant.path,
      ...(grant.task !== null && { task: grant.task }),
      detail: {
        kind: grant.kind,
        scopes: grant.scopes,
        audiences: grant.audiences,
        expires: iso(grant.expiresAt),
      },
    });
    return grant;
  }

  async function revokeIds(
    tx: Queryable,
    tenant: string,
    ids: readonly GrantId[],
    reason: string,
    by?: PrincipalId,
  ): Promise<readonly GrantId[]> {
    if (ids.length === 0) return [];
    const { rows } = await refusing(
      tx.query<{ ended: GrantId[] }>(`SELECT authority.revoke_grants($1, $2, $3, $4, $5) AS ended`, [
        tenant,
        ids,
        reason,
        iso(clock.nowMs()),
        rememberUntil(),
      ]),
    );
    const ended = rows[0]?.ended ?? [];
    if (ended.length > 0) {
      await audit.record(tx, {
        action: "grant.revoked",
        outcome: "allowed",
        tenant,
        ...(by && { subject: by }),
        ...(ids[0] !== undefined && ids.length === 1 && { grant: ids[0] }),
        detail: { reason, targets: ids.slice(0, 100), ended: ended.length },
      });
    }
    return ended;
  }

  return {
    async createRoot(tx, request) {
      checkRequest(request);
      const made = await view(tx, `SELECT authority.create_root($1) AS view`, [
        JSON.stringify({ ...request, id: newId(clock), now: iso(clock.nowMs()) }),
      ]);
      return recorded(tx, made, "grant.created");
    },
    async attenuate(tx, parent, request) {
      checkRequest(request);
      const { beyond, keepAudiences, exchange, expiresAt, ...rest } = request;
      const made = await view(tx, `SELECT authority.attenuate($1) AS view`, [
        JSON.stringify({
          ...rest,
          tenant: parent.tenant,
          parent: parent.id,
          id: newId(clock),
          now: iso(clock.nowMs()),
          exact: beyond !== "cut",
          edges: keepAudiences !== true,
          ...(expiresAt !== undefined && { expiresAt: iso(expiresAt) }),
          ...(exchange && {
            exchanger: exchange.exchanger,
            ...(exchange.tokenAudiences && { tokenAudiences: exchange.tokenAudiences }),
            ...(exchange.token && { viaToken: exchange.token.key, epochs: exchange.token.epochs }),
          }),
        }),
      ]);
      assertNamesKept(request.constraints, made?.constraints);
      return recorded(tx, made, request.kind === "exchange" ? "token.exchanged" : "grant.delegated");
    },
    async renew(tx, ref, ttlSeconds) {
      checkRequest({ ttlSeconds, audiences: ["-"] });
      const renewed = await view(tx, `SELECT authority.renew($1, $2, $3, $4) AS view`, [
        ref.tenant,
        ref.id,
        ttlSeconds,
        iso(clock.nowMs()),
      ]);
      return recorded(tx, renewed, "grant.renewed");
    },
    get: (tx, ref) =>
      view(
        tx,
        `SELECT authority.grant_view(g) AS view FROM authority.grants g WHERE g.tenant = $1 AND g.id = $2`,
        [ref.tenant, ref.id],
      ),
    revoke: (tx, ref, reason, by) => revokeIds(tx, ref.tenant, [ref.id], reason, by),
    revokeMany: (tx, { tenant, ids }, reason) => revokeIds(tx, tenant, ids, reason),
    async revokeBetween(tx, { tenant, subject, actor }, reason) {
      // Whoever makes such a grant share-locks the actor first: waiting for it here misses none.
      await tx.query(`SELECT FROM authority.principals WHERE tenant = $1 AND id = $2 FOR UPDATE`, [
        tenant,
        actor,
      ]);
      const { rows } = await tx.query<{ id: GrantId }>(
        `SELECT id FROM authority.grants WHERE tenant = $1 AND subject = $2 AND actor = $3 AND state = 'active'`,
        [tenant, subject, actor],
      );
      return revokeIds(
        tx,
        tenant,
        rows.map((row) => row.id),
        reason,
      );
    },
  };
}
