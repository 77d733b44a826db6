/**
 * Figures. Four tools for analysts. What is about a tenant comes as sums, from functions that can answer nothing else; what
 * is about one customer needs an open case, like everything about somebody else (SR-04).
 */
import { DeputizeError } from "deputize/core";
import { MCPRouter, hasRole } from "deputize/mcp";
import type { Tx } from "deputize/store";
import { z } from "zod";
import { customerId } from "../guards.ts";

interface Figures {
  readonly orders: number;
  readonly gross_cents: number;
  readonly refunded_cents: number;
  readonly first_order: string | null;
  readonly last_order: string | null;
  readonly days_since_last_order: number | null;
  readonly open_tickets: number;
}

async function figuresOf(tx: Tx, id: string): Promise<Figures> {
  const { rows } = await tx.query<{ figures: Figures | null }>(
    "SELECT desk.customer_figures($1) AS figures",
    [id],
  );
  const figures = rows[0]?.figures;
  if (!figures) throw new DeputizeError("not_found", "there is no such thing, or it is not yours");
  return figures;
}

/** The sums, or that there are too few people behind them to say. */
const orTooFew = (sums: object | null | undefined): object =>
  sums ?? { too_few: "fewer than three customers stand behind these figures, so they are not shown" };

const share = (value: number, full: number): number => Math.min(1, Math.max(0, value / full));

/**
 * 0 to 1, by rule and not by a model: half of it is how long the last order is ago (180 days are all of it), three tenths
 * are open tickets (three are all), two tenths the share of money that went back.
 */
function churnRisk(figures: Figures): { score: number; level: "low" | "medium" | "high" } {
  const silence = figures.days_since_last_order === null ? 1 : share(figures.days_since_last_order, 180);
  const trouble = share(figures.open_tickets, 3);
  const returned = figures.gross_cents === 0 ? 0 : share(figures.refunded_cents, figures.gross_cents);
  const score = Math.round((0.5 * silence + 0.3 * trouble + 0.2 * returned) * 100) / 100;
  return { score, level: score >= 0.6 ? "high" : score >= 0.3 ? "medium" : "low" };
}

const PERIODS = ["daily", "weekly", "monthly", "quarterly", "yearly"] as const;

export function analyticsRouter(): MCPRouter {
  const router = new MCPRouter({ prefix: "analytics", guards: [hasRole("analyst")] });

  router.tool(
    "customer_lifetime_value",
    {
      title: "Lifetime value",
      description:
        "Calculates one customer's lifetime value: number of orders, gross, refunded and net amount in integer cents, first and last order.",
      effect: "read",
      sends: "owner",
      reads: "own",
      input: { customer_id: customerId },
    },
    async ({ customer_id }, { db }) => {
      const { orders, gross_cents, refunded_cents, first_order, last_order } = await db.read((tx) =>
        figuresOf(tx, customer_id),
      );
      const net_cents = gross_cents - refunded_cents;
      return { customer_id, orders, gross_cents, refunded_cents, net_cents, first_order, last_order };
    },
  );

  router.tool(
    "churn_risk_score",
    {
      title: "Churn risk",
      description:
        "Estimates how likely one customer is to leave, from 0 to 1, with what it rests on: silence since the last order, open tickets, refunds.",
      effect: "read",
      sends: "owner",
      reads: "own",
      input: { customer_id: customerId },
    },
    async ({ customer_id }, { db }) => {
      const figures = await db.read((tx) => figuresOf(tx, customer_id));
      const { days_since_last_order, open_tickets, gross_cents, refunded_cents } = figures;
      return {
        customer_id,
        ...churnRisk(figures),
        because: { days_since_last_order, open_tickets, gross_cents, refunded_cents },
      };
    },
  );

  router.tool(
    "revenue_report",
    {
      title: "Revenue",
      description:
        "Sums up the company's revenue over a period: number of orders, gross, discounts, refunds and net in integer cents.",
      effect: "read",
      sends: "owner",
      reads: "own",
      input: { period: z.enum(PERIODS).default("monthly").describe("How far back from now.") },
    },
    async ({ period }, { db }) => {
      const { rows } = await db.read((tx) =>
        tx.query<{ sums: object | null }>("SELECT desk.revenue($1) AS sums", [period]),
      );
      return { period, ...orTooFew(rows[0]?.sums) };
    },
  );

  router.tool(
    "support_metrics",
    {
      title: "Support metrics",
      description:
        "Sums up how the support team does over a period: tickets opened, closed, waiting, escalated, unassigned, and mean hours to close.",
      effect: "read",
      sends: "owner",
      reads: "own",
      input: { period: z.enum(PERIODS).default("weekly").describe("How far back from now.") },
    },
    async ({ period }, { db }) => {
      const { rows } = await db.read((tx) =>
        tx.query<{ sums: object | null }>("SELECT desk.support_metrics($1) AS sums", [period]),
      );
      return { period, ...orTooFew(rows[0]?.sums) };
    },
  );

  return router;
}
