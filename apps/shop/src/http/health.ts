/**
 * `GET /health`: is the process up, and what does it stand on.
 *
 * Guarantees: always answers, and within its own time limit, whatever state the parts are in; says nothing
 * about people, addresses or versions of anything but ourselves.
 */
import { answersWithin } from "@deputize/core";
import type { Ephemeral, Store } from "@deputize/store";
import { Hono } from "hono";

export interface HealthOptions {
  readonly store: Pick<Store, "kind" | "pool">;
  readonly ephemeral: Pick<Ephemeral, "kind" | "get">;
  readonly model: { readonly name: string; readonly offline: boolean };
  readonly version: string;
  /** How long a part may take to answer; 1,000 ms unless set. */
  readonly timeoutMs?: number;
}

/** 200 while the database answers, 503 otherwise; the body has the same members in both. */
export function healthRoutes(options: HealthOptions): Hono {
  const timeoutMs = options.timeoutMs ?? 1000;
  return new Hono().get("/health", async (c) => {
    const [database, ephemeral] = await Promise.all([
      answersWithin(timeoutMs, () => options.store.pool("app").query("select 1")),
      answersWithin(timeoutMs, () => options.ephemeral.get("health")),
    ]);
    const body = {
      status: database ? (ephemeral ? "ok" : "degraded") : "unavailable",
      database: { kind: options.store.kind, up: database },
      ephemeral: { kind: options.ephemeral.kind, up: ephemeral },
      model: options.model,
      version: options.version,
    };
    return c.json(body, database ? 200 : 503, { "Cache-Control": "no-store" });
  });
}
