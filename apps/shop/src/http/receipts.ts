/**
 * Receipts of audit entries, and the log's signed checkpoint.
 *
 * Guarantees: a person gets the receipts of entries that are about them; with `read:audit:*` those of others too; any
 * other id is "not found", whether it exists or not. The checkpoint is public, so that anybody can hold one and
 * ask for the proof that the log only grew [SR-20].
 */
import type { AuditLog, ReceiptNames } from "@deputize/audit";
import { parseInput } from "@deputize/client";
import { DeputizeError, isUuid, requireCaller, scopeIsSubset } from "@deputize/core";
import { Hono } from "hono";
import { z } from "zod";

const CheckpointQuery = z.strictObject({
  old_size: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
});

export interface ReceiptRoutesDeps {
  readonly audit: Pick<AuditLog, "receipt" | "checkpoint" | "consistency" | "publicKey">;
  /** What ids are called now. */
  readonly names: ReceiptNames;
}

/** `GET /api/receipts/{entry_id}`, behind authentication. */
export function receiptRoutes({ audit, names }: ReceiptRoutesDeps): Hono {
  return new Hono().get("/api/receipts/:entry_id", async (c) => {
    const caller = requireCaller();
    const id = c.req.param("entry_id");
    const all = caller.actors.length === 0 && scopeIsSubset(["read:audit:*"], caller.scopes);
    const receipt = isUuid(id)
      ? await audit.receipt(id, { names, ...(!all && { onlyFor: caller.subject }) })
      : undefined;
    if (!receipt) throw new DeputizeError("not_found", "there is no such entry, or it is not yours");
    return c.json(receipt, 200, { "Cache-Control": "no-store" });
  });
}

/** `GET /api/audit/checkpoint?old_size=`, public. */
export function checkpointRoutes({ audit }: Pick<ReceiptRoutesDeps, "audit">): Hono {
  return new Hono().get("/api/audit/checkpoint", async (c) => {
    const { old_size } = parseInput(CheckpointQuery, c.req.query());
    const newest = await audit.checkpoint();
    const body = { checkpoint: newest?.note ?? null, public_key: audit.publicKey };
    if (!newest || old_size === undefined) return c.json(body);
    if (old_size > newest.size) {
      throw new DeputizeError(
        "invalid_request",
        "this log is smaller than that; keep the checkpoint you hold and say so",
      );
    }
    return c.json({ ...body, consistency: await audit.consistency(old_size, newest.size) });
  });
}
