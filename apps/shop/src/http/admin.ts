/**
 * `GET /api/admin/usage`: how much the agents were used, in sums.
 *
 * Guarantees: answers only a person whose role holds `read:usage:*`, and others with 403 and an entry in the log. Sums
 * over agents and days only; no row says who asked, so no case is needed [SR-04].
 */
import { type AuditLog, auditEvent } from "@deputize/audit";
import { parseInput } from "@deputize/client";
import { type Clock, DeputizeError, requireCaller, scopeIsSubset, systemClock } from "@deputize/core";
import type { Store } from "@deputize/store";
import { Hono } from "hono";
import { z } from "zod";

const Query = z.strictObject({ days: z.coerce.number().int().min(1).max(90).default(30) });

export interface AdminRoutesDeps {
  readonly store: Store;
  readonly audit: Pick<AuditLog, "append">;
  readonly clock?: Clock;
}

interface UsageRow {
  agent: string;
  day: string;
  turns: number;
  people: number;
  tokens_in: number;
  tokens_out: number;
}

/** Mount behind authentication. */
export function adminRoutes({ store, audit, clock = systemClock }: AdminRoutesDeps): Hono {
  return new Hono().get("/api/admin/usage", async (c) => {
    const caller = requireCaller();
    const allowed =
      caller.actors.length === 0 &&
      caller.roles.includes("admin") &&
      scopeIsSubset(["read:usage:*"], caller.scopes);
    if (!allowed) {
      await audit.append(
        auditEvent(caller, {
          action: "usage.read",
          outcome: "refused",
          reason: "forbidden",
          resource: "usage",
        }),
      );
      throw new DeputizeError("forbidden", "only administrators see usage");
    }
    const { days } = parseInput(Query, c.req.query());
    const since = new Date(clock.nowMs() - days * 86_400_000);
    const { rows } = await store.asCaller(caller, (tx) =>
      tx.query<UsageRow>(
        `select agent, to_char(day, 'YYYY-MM-DD') as day, turns::int, people::int, tokens_in::int, tokens_out::int
         from agent.usage_since($1) order by day desc, agent`,
        [since],
      ),
    );
    const sum = (of: (row: UsageRow) => number, of_rows = rows): number =>
      of_rows.reduce((n, row) => n + of(row), 0);
    const agents = [...new Set(rows.map((row) => row.agent))].map((agent) => {
      const own = rows.filter((row) => row.agent === agent);
      return {
        agent,
        turns: sum((row) => row.turns, own),
        tokens_in: sum((row) => row.tokens_in, own),
        tokens_out: sum((row) => row.tokens_out, own),
      };
    });
    return c.json({
      days,
      total: {
        turns: sum((r) => r.turns),
        tokens_in: sum((r) => r.tokens_in),
        tokens_out: sum((r) => r.tokens_out),
      },
      agents,
      by_day: rows,
    });
  });
}
