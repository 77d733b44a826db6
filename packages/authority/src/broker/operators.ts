/**
 * Operators with less than everything: each a principal with a secret of its own and a list of admin scopes [AW-D42].
 *
 * Guarantees: nobody gives what they do not hold, nor touches an operator who holds more: a secret that one may replace is a
 * secret that one may use. Removing one ends its tokens in the same transaction. A secret is kept as an HMAC and found by one
 * indexed equality, at one cost for every wrong one. Entries name who did what to whom.
 * Does not: know the operator of the installation's own secret, who is no row here and cannot be removed.
 */
import {
  DeputizeError,
  type GrantId,
  type PrincipalId,
  newId,
  randomHex,
  scopeIsSubset,
} from "@deputize/core";
import { type Queryable, sqlState } from "@deputize/store";
import { deriveKey, mac } from "../credentials/derive-key.ts";
import type { Principals } from "../principals/principals.ts";
import { asOperator } from "./admin-work.ts";
import { checkAppName } from "./app-names.ts";
import type { BrokerCaller, OperatorView, Operators } from "./broker.ts";
import type { BrokerContext } from "./broker-context.ts";
import { callerEvent } from "./broker-events.ts";
import { ADMIN_SCOPES } from "./broker-scopes.ts";

const OVERLAP_SECONDS_MAX = 7 * 24 * 3600;

interface Row {
  principal_id: PrincipalId;
  name: string;
  scopes: string[];
  created_at: Date;
  removed_at: Date | null;
}

const SELECT = `SELECT o.principal_id, o.name, o.scopes, o.created_at, o.removed_at FROM authority.operators o`;

/** What proves an operator, and what it may then hold. */
export interface KnownOperator {
  readonly id: PrincipalId;
  readonly name: string;
  readonly scopes: readonly string[];
  /** Hex. */
  readonly secretHash: string;
}

export interface OperatorRoom extends Operators {
  /** Who signs in with this secret; undefined for every wrong one alike. */
  find(secret: string): Promise<KnownOperator | undefined>;
}

function viewOf(row: Row): OperatorView {
  return {
    id: row.principal_id,
    name: row.name,
    scopes: row.scopes,
    status: row.removed_at ? "inactive" : "active",
    createdAt: row.created_at.getTime(),
    ...(row.removed_at && { removedAt: row.removed_at.getTime() }),
  };
}

