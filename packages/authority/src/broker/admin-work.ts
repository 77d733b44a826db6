/**
 * What operators do to apps and grants: rare, so each is an ordinary transaction. The operator's own token is looked at again
 * inside it, under locks, after the principals that the work is about were locked in the one order.
 */
import { DeputizeError } from "@deputize/core";
import { type Tx, mapDatabaseError } from "@deputize/store";
import type { BrokerCaller } from "./broker.ts";
import { type BrokerContext, requireKind } from "./broker-context.ts";

/** Runs `work` for an operator whose token still stands. Throws `forbidden`, `invalid_token`. */
export async function asOperator<T>(
  context: BrokerContext,
  by: BrokerCaller,
  about: readonly string[],
  work: (tx: Tx) => Promise<T>,
): Promise<T> {
  requireKind(by, ["admin"], "only an operator's token does that");
  try {
    return await context.store.transaction("authority", async (tx) => {
      await holdOperator(context, tx, by, about);
      return work(tx);
    });
  } catch (error) {
    throw mapDatabaseError(error);
  }
}

async function holdOperator(
  context: BrokerContext,
  tx: Tx,
  by: BrokerCaller,
  about: readonly string[],
): Promise<void> {
  const { tenant, clock } = context;
  await tx.query(
    `SELECT FROM authority.principals WHERE tenant = $1 AND id = ANY ($2::uuid[]) ORDER BY id FOR UPDATE`,
    [tenant, [by.principal, ...about]],
  );
  const grant = by.grants.at(-1);
  await tx.query(`SELECT FROM authority.grants WHERE tenant = $1 AND id = $2 FOR SHARE`, [tenant, grant]);
  const { rows } = await tx.query<{ stands: boolean }>(
    `SELECT authority.broker_stands($1, $2, $3::uuid, $4) AS stands`,
    [tenant, grant, by.jti, new Date(clock.nowMs()).toISOString()],
  );
  if (rows[0]?.stands !== true) throw new DeputizeError("invalid_token", "the token is invalid or expired");
}
