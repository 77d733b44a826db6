/**
 * Revocation by an operator: a token, a worker, a task, a chain, an app, a tenant, a user. Each ends grants with everything
 * below them, in one transaction with its entry, and answers how many ended.
 */
import { DeputizeError, type GrantId, isUuid } from "@deputize/core";
import type { Tx } from "@deputize/store";
import { asOperator } from "./admin-work.ts";
import type { Broker, BrokerCaller } from "./broker.ts";
import type { BrokerContext } from "./broker-context.ts";
import { callerEvent } from "./broker-events.ts";
import { OPERATOR } from "./control-tokens.ts";

type Request = Parameters<Broker["revoke"]>[1];

interface Target {
  /** Principals to be locked before anything else. */
  readonly principals: readonly string[];
  end(tx: Tx): Promise<readonly GrantId[]>;
}

const NOTHING: Target = { principals: [], end: async () => [] };

/** Carries a result out of a transaction that must not commit. */
class DryRun extends Error {
  readonly count: number;
  constructor(count: number) {
    super("rolled back on purpose");
    this.count = count;
  }
}

export function createRevoke(context: BrokerContext): Broker["revoke"] {
  const { store, clock, tenant, audit, verifier } = context;
  const pool = store.pool("authority");
  const iso = (ms: number): string => new Date(ms).toISOString();

  function times(): [string, string] {
    const now = clock.nowMs();
    return [iso(now), iso(now + context.rememberSeconds * 1000)];
  }

  async function endGrants(tx: Tx, ids: readonly string[], reason: string): Promise<readonly GrantId[]> {
    if (ids.length === 0) return [];
    const { rows } = await tx.query<{ ended: GrantId[] }>(
      `SELECT authority.revoke_grants($1, $2::uuid[], $3, $4, $5) AS ended`,
      [tenant, ids, reason, ...times()],
    );
    return rows[0]?.ended ?? [];
  }

  /** How many of these lived until now: what had expired ended by itself, and the broker renews it no more. */
  async function countLiving(tx: Tx, ids: readonly GrantId[]): Promise<number> {
    const { rows } = await tx.query<{ living: number }>(
      `SELECT count(*)::int AS living FROM authority.grants WHERE tenant = $1 AND id = ANY ($2::uuid[])
       AND NOT (kind IN ('app', 'delegation', 'control') AND expires_at <= $3)`,
      [tenant, ids, times()[0]],
    );
    return rows[0]?.living ?? 0;
  }

  async function cut(
    tx: Tx,
    principal: string,
    state: "suspended" | null,
    reason: string,
  ): Promise<readonly GrantId[]> {
    const { rows } = await tx.query<{ cut: { ended: GrantId[] } }>(
      `SELECT authority.cut_principal($1, $2, $3, $4, $5, $6) AS cut`,
      [tenant, principal, state, reason, ...times()],
    );
    return rows[0]?.cut.ended ?? [];
  }

  async function endLaunchTokens(tx: Tx, app: string | null): Promise<void> {
    await tx.query(
      `DELETE FROM authority.launch_tokens WHERE tenant = $1 AND ($2::uuid IS NULL OR app = $2::uuid)`,
      [tenant, app],
    );
  }

  /** Every grant in which one of these workers acts. Their principals are locked, so none is being made. */
  function ofWorkers(workers: readonly string[], reason: string): Target {
    return {
      principals: workers,
      async end(tx) {
        const { rows } = await tx.query<{ id: string }>(
          `SELECT id FROM authority.grants WHERE tenant = $1 AND actor = ANY ($2::uuid[]) AND state = 'active'`,
          [tenant, workers],
        );
        return endGrants(
          tx,
          rows.map((row) => row.id),
          reason,
        );
      },
    };
  }

  async function workerNamed(spiffe: string): Promise<string | undefined> {
    const { rows } = await pool.query<{ id: string }>(
      `SELECT principal_id AS id FROM authority.workers WHERE tenant = $1 AND spiffe = $2`,
      [tenant, spiffe],
    );
    return rows[0]?.id;
  }

  async function appNamed(appId: string): Promise<string | undefined> {
    const { rows } = await pool.query<{ id: string }>(
      `SELECT principal_id AS id FROM authority.apps WHERE tenant = $1 AND app_id = $2`,
      [tenant, appId],
    );
    return rows[0]?.id;
  }

  async function tokenTarget(jti: string, reason: string): Promise<Target> {
    if (!/^[0-9a-f]{32}$/.test(jti)) return NOTHING;
    const { rows } = await pool.query<{ id: string }>(
      `SELECT grant_id AS id FROM authority.broker_tokens WHERE jti = $1::uuid AND tenant = $2`,
      [jti, tenant],
    );
    return {
      principals: [],
      end: (tx) =>
        endGrants(
          tx,
          rows.map((row) => row.id),
          reason,
        ),
    };
  }

  async function taskTarget(task: string, appId: string | undefined, reason: string): Promise<Target> {
    const { rows } = await pool.query<{ id: string; app_id: string }>(
      `SELECT principal_id AS id, app_id FROM authority.workers WHERE tenant = $1 AND task = $2 AND ($3::text IS NULL OR app_id = $3)`,
      [tenant, task, appId ?? null],
    );
    if (new Set(rows.map((row) => row.app_id)).size > 1) {
      throw new DeputizeError("conflict", "several apps use this task id; name one of them with `app_id`");
    }
    return ofWorkers(
      rows.map((row) => row.id),
      reason,
    );
  }

  async function targetOf({ level, target, appId }: Request, reason: string): Promise<Target> {
    switch (level) {
      case "token":
        return tokenTarget(target, reason);
      case "task":
        return taskTarget(target, appId, reason);
      case "agent": {
        const worker = await workerNamed(target);
        // It gets no more: whoever would hand something on to it finds it suspended.
        return worker === undefined
          ? NOTHING
          : { principals: [worker], end: (tx) => cut(tx, worker, "suspended", reason) };
      }
      case "chain": {
        const worker = await workerNamed(target);
        return worker === undefined ? NOTHING : ofWorkers([worker], reason);
      }
      case "app": {
        const app = await appNamed(target);
        if (app === undefined) return NOTHING;
        return {
          principals: [app],
          async end(tx) {
            await endLaunchTokens(tx, app);
            return cut(tx, app, null, reason);
          },
        };
      }
      case "user": {
        const { rows } = isUuid(target)
          ? await pool.query(
              `SELECT FROM authority.principals WHERE tenant = $1 AND id = $2 AND kind = 'user'`,
              [tenant, target],
            )
          : { rows: [] };
        return rows.length === 0
          ? NOTHING
          : { principals: [target], end: (tx) => cut(tx, target, null, reason) };
      }
      case "tenant": {
        if (target !== tenant) return NOTHING;
        const { rows: apps } = await pool.query<{ id: string }>(
          `SELECT id FROM authority.principals WHERE tenant = $1 AND kind = 'app'`,
          [tenant],
        );
        return {
          // A registration under way holds its app: we wait for it and end its worker, or it finds its launch token gone.
          principals: apps.map((row) => row.id),
          async end(tx) {
            await endLaunchTokens(tx, null);
            // The operator's own token stays: somebody has to see to what comes next.
            const { rows } = await tx.query<{ id: string }>(
              `SELECT id FROM authority.grants WHERE tenant = $1 AND parent IS NULL AND state = 'active' AND actor <> $2`,
              [tenant, OPERATOR],
            );
            return endGrants(
              tx,
              rows.map((row) => row.id),
              reason,
            );
          },
        };
      }
    }
  }

  return async function revoke(by: BrokerCaller, request: Request) {
    if (request.target === "" || request.target.length > 500) {
      throw new DeputizeError("invalid_request", "`target` has 1 to 500 characters");
    }
    if (request.reason !== undefined && request.reason.length > 500) {
      throw new DeputizeError("invalid_request", "`reason` has up to 500 characters");
    }
    const reason = request.reason ?? "revoked by an operator";
    const target = await targetOf(request, reason);
    try {
      const { ended, count } = await asOperator(context, by, target.principals, async (tx) => {
        const ids = await target.end(tx);
        const living = await countLiving(tx, ids);
        if (request.dryRun) throw new DryRun(living);
        await audit.record(
          tx,
          callerEvent(by, {
            action: "token_revoked",
            resource: `${request.level}:${request.target}`,
            detail: { level: request.level, target: request.target, count: living, reason },
          }),
        );
        return { ended: ids, count: living };
      });
      verifier.ended(ended);
      return { count };
    } catch (error) {
      if (error instanceof DryRun) return { count: error.count };
      throw error;
    }
  };
}
