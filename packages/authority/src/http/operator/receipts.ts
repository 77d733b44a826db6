/** `GET /v1/admin/audit/receipts/{entry_id}`: proof that one entry is in the log, while the server runs. */
import { Hono } from "hono";
import type { AuditLog } from "@deputize/audit";
import { DeputizeError, isUuid } from "@deputize/core";
import type { BrokerGuard } from "../broker/guard.ts";

export function receiptRoutes(options: {
  readonly guard: BrokerGuard;
  readonly audit: Pick<AuditLog, "receipt">;
}): Hono {
  const app = new Hono();
  app.get("/v1/admin/audit/receipts/:id", options.guard.bearer("admin:audit:*"), async (c) => {
    const id = c.req.param("id");
    const receipt = isUuid(id) ? await options.audit.receipt(id) : undefined;
    if (!receipt) throw new DeputizeError("not_found", "the log has no such entry");
    return c.json(receipt);
  });
  return app;
}
