/**
 * The log as proof, while the server runs: the receipt of one entry, and the whole log as lines that verify with nothing
 * but its public key. Neither holds anything personal that is not asked for by id.
 */
import { Hono } from "hono";
import { stream } from "hono/streaming";
import { type AuditLog, dumpLog } from "@deputize/audit";
import { DeputizeError, isUuid } from "@deputize/core";
import type { Store } from "@deputize/store";
import type { BrokerGuard } from "../broker/guard.ts";

const SCOPE = "admin:audit:*";

/** Written at once, so that a million entries are not a million writes. */
const CHUNK_CHARS = 65_536;

export function logRoutes(options: {
  readonly guard: BrokerGuard;
  readonly store: Store;
  readonly audit: Pick<AuditLog, "receipt" | "publicKey">;
}): Hono {
  const { guard, store, audit } = options;
  const app = new Hono();

  app.get("/v1/admin/audit/receipts/:id", guard.bearer(SCOPE), async (c) => {
    const id = c.req.param("id");
    const receipt = isUuid(id) ? await audit.receipt(id) : undefined;
    if (!receipt) throw new DeputizeError("not_found", "the log has no such entry");
    return c.json(receipt);
  });

  app.get("/v1/admin/audit/export", guard.bearer(SCOPE), (c) => {
    c.header("Content-Type", "application/jsonl");
    return stream(c, async (out) => {
      let waiting = "";
      for await (const line of dumpLog({ store, publicKey: audit.publicKey })) {
        if (out.aborted) return;
        waiting += `${line}\n`;
        if (waiting.length < CHUNK_CHARS) continue;
        await out.write(waiting);
        waiting = "";
      }
      await out.write(waiting);
    });
  });

  return app;
}
