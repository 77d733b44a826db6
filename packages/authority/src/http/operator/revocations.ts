/** `GET /v1/admin/revocations`: what is revoked and not yet forgotten, newest first [AW-D41]. */
import { Hono } from "hono";
import type { Clock } from "@deputize/core";
import type { Store } from "@deputize/store";
import { listRevocations } from "../../revocation/revocation-list.ts";
import type { BrokerGuard } from "../broker/guard.ts";
import { readBrokerQuery } from "../broker/read-body.ts";
import { RevocationsQuery } from "./schemas.ts";

const SCOPE = "admin:revoke:*";

export function revocationListRoutes(options: {
  readonly guard: BrokerGuard;
  readonly store: Store;
  readonly clock: Clock;
}): Hono {
  const { guard, store, clock } = options;
  const app = new Hono();
  app.get("/v1/admin/revocations", guard.bearer(SCOPE), async (c) => {
    const query = readBrokerQuery(c, RevocationsQuery);
    const { tenant } = c.get("brokerCaller");
    const page = await listRevocations(store.pool("authority"), clock, tenant, query);
    return c.json({
      revocations: page.revocations.map((one) => ({
        position: one.position,
        kind: one.kind,
        target: one.target,
        ...(one.actor !== undefined && { actor: one.actor }),
        ...(one.reason !== undefined && { reason: one.reason }),
        ...(one.revokedAt !== undefined && { revoked_at: new Date(one.revokedAt).toISOString() }),
        kept_until: new Date(one.keptUntil).toISOString(),
      })),
      ...(page.next !== undefined && { next: String(page.next) }),
    });
  });
  return app;
}
