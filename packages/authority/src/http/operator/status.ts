/** `GET /v1/admin/status`: what is running and how much of it, in one answer. No identifier is in it. */
import { Hono } from "hono";
import type { AuditLog } from "@deputize/audit";
import type { Clock } from "@deputize/core";
import type { Store } from "@deputize/store";
import type { Keys } from "../../keys/keys.ts";
import type { Revocation } from "../../revocation/revocation.ts";
import type { BrokerGuard } from "../broker/guard.ts";
import { shownKey } from "./keys.ts";

const SCOPE = "admin:metrics:*";

interface Counts {
  apps: string;
  workers: string;
  agents: string;
  grants: string;
  launch_tokens: string;
  revocations: string;
}

export function statusRoutes(options: {
  readonly guard: BrokerGuard;
  readonly store: Store;
  readonly clock: Clock;
  readonly version: string;
  readonly keys: Pick<Keys, "list">;
  readonly revocation: Pick<Revocation, "ping">;
  readonly audit: Pick<AuditLog, "counts" | "publicKey">;
}): Hono {
  const { guard, store, clock } = options;
  const startedMs = clock.monotonicMs();
  const app = new Hono();

  app.get("/v1/admin/status", guard.bearer(SCOPE), async (c) => {
    const { tenant } = c.get("brokerCaller");
    // Live things only: each count reads an index of what has not expired, not the past.
    const { rows } = await store.pool("authority").query<Counts>(
      `SELECT (SELECT count(*) FROM authority.apps WHERE tenant = $1 AND deregistered_at IS NULL) AS apps,
         (SELECT count(*) FROM authority.agents WHERE tenant = $1) AS agents,
         count(*) FILTER (WHERE g.kind <> 'control') AS grants,
         count(DISTINCT g.actor) FILTER (WHERE g.kind = 'app') AS workers,
         (SELECT count(*) FROM authority.launch_tokens WHERE tenant = $1 AND expires_at > $2) AS launch_tokens,
         (SELECT count(*) FROM authority.revocation_feed WHERE expires_at > $2) AS revocations
       FROM authority.grants g WHERE g.tenant = $1 AND g.state = 'active' AND g.expires_at > $2`,
      [tenant, new Date(clock.nowMs()).toISOString()],
    );
    const counts = rows[0];
    const [keys, feed, log] = await Promise.all([
      options.keys.list(),
      options.revocation.ping(),
      options.audit.counts(),
    ]);
    return c.json({
      version: options.version,
      time: new Date(clock.nowMs()).toISOString(),
      uptime: Math.max(1, Math.floor((clock.monotonicMs() - startedMs) / 1000)),
      counts: {
        apps: Number(counts?.apps ?? 0),
        workers: Number(counts?.workers ?? 0),
        agents: Number(counts?.agents ?? 0),
        grants: Number(counts?.grants ?? 0),
        launch_tokens: Number(counts?.launch_tokens ?? 0),
        revocations: Number(counts?.revocations ?? 0),
        audit_entries: log.entries,
        audit_pending: log.pending,
      },
      keys: keys.map(shownKey),
      log_key: options.audit.publicKey,
      feed: { epoch: feed.epoch, position: feed.position },
    });
  });

  return app;
}