export function createOperators(context: BrokerContext, principals: Principals): OperatorRoom {
  const { clock, store, tenant, audit, verifier } = context;
  const key = deriveKey(context.rootSecret, "operator-secret");
  const hashOf = (secret: string): Buffer => mac(key, "operator-secret", secret);
  const now = (): string => new Date(clock.nowMs()).toISOString();

  async function require(query: Queryable, by: BrokerCaller, name: string): Promise<Row> {
    const { rows } = await query.query<Row>(`${SELECT} WHERE o.tenant = $1 AND o.name = $2`, [tenant, name]);
    const row = rows[0];
    if (!row) throw new DeputizeError("not_found", "there is no such operator");
    if (!scopeIsSubset(row.scopes, by.scopes)) {
      throw new DeputizeError("forbidden", "this operator holds more than you do; ask one who holds as much");
    }
    return row;
  }

  async function addSecret(tx: Queryable, id: PrincipalId): Promise<string> {
    const secret = randomHex(32);
    await tx.query(
      `INSERT INTO authority.operator_secrets (hash, tenant, principal_id, created_at) VALUES ($1, $2, $3, $4)`,
      [hashOf(secret), tenant, id, now()],
    );
    return secret;
  }

  /** One change to an operator that `by` may touch, with its principal locked. */
  async function change<T>(
    by: BrokerCaller,
    name: string,
    work: (tx: Queryable, row: Row) => Promise<T>,
  ): Promise<T> {
    const { principal_id: id } = await require(store.pool("authority") as Queryable, by, name);
    return asOperator(context, by, [id], async (tx) => work(tx, await require(tx, by, name)));
  }

  return {
    async add(by, { name, scopes }) {
      checkAppName(name);
      if (scopes.length === 0)
        throw new DeputizeError("invalid_request", "`scopes` names at least one scope");
      if (!scopeIsSubset(scopes, ADMIN_SCOPES)) {
        throw new DeputizeError("invalid_scope", `operators hold of these: ${ADMIN_SCOPES.join(" ")}`);
      }
      if (!scopeIsSubset(scopes, by.scopes)) {
        throw new DeputizeError("forbidden", "an operator is given no more than you hold yourself");
      }
      const id = newId(clock) as PrincipalId;
      const held = [...new Set(scopes)];
      const taken = (): DeputizeError =>
        new DeputizeError("conflict", "an operator of this name exists or existed; choose another name");
      try {
        return await asOperator(context, by, [], async (tx) => {
          await principals.create(tx, { id, tenant, kind: "service", name: `operator ${name}` });
          await tx.query(
            `INSERT INTO authority.operators (tenant, principal_id, name, scopes, made_by, created_at) VALUES ($1, $2, $3, $4, $5, $6)`,
            [tenant, id, name, held, by.principal, now()],
          );
          const secret = await addSecret(tx, id);
          await audit.record(
            tx,
            callerEvent(by, {
              action: "operator_added",
              resource: `operator:${name}`,
              detail: { name, scopes: held },
            }),
          );
          return { ...viewOf(await require(tx, by, name)), secret };
        });
      } catch (error) {
        if (sqlState(error) === "23505") throw taken();
        throw error;
      }
    },

    async list() {
      const { rows } = await store
        .pool("authority")
        .query<Row>(`${SELECT} WHERE o.tenant = $1 ORDER BY o.name LIMIT 1000`, [tenant]);
      return rows.map(viewOf);
    },

    async remove(by, name) {
      let ended: readonly GrantId[] = [];
      const view = await change(by, name, async (tx, row) => {
        if (row.removed_at) return viewOf(row);
        const id = row.principal_id;
        ended = await principals.suspend(tx, { tenant, id }, "operator removed");
        await tx.query(`DELETE FROM authority.operator_secrets WHERE tenant = $1 AND principal_id = $2`, [
          tenant,
          id,
        ]);
        await tx.query(
          `UPDATE authority.operators SET removed_at = $3 WHERE tenant = $1 AND principal_id = $2`,
          [tenant, id, now()],
        );
        const detail = { name, ended: ended.length };
        await audit.record(
          tx,
          callerEvent(by, { action: "operator_removed", resource: `operator:${name}`, detail }),
        );
        return viewOf(await require(tx, by, name));
      });
      verifier.ended(ended);
      return view;
    },

    async rotate(by, name, overlapSeconds) {
      if (!Number.isInteger(overlapSeconds) || overlapSeconds < 0 || overlapSeconds > OVERLAP_SECONDS_MAX) {
        throw new DeputizeError("invalid_request", "the overlap is 0 to 604800 seconds, a week");
      }
      let ended: readonly GrantId[] = [];
      const made = await change(by, name, async (tx, row) => {
        if (row.removed_at) throw new DeputizeError("not_found", "there is no such operator");
        const id = row.principal_id;
        // One old secret overlaps, not a row of them.
        await tx.query(
          `DELETE FROM authority.operator_secrets WHERE tenant = $1 AND principal_id = $2 AND ($3 OR expires_at IS NOT NULL)`,
          [tenant, id, overlapSeconds === 0],
        );
        await tx.query(
          `UPDATE authority.operator_secrets SET expires_at = $3 WHERE tenant = $1 AND principal_id = $2`,
          [tenant, id, new Date(clock.nowMs() + overlapSeconds * 1000).toISOString()],
        );
        // Without overlap somebody else may hold the old one, and tokens of it.
        if (overlapSeconds === 0)
          ended = await principals.bumpEpoch(tx, { tenant, id }, "secret replaced at once");
        const secret = await addSecret(tx, id);
        const detail = { name, overlap_seconds: overlapSeconds, ended: ended.length };
        await audit.record(
          tx,
          callerEvent(by, { action: "operator_secret_rotated", resource: `operator:${name}`, detail }),
        );
        return { secret };
      });
      verifier.ended(ended);
      return made;
    },

    async find(secret) {
      const hash = hashOf(secret);
      const { rows } = await store
        .pool("authority")
        .query<{ id: PrincipalId; name: string; scopes: string[] }>(
          `SELECT o.principal_id AS id, o.name, o.scopes FROM authority.operator_secrets s
         JOIN authority.operators o ON o.tenant = s.tenant AND o.principal_id = s.principal_id
         WHERE s.hash = $1 AND s.tenant = $2 AND (s.expires_at IS NULL OR s.expires_at > $3)`,
          [hash, tenant, now()],
        );
      return rows[0] && { ...rows[0], secretHash: hash.toString("hex") };
    },
  };
}
