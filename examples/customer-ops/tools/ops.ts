/** Operations: is everything up, feature flags, and the log. Three tools for administrators. */
import type { AuditLog, LoggedEntry } from "deputize/audit";
import { type Caller, type Clock, DeputizeError } from "deputize/core";
import { MCPRouter, hasAllRoles, hasRole } from "deputize/mcp";
import type { Ephemeral, Tx } from "deputize/store";
import { z } from "zod";

export interface OpsDeps {
  readonly audit: Pick<AuditLog, "query" | "counts" | "checkpoint">;
  readonly ephemeral: Pick<Ephemeral, "get" | "kind">;
  readonly clock: Clock;
}

const SHOWN = 200;

/** `up`, or what is wrong in one word; never what the fault said, which is for the server's own log. */
async function state(check: () => Promise<unknown>): Promise<"up" | "down"> {
  return check().then(
    () => "up",
    () => "down",
  );
}

/**
 * An entry as this caller may see it: their own whole, and of everybody else's the codes that stand readable in the log
 * anyway, without who and what.
 */
function visible(entry: LoggedEntry, caller: Caller): object {
  const { seq, at, action, outcome, reason, event } = entry;
  const codes = { seq, at, action, outcome, ...(reason !== undefined && { reason }) };
  if (entry.subject !== caller.subject) return { ...codes, yours: false };
  return {
    ...codes,
    yours: true,
    resource: event?.resource,
    approval: event?.approval,
    case: event?.case,
    args: event?.args,
  };
}

async function featureOf(
  tx: Tx,
  feature: string,
): Promise<{ enabled: boolean; version: number; description: string }> {
  const { rows } = await tx.query<{ enabled: boolean; version: number; description: string }>(
    "SELECT enabled, version, description FROM desk.features WHERE feature = $1",
    [feature],
  );
  if (!rows[0]) throw new DeputizeError("not_found", "there is no such thing, or it is not yours");
  return rows[0];
}

export function opsRouter({ audit, ephemeral, clock }: OpsDeps): MCPRouter {
  const router = new MCPRouter({ prefix: "ops", guards: [hasRole("admin")] });

  router.tool(
    "system_health",
    {
      title: "System health",
      description:
        "Checks whether every service is up: database, short-lived state, audit log, and how far the log is signed.",
      effect: "read",
      sends: "owner",
      reads: "own",
    },
    async (_args, { db }) => {
      const services = {
        database: await state(() => db.read((tx) => tx.query("SELECT 1"))),
        short_lived_state: await state(() => ephemeral.get("desk:health")),
        audit_log: await state(() => audit.counts()),
      };
      const counts = services.audit_log === "up" ? await audit.counts() : { entries: 0, pending: 0 };
      const healthy = Object.values(services).every((one) => one === "up");
      return { status: healthy ? "healthy" : "degraded", services, log: counts };
    },
  );

  router.tool(
    "feature_toggle",
    {
      title: "Switch a feature",
      description:
        "Switches a feature on or off for everybody in the company. Another administrator has to agree first.",
      effect: "sensitive",
      sends: "house",
      guards: [hasAllRoles("admin", "ops")],
      reads: "own",
      input: {
        feature: z.string().trim().min(1).max(64).describe("The feature's name, such as express_checkout."),
        enabled: z.boolean().describe("True to switch it on, false to switch it off."),
      },
      preview: async ({ feature, enabled }, tx) => {
        const { description, version } = await featureOf(tx, feature);
        return {
          summary: `Switch ${enabled ? "on" : "off"} ${feature} (${description}) for everybody.`,
          rows: { [`feature:${feature}`]: version },
        };
      },
    },
    async ({ feature, enabled }, { db }) =>
      db.write(async (tx) => {
        const { version } = await featureOf(tx, feature);
        await tx.query("SELECT desk.set_feature($1, $2, $3)", [feature, enabled, version]);
        return { feature, enabled: (await featureOf(tx, feature)).enabled };
      }),
  );

  router.tool(
    "audit_log",
    {
      title: "Audit log",
      description:
        "Says who changed what, and when: the newest entries of the company's audit log, the person's own in full, everybody else's as codes only.",
      effect: "read",
      sends: "owner",
      // What earlier calls were given stands in it, and text by others may have chosen that.
      reads: "mixed",
      holds: "the audit log, with what earlier calls were given",
      input: { hours: z.number().int().min(1).max(720).default(24).describe("How many hours back.") },
    },
    async ({ hours }, { caller }) => {
      const since = new Date(clock.nowMs() - hours * 3_600_000).toISOString();
      const { entries, total } = await audit.query({ tenant: caller.tenant, since, limit: SHOWN });
      return { total, entries: entries.map((entry) => visible(entry, caller)) };
    },
  );

  return router;
}
