/**
 * Principals: who can be in a grant at all. Their state, their epoch, their scope ceiling.
 *
 * Guarantees: suspending one, or raising its epoch, ends every grant that it is subject, actor or app of, with
 * everything below, and writes the feed in the same transaction (SR-12, SR-13); narrowing a ceiling ends
 * only what exceeds it. Epochs only grow.
 */
import {
  type Clock,
  DeputizeError,
  type GrantId,
  type Principal,
  type PrincipalId,
  type PrincipalKind,
  parseScope,
} from "@deputize/core";
import type { AuditLog } from "@deputize/audit";
import type { Queryable } from "@deputize/store";
import { refusing } from "../refusals.ts";

export type PrincipalState = "active" | "suspended";

export interface PrincipalRecord extends Principal {
  readonly state: PrincipalState;
  readonly epoch: number;
  /** The most that it may ever hold; undefined means no limit of its own. */
  readonly ceiling: readonly string[] | undefined;
}

export interface NewPrincipal {
  readonly id: PrincipalId;
  readonly tenant: string;
  readonly kind: PrincipalKind;
  readonly name: string;
  readonly ceiling?: readonly string[];
}

export interface PrincipalRef {
  readonly tenant: string;
  readonly id: PrincipalId;
}

export interface Principals {
  /** Inserts one. Throws `conflict` when the id is taken. */
  create(tx: Queryable, principal: NewPrincipal): Promise<void>;
  /** Inserts one unless it is there. For built-in principals. */
  ensure(tx: Queryable, principal: NewPrincipal): Promise<void>;
  get(tx: Queryable, ref: PrincipalRef): Promise<PrincipalRecord | undefined>;
  rename(tx: Queryable, ref: PrincipalRef, name: string): Promise<void>;
  /** Suspends: raises the epoch and ends what hangs from it. Throws `not_found`. */
  suspend(tx: Queryable, ref: PrincipalRef, reason: string): Promise<readonly GrantId[]>;
  /** Active again. What ended stays ended. */
  reactivate(tx: Queryable, ref: PrincipalRef): Promise<void>;
  /** Raises the epoch and ends what hangs from it, as after a change of password or role. */
  bumpEpoch(tx: Queryable, ref: PrincipalRef, reason: string): Promise<readonly GrantId[]>;
  /** Sets the ceiling; grants that exceed it end with what is below them. Answers the ended ids. */
  setCeiling(
    tx: Queryable,
    ref: PrincipalRef,
    ceiling: readonly string[] | undefined,
    reason: string,
  ): Promise<readonly GrantId[]>;
}

interface Row {
  id: PrincipalId;
  tenant: string;
  kind: PrincipalKind;
  name: string;
  state: PrincipalState;
  epoch: number;
  ceiling: string[] | null;
}

export function createPrincipals(options: {
  readonly clock: Clock;
  readonly audit: Pick<AuditLog, "record">;
  /** How long the feed must remember: the longest token lifetime plus skew. */
  readonly rememberSeconds: number;
}): Principals {
  const { clock, audit } = options;
  const times = (): [string, string] => [
    new Date(clock.nowMs()).toISOString(),
    new Date(clock.nowMs() + options.rememberSeconds * 1000).toISOString(),
  ];

  async function insert(tx: Queryable, principal: NewPrincipal): Promise<boolean> {
    for (const scope of principal.ceiling ?? []) parseScope(scope);
    const { rowCount } = await tx.query(
      `INSERT INTO authority.principals (tenant, id, kind, name, ceiling, created)
       VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
      [
        principal.tenant,
        principal.id,
        principal.kind,
        principal.name,
        principal.ceiling ?? null,
        new Date(clock.nowMs()).toISOString(),
      ],
    );
    return rowCount === 1;
  }

  async function cut(
    tx: Queryable,
    ref: PrincipalRef,
    state: PrincipalState | null,
    reason: string,
  ): Promise<readonly GrantId[]> {
    const { rows } = await refusing(
      tx.query<{ cut: { epoch: number; ended: GrantId[] } }>(
        `SELECT authority.cut_principal($1, $2, $3, $4, $5, $6) AS cut`,
        [ref.tenant, ref.id, state, reason, ...times()],
      ),
    );
    const result = rows[0]?.cut;
    if (!result) throw new DeputizeError("internal", "the principal was not cut");
    await audit.record(tx, {
      action: state === "suspended" ? "principal.suspended" : "principal.epoch_raised",
      outcome: "allowed",
      tenant: ref.tenant,
      about: [ref.id],
      resource: `principal:${ref.id}`,
      detail: { reason, epoch: result.epoch, ended: result.ended.length },
    });
    return result.ended;
  }

  return {
    async create(tx, principal) {
      if (!(await insert(tx, principal))) throw new DeputizeError("conflict", "this id is taken");
      await audit.record(tx, {
        action: "principal.created",
        outcome: "allowed",
        tenant: principal.tenant,
        about: [principal.id],
        resource: `principal:${principal.id}`,
        detail: { kind: principal.kind },
      });
    },
    ensure: async (tx, principal) => void (await insert(tx, principal)),
    async get(tx, ref) {
      const { rows } = await tx.query<Row>(
        `SELECT id, tenant, kind, name, state, epoch, ceiling FROM authority.principals WHERE tenant = $1 AND id = $2`,
        [ref.tenant, ref.id],
      );
      const row = rows[0];
      return row && { ...row, ceiling: row.ceiling ?? undefined };
    },
    async rename(tx, ref, name) {
      await tx.query(`UPDATE authority.principals SET name = $3 WHERE tenant = $1 AND id = $2`, [
        ref.tenant,
        ref.id,
        name,
      ]);
    },
    suspend: (tx, ref, reason) => cut(tx, ref, "suspended", reason),
    async reactivate(tx, ref) {
      const { rowCount } = await tx.query(
        `UPDATE authority.principals SET state = 'active' WHERE tenant = $1 AND id = $2`,
        [ref.tenant, ref.id],
      );
      if (rowCount !== 1) throw new DeputizeError("not_found", "there is no such principal");
      await audit.record(tx, {
        action: "principal.reactivated",
        outcome: "allowed",
        tenant: ref.tenant,
        about: [ref.id],
        resource: `principal:${ref.id}`,
      });
    },
    bumpEpoch: (tx, ref, reason) => cut(tx, ref, null, reason),
    async setCeiling(tx, ref, ceiling, reason) {
      for (const scope of ceiling ?? []) parseScope(scope);
      const { rows } = await refusing(
        tx.query<{ ended: GrantId[] }>(`SELECT authority.narrow($1, $2, $3, $4, $5, $6) AS ended`, [
          ref.tenant,
          ref.id,
          ceiling ?? null,
          reason,
          ...times(),
        ]),
      );
      const ended = rows[0]?.ended ?? [];
      await audit.record(tx, {
        action: "principal.ceiling_set",
        outcome: "allowed",
        tenant: ref.tenant,
        about: [ref.id],
        resource: `principal:${ref.id}`,
        detail: { reason, ended: ended.length },
      });
      return ended;
    },
  };
}
