/**
 * A call that may be sent again, by a run that was carried on after its process died.
 *
 * Guarantees: of any number of sendings one has its effect, since the call's id is written in the effect's own transaction. The id
 * is the agent's own: another agent, another person and another server have ids of their own.
 * Does not: hold for what a handler does outside of `ctx.db.write`.
 */
import { createHash } from "node:crypto";
import { type Caller, DeputizeError, actingPrincipal } from "@deputize/core";
import type { Tx } from "@deputize/store";

/** A run that has not gone on by then never does. */
const KEPT = "30 days";

/** First in the effect's transaction. Throws `conflict` when the call was carried out before. */
export async function onlyOnce(
  tx: Tx,
  caller: Caller,
  call: { readonly server: string; readonly callId: string },
): Promise<void> {
  const parts = [call.server, actingPrincipal(caller), call.callId];
  const digest = createHash("sha256").update(JSON.stringify(parts)).digest();
  const of = [caller.tenant, caller.subject];
  const made = await tx.query(
    `INSERT INTO mcp.calls_done (tenant, owner_id, call, done) VALUES ($1, $2, $3, clock_timestamp()) ON CONFLICT DO NOTHING`,
    [...of, digest],
  );
  if (made.rowCount !== 1) throw new DeputizeError("conflict", "this call was carried out already");
  await tx.query(
    `DELETE FROM mcp.calls_done WHERE tenant = $1 AND owner_id = $2 AND done < clock_timestamp() - interval '${KEPT}'`,
    of,
  );
}
