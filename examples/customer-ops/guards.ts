/**
 * Who may call what at the desk, and whose the things are that arguments name.
 *
 * Guarantees: each scope has two spellings, the mission's (`billing:read`, from tokens of your own) and the authority's
 * (`read:billing:*`), which cover the same tools. Every argument that names somebody's thing is in `ownedArguments`; a tool
 * with another one does not register (PR-D05).
 */
import type { Caller, PrincipalId } from "deputize/core";
import { type CaseDirectory, type Find, type OwnedArguments, hasScope, owns } from "deputize/mcp";
import type { Tx } from "deputize/store";
import { z } from "zod";

export const READ = hasScope("read", "read:desk:*");
export const WRITE = hasScope("write", "write:desk:*");
export const BILLING_READ = hasScope("billing:read", "read:billing:*");
export const BILLING_WRITE = hasScope("billing:write", "write:billing:*");

const TABLES = { customer: "customers", order: "orders", invoice: "invoices", ticket: "tickets" } as const;

/** Whose row it is, among those that the policies show this caller. */
const ownerIn =
  (table: (typeof TABLES)[keyof typeof TABLES]) =>
  async (tx: Tx, id: unknown): Promise<PrincipalId | undefined> => {
    const { rows } = await tx.query<{ owner_id: PrincipalId }>(
      `SELECT owner_id FROM desk.${table} WHERE id = $1`,
      [id],
    );
    return rows.length === 1 ? rows[0]?.owner_id : undefined;
  };

/**
 * For `sensitiveWhen`: a change of somebody else's data waits for the colleague's own yes, case or no case. `argument` names
 * the row that is changed, or that gets something attached.
 */
export const ofSomebodyElse =
  <K extends "customer_id" | "ticket_id">(argument: K) =>
  async (
    args: Readonly<Record<K, string>>,
    tx: Tx,
    { caller }: { readonly caller: Caller },
  ): Promise<boolean> =>
    (await ownerIn(argument === "customer_id" ? TABLES.customer : TABLES.ticket)(tx, args[argument])) !==
    caller.subject;

const isColleague: Find = async (tx, handle) =>
  (await tx.query("SELECT FROM desk.staff WHERE handle = $1 AND 'support' = ANY (roles)", [handle]))
    .rowCount === 1;

const isFeature: Find = async (tx, feature) =>
  (await tx.query("SELECT FROM desk.features WHERE feature = $1", [feature])).rowCount === 1;

/** A guard for every argument that names a thing of somebody's; `cases` are the authority's. */
export function ownedArguments(cases: CaseDirectory): OwnedArguments {
  return {
    customer_id: owns("customer_id", ownerIn(TABLES.customer), { cases }),
    order_id: owns("order_id", ownerIn(TABLES.order), { cases }),
    invoice_id: owns("invoice_id", ownerIn(TABLES.invoice), { cases }),
    ticket_id: owns("ticket_id", ownerIn(TABLES.ticket), { cases }),
    agent_id: owns("agent_id", isColleague),
    feature: owns("feature", isFeature),
  };
}

const named = (what: string, example: string) =>
  z
    .string()
    .trim()
    .min(1)
    .max(64)
    .describe(`The ${what}'s id, such as ${example}. Take it from a result; never invent one.`);

export const customerId = named("customer", "42");
export const orderId = named("order", "12345");
export const invoiceId = named("invoice", "INV-12345");
export const ticketId = named("ticket", "T-501");
/** One paragraph of plain text. */
export const text = (max: number, what: string) =>
  z
    .string()
    .trim()
    .min(1)
    .max(max)
    .regex(/^[^\p{Cc}]*$/u, "holds control characters")
    .describe(what);
