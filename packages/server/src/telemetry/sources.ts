/** What a server's metrics read at a scrape: the store's connections, the log's counts, the broker's workers and feed. */
import type { AuditLog } from "@deputize/audit";
import { LOGIN_ROLES, type Store } from "@deputize/store";
import type { MetricSources } from "./metrics.ts";

export interface MetricParts {
  readonly store: Pick<Store, "kind" | "pool">;
  readonly audit: Pick<AuditLog, "counts">;
  readonly broker?: {
    activeWorkers(): Promise<number>;
    feed(): Promise<{ readonly position: number; readonly ageMs: number }>;
  };
}

export function metricSources({ store, audit, broker }: MetricParts): MetricSources {
  return {
    auditCounts: () => audit.counts(),
    ...(broker && { activeWorkers: () => broker.activeWorkers(), feed: () => broker.feed() }),
    // The embedded database has one connection and no pool to speak of.
    ...(store.kind === "postgres" && {
      pools: () =>
        LOGIN_ROLES.map((role) => {
          const { totalCount, idleCount, waitingCount } = store.pool(role);
          return { role, total: totalCount, idle: idleCount, waiting: waitingCount };
        }),
    }),
  };
}
