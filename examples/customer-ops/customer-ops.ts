/**
 * The customer-operations server: 30 tools in five routers, over tables in which everybody finds their own rows.
 *
 * Guarantees
 *   * A tool is there for those whom its guards let in, and for nobody else; the same answer covers what is unknown.
 *   * An id of somebody else's thing, of another tenant's, and of none at all get one answer before the tool runs (PR-D05); a
 *     colleague sees a customer's things under an open case only, and the entry of the call says which (SR-04).
 *   * Money, deletion and switches wait for a yes, spent in the transaction of the effect (SR-15). What a colleague wants to
 *     do to a customer's money, or for good, another administrator decides; what a person wants for themselves, that person.
 *   * Whatever else a colleague changes of somebody else's waits for that colleague's own yes, open case or not (SR-06).
 * Does not: rest on its own queries. Row-level security and the functions of `migrations/` hold when a tool forgets.
 */
import type { AuditLog } from "deputize/audit";
import type { Approvals, Cases } from "deputize/authority";
import { type Caller, type Clock, systemClock } from "deputize/core";
import {
  type Authenticator,
  type CallLogLine,
  MCPServer,
  type MCPServerOptions,
  authorityApprovals,
  logging,
  rateLimit,
  timeout,
} from "deputize/mcp";
import type { Ephemeral, MigrationSet, Store } from "deputize/store";
import { ownedArguments } from "./guards.ts";
import { analyticsRouter } from "./tools/analytics.ts";
import { customersRouter } from "./tools/customers.ts";
import { opsRouter } from "./tools/ops.ts";
import { ordersRouter } from "./tools/orders.ts";
import { ticketsRouter } from "./tools/tickets.ts";

/** The desk's tables, to be applied after those of `audit` and `authority`. */
export const deskMigrations: MigrationSet = {
  name: "customer-ops",
  directory: new URL("./migrations/", import.meta.url),
};

export interface CustomerOpsOptions {
  readonly auth: Authenticator | readonly Authenticator[];
  readonly store: Store;
  readonly audit: AuditLog;
  readonly approvals: Pick<Approvals, "request" | "consume" | "fits" | "get">;
  readonly cases: Pick<Cases, "openFor">;
  readonly ephemeral: Ephemeral;
  /** The public address of the MCP endpoint, which is also its audience. */
  readonly url: string;
  readonly clock?: Clock;
  /** Takes one line for each finished call; nowhere unless told. */
  readonly log?: (line: CallLogLine) => void;
  /** Calls of one caller; 20 a second unless told. */
  readonly perSecond?: number;
  /** What acts for people, as approval cards name it. */
  readonly agentName?: string;
  /** Anything else an MCPServer takes. */
  readonly server?: Partial<MCPServerOptions>;
}

const TIMEOUT_MS = 30_000;

/** What a colleague does with these touches a customer's money or data for good, or everybody: two people agree. */
const FOUR_EYES: ReadonlySet<string> = new Set([
  "customers_delete_customer",
  "orders_process_refund",
  "orders_apply_discount",
  "orders_cancel_order",
  "ops_feature_toggle",
]);

const decidedBy = (caller: Caller, { tool }: { readonly tool: string }): "owner" | "staff" =>
  caller.roles.length > 0 && FOUR_EYES.has(tool) ? "staff" : "owner";

/** Makes the server. Throws `config_invalid` for options that cannot be kept. */
export function customerOps(options: CustomerOpsOptions): MCPServer {
  const { store, audit, ephemeral, cases, clock = systemClock, agentName = "the assistant" } = options;
  const server = new MCPServer({
    name: "customer-ops",
    version: "1.0.0",
    instructions:
      "Customers, orders and billing, support tickets, figures and operations of one company. Shows the person's own things; " +
      "colleagues see a customer's things while they have a case open about that customer. Money in results is integer cents.",
    auth: options.auth,
    store,
    audit,
    ephemeral,
    clock,
    url: options.url,
    approvals: authorityApprovals(options.approvals, {
      decidedBy,
      nameOf: (agent, caller) => (agent === caller.subject ? "you" : agentName),
    }),
    owned: ownedArguments(cases),
    middleware: [
      logging(options.log ?? (() => undefined)),
      timeout({ defaultMs: TIMEOUT_MS }),
      rateLimit({ perSecond: options.perSecond ?? 20 }),
    ],
    ...options.server,
  });
  return server
    .mount(customersRouter(cases))
    .mount(ordersRouter())
    .mount(ticketsRouter(cases))
    .mount(analyticsRouter())
    .mount(opsRouter({ audit, ephemeral, clock }));
}
