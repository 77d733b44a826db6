/**
 * `GET /api/me/usage` and `GET /api/admin/usage`: what agents, models and tools were used for, in turns, tokens and money.
 *
 * Guarantees: one's own lines, to the person themselves and no agent of theirs; those of all, in sums without a name, to a person
 * whose role holds `read:usage:*`, and to others 403 and an entry in the log: no row says who asked, so no case is needed [SR-04].
 * Sums are those of the ledger: tokens of models are counted once, and those of tools are their share of them (SH-F23).
 */
import type { UsageLedger, UsageRow } from "@deputize/agent";
import { type AuditLog, auditEvent } from "@deputize/audit";
import { parseInput } from "@deputize/client";
import { DeputizeError, requireCaller, scopeIsSubset } from "@deputize/core";
import { Hono } from "hono";
import { z } from "zod";

const Query = z.strictObject({ days: z.coerce.number().int().min(1).max(90).default(30) });

export interface UsageRoutesDeps {
  readonly usage: Pick<UsageLedger, "own" | "ofTenant">;
  readonly audit: Pick<AuditLog, "append">;
}

/** Mount behind authentication. */
export function usageRoutes({ usage, audit }: UsageRoutesDeps): Hono {
  const app = new Hono();

  app.get("/api/me/usage", async (c) => {
    const caller = requireCaller();
    if (caller.actors.length > 0)
      throw new DeputizeError("first_party_session_required", "only the person sees their own usage");
    const { days } = parseInput(Query, c.req.query());
    return c.json(summary(days, await usage.own(caller, { days })));
  });

  app.get("/api/admin/usage", async (c) => {
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
    return c.json(summary(days, await usage.ofTenant(caller, { days })));
  });

  return app;
}

/** Of turns and the calls of models in them. */
function sums(rows: readonly UsageRow[]) {
  const of = (
    kind: UsageRow["kind"],
    count: "calls" | "tokensIn" | "tokensOut" | "costMicros" | "unpriced",
  ) => rows.reduce((sum, row) => sum + (row.kind === kind ? row[count] : 0), 0);
  return {
    turns: of("turn", "calls"),
    tokens_in: of("model", "tokensIn"),
    tokens_out: of("model", "tokensOut"),
    cost_micros: of("model", "costMicros"),
    unpriced: of("model", "unpriced"),
  };
}

/** The rows in groups, in the order in which each group is first met. */
function grouped(rows: readonly UsageRow[], key: (row: UsageRow) => string): UsageRow[][] {
  return [...Map.groupBy(rows, key).values()];
}

function summary(days: number, rows: readonly UsageRow[]) {
  const tools = rows.filter(({ kind }) => kind === "tool");
  return {
    days,
    total: sums(rows),
    agents: grouped(rows, ({ agent }) => agent).map((own) => ({ agent: own[0]?.agent ?? "", ...sums(own) })),
    tools: grouped(tools, ({ agent, name }) => `${agent} ${name}`).map((own) => {
      const add = (of: (row: UsageRow) => number): number => own.reduce((sum, row) => sum + of(row), 0);
      return {
        agent: own[0]?.agent ?? "",
        tool: own[0]?.name ?? "",
        calls: add((row) => row.calls),
        failed: add((row) => row.failed),
        tokens_in: add((row) => row.tokensIn),
        tokens_out: add((row) => row.tokensOut),
        cost_micros: add((row) => row.costMicros),
      };
    }),
    by_day: grouped(rows, ({ day, agent }) => `${day} ${agent}`).map((own) => ({
      agent: own[0]?.agent ?? "",
      day: own[0]?.day ?? "",
      people: new Set(own.map(({ subject }) => subject)).size,
      ...sums(own),
    })),
  };
}
