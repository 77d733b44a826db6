/**
 * Support tickets. Eight tools. Their text is by strangers, so what they answer is untrusted, and what a model writes after
 * reading it waits for a person (SR-06).
 */
import { DeputizeError, type PrincipalId } from "deputize/core";
import {
  type ArgumentGuard,
  type CaseDirectory,
  MCPRouter,
  type Preview,
  caseFor,
  hasRole,
} from "deputize/mcp";
import type { Tx } from "deputize/store";
import { z } from "zod";
import { READ, WRITE, customerId, ofSomebodyElse, text, ticketId } from "../guards.ts";
import { cardOf, changes } from "./customers.ts";

const TICKET =
  "t.id, t.customer_id, t.subject, t.description, t.status, t.priority, t.tier, t.resolution, t.created_at, t.closed_at, t.version, " +
  "t.owner_id, (SELECT s.handle FROM desk.staff s WHERE s.tenant = t.tenant AND s.person_id = t.assignee_id) AS assignee";

interface Ticket {
  readonly id: string;
  readonly subject: string;
  readonly status: "open" | "pending" | "closed";
  readonly version: number;
  readonly owner_id: PrincipalId;
}

async function ticketOf(tx: Tx, id: string): Promise<Ticket> {
  const { rows } = await tx.query<Ticket>(`SELECT ${TICKET} FROM desk.tickets t WHERE t.id = $1`, [id]);
  if (!rows[0]) throw new DeputizeError("not_found", "there is no such thing, or it is not yours");
  return rows[0];
}

const shown = ({ version: _version, owner_id: _owner, ...ticket }: Ticket) => ticket;

/** Changes an open ticket by columns of ours. Throws `conflict` for a closed one. */
async function change(tx: Tx, id: string, set: string, values: readonly unknown[]): Promise<object> {
  const { rowCount } = await tx.query(
    `UPDATE desk.tickets t SET ${set}, version = t.version + 1 WHERE t.id = $1`,
    [id, ...values],
  );
  if (rowCount !== 1) throw new DeputizeError("conflict", "the ticket is closed; open a new one");
  return shown(await ticketOf(tx, id));
}

/** What a person decides on when something about a ticket changes. */
async function ticketCard(tx: Tx, id: string, summary: (which: string) => string): Promise<Preview> {
  const { subject, version } = await ticketOf(tx, id);
  return { summary: summary(`ticket ${id} (${subject})`), rows: { [`ticket:${id}`]: version } };
}

const PERSON_OF = "(SELECT s.person_id FROM desk.staff s WHERE s.handle = $2)";

/** What is for support alone says so: the caller may know the rule. */
const supportOnly = (argument: string, asked: (value: unknown) => boolean): ArgumentGuard => ({
  name: `supportOnly(${argument})`,
  refusal: "forbidden",
  check: ({ args, caller }) => !asked(args[argument]) || caller.roles.includes("support"),
});

const setsAssignee = (updates: unknown): boolean => (updates as { assignee?: string }).assignee !== undefined;

/** The colleague whom `updates` names exists. */
const assigneeExists: ArgumentGuard = {
  name: "owns(updates.assignee)",
  refusal: "not_found",
  check: ({ args, db }) => {
    const { assignee } = args["updates"] as { assignee?: string };
    if (assignee === undefined) return true;
    return db.read(
      async (tx) =>
        (await tx.query("SELECT FROM desk.staff WHERE handle = $1 AND 'support' = ANY (roles)", [assignee]))
          .rowCount === 1,
    );
  },
};

const PRIORITIES = ["low", "medium", "high", "urgent"] as const;
const handle = z.string().trim().min(1).max(32).describe("The handle of a support colleague, such as sam.");

export function ticketsRouter(cases: CaseDirectory): MCPRouter {
  const router = new MCPRouter({ prefix: "tickets" });

  router.tool(
    "get_ticket",
    {
      title: "One ticket",
      description:
        "Shows one support ticket: subject, description, status, priority, assignee, and its comments in order.",
      effect: "read",
      sends: "owner",
      guards: [READ],
      reads: "mixed",
      holds: "a ticket, with what its customer and colleagues wrote",
      input: { ticket_id: ticketId },
    },
    async ({ ticket_id }, { db }) =>
      db.read(async (tx) => {
        const comments = await tx.query(
          "SELECT comment, internal, created_at FROM desk.ticket_comments WHERE ticket_id = $1 ORDER BY created_at, id LIMIT 200",
          [ticket_id],
        );
        return { ticket: { ...shown(await ticketOf(tx, ticket_id)), comments: comments.rows } };
      }),
  );

  router.tool(
    "list_tickets",
    {
      title: "Tickets",
      description:
        "Lists support tickets, newest first, of one customer or of everybody whom the person may see, in one status or in all.",
      effect: "read",
      sends: "owner",
      guards: [READ],
      reads: "mixed",
      holds: "a ticket, with what its customer and colleagues wrote",
      input: {
        customer_id: customerId.optional(),
        status: z
          .enum(["open", "pending", "closed", "all"])
          .default("open")
          .describe("Only tickets in this status."),
      },
    },
    async ({ customer_id, status }, { db, caller, caseUsed }) => {
      const { rows } = await db.read((tx) =>
        tx.query<Ticket>(
          `SELECT ${TICKET} FROM desk.tickets t WHERE ($1::text IS NULL OR t.customer_id = $1)
             AND ($2 = 'all' OR t.status = $2) ORDER BY t.created_at DESC, t.id LIMIT 100`,
          [customer_id ?? null, status],
        ),
      );
      if (customer_id === undefined) {
        for (const owner of new Set(rows.map((row) => row.owner_id))) {
          const open = await caseFor(cases, caller, owner);
          if (open) caseUsed(open);
        }
      }
      return { tickets: rows.map(shown) };
    },
  );

  router.tool(
    "create_ticket",
    {
      title: "Open a ticket",
      description:
        "Opens a new support ticket for a customer, with a subject and a description of the problem.",
      effect: "write",
      sends: "house",
      guards: [WRITE],
      reads: "own",
      input: {
        customer_id: customerId,
        subject: text(200, "The problem in a few words."),
        description: text(4000, "What happened, in the person's words."),
        priority: z.enum(PRIORITIES).default("medium").describe("How urgent it is."),
      },
      sensitiveWhen: ofSomebodyElse("customer_id"),
      preview: async ({ customer_id, subject }, tx) =>
        cardOf(tx, customer_id, (who) => `Open a ticket of ${who}: ${subject}`),
    },
    async ({ customer_id, subject, description, priority }, { db }) => ({
      ticket: await db.write(async (tx) => {
        const { rows } = await tx.query<{ id: string }>(
          `INSERT INTO desk.tickets (tenant, owner_id, customer_id, subject, description, priority)
           SELECT c.tenant, c.owner_id, c.id, $2, $3, $4 FROM desk.customers c WHERE c.id = $1 RETURNING id`,
          [customer_id, subject, description, priority],
        );
        return shown(await ticketOf(tx, rows[0]?.id ?? ""));
      }),
    }),
  );

  router.tool(
    "update_ticket",
    {
      title: "Change a ticket",
      description:
        "Changes a ticket's status (open, pending), its priority, or, for support, its assignee. To close it, use close_ticket.",
      effect: "write",
      sends: "house",
      guards: [WRITE],
      reads: "mixed",
      holds: "a ticket, with what its customer and colleagues wrote",
      input: {
        ticket_id: ticketId,
        updates: z
          .strictObject({
            status: z.enum(["open", "pending"]).optional(),
            priority: z.enum(PRIORITIES).optional(),
            assignee: handle.optional(),
          })
          .refine((updates) => Object.keys(updates).length > 0, "names no field")
          .describe("The fields to change."),
      },
      argumentGuards: [supportOnly("updates", setsAssignee), assigneeExists],
      sensitiveWhen: ofSomebodyElse("ticket_id"),
      preview: async ({ ticket_id, updates }, tx) =>
        ticketCard(tx, ticket_id, (which) => `Change ${which}: ${changes(updates)}`),
    },
    async ({ ticket_id, updates: { status = null, priority = null, assignee = null } }, { db }) => ({
      ticket: await db.write((tx) =>
        change(
          tx,
          ticket_id,
          `status = coalesce($3, t.status), priority = coalesce($4, t.priority), assignee_id = coalesce(${PERSON_OF}, t.assignee_id)`,
          [assignee, status, priority],
        ),
      ),
    }),
  );

  router.tool(
    "add_ticket_comment",
    {
      title: "Comment on a ticket",
      description:
        "Adds a comment to a ticket. The customer reads it, unless internal is true, which only support may say: then colleagues alone do.",
      effect: "write",
      sends: "house",
      guards: [WRITE],
      reads: "own",
      input: {
        ticket_id: ticketId,
        comment: text(4000, "The comment."),
        internal: z.boolean().default(false).describe("For colleagues only."),
      },
      argumentGuards: [supportOnly("internal", (internal) => internal === true)],
      sensitiveWhen: ofSomebodyElse("ticket_id"),
      preview: async ({ ticket_id, comment, internal }, tx) =>
        ticketCard(
          tx,
          ticket_id,
          (which) =>
            `Comment on ${which}, for ${internal ? "colleagues" : "the customer"}: ${comment.slice(0, 500)}`,
        ),
    },
    async ({ ticket_id, comment, internal }, { db, caller }) => ({
      comment: await db.write(async (tx) => {
        const { rows } = await tx.query(
          `INSERT INTO desk.ticket_comments (tenant, owner_id, ticket_id, comment, internal, author_id)
           SELECT t.tenant, t.owner_id, t.id, $2, $3, $4 FROM desk.tickets t WHERE t.id = $1
           RETURNING id, ticket_id, comment, internal, created_at`,
          [ticket_id, comment, internal, caller.subject],
        );
        return rows[0];
      }),
    }),
  );

  router.tool(
    "assign_ticket",
    {
      title: "Assign a ticket",
      description: "Gives a ticket to a support colleague, who works on it from then on.",
      effect: "write",
      sends: "house",
      guards: [hasRole("support")],
      reads: "mixed",
      holds: "a ticket, with what its customer and colleagues wrote",
      input: {
        ticket_id: ticketId,
        agent_id: handle,
      },
      sensitiveWhen: ofSomebodyElse("ticket_id"),
      preview: async ({ ticket_id, agent_id }, tx) =>
        ticketCard(tx, ticket_id, (which) => `Give ${which} to ${agent_id}`),
    },
    async ({ ticket_id, agent_id }, { db }) => ({
      ticket: await db.write((tx) => change(tx, ticket_id, `assignee_id = ${PERSON_OF}`, [agent_id])),
    }),
  );

  router.tool(
    "escalate_ticket",
    {
      title: "Escalate a ticket",
      description: "Hands a ticket to the second tier, with the reason as a remark for colleagues.",
      effect: "write",
      sends: "house",
      guards: [hasRole("support")],
      reads: "mixed",
      holds: "a ticket, with what its customer and colleagues wrote",
      input: { ticket_id: ticketId, reason: text(500, "Why the first tier cannot solve it.") },
      sensitiveWhen: ofSomebodyElse("ticket_id"),
      preview: async ({ ticket_id, reason }, tx) =>
        ticketCard(tx, ticket_id, (which) => `Hand ${which} to the second tier: ${reason}`),
    },
    async ({ ticket_id, reason }, { db, caller }) => ({
      ticket: await db.write(async (tx) => {
        await tx.query(
          `INSERT INTO desk.ticket_comments (tenant, owner_id, ticket_id, comment, internal, author_id)
           SELECT t.tenant, t.owner_id, t.id, $2, true, $3 FROM desk.tickets t WHERE t.id = $1`,
          [ticket_id, `Escalated: ${reason}`, caller.subject],
        );
        return change(
          tx,
          ticket_id,
          "tier = 2, priority = CASE WHEN t.priority = 'urgent' THEN 'urgent' ELSE 'high' END",
          [],
        );
      }),
    }),
  );

  router.tool(
    "close_ticket",
    {
      title: "Close a ticket",
      description:
        "Closes a ticket with the resolution that the customer will read. Waits until a person agrees.",
      effect: "sensitive",
      sends: "house",
      guards: [hasRole("support")],
      reads: "mixed",
      holds: "a ticket, with what its customer and colleagues wrote",
      input: { ticket_id: ticketId, resolution: text(2000, "How it was solved.") },
      preview: async ({ ticket_id, resolution }, tx) => {
        const { subject, version } = await openTicket(tx, ticket_id);
        return {
          summary: `Close ticket ${ticket_id} (${subject}) as solved: ${resolution.slice(0, 500)}`,
          rows: { [`ticket:${ticket_id}`]: version },
        };
      },
    },
    async ({ ticket_id, resolution }, { db }) => ({
      ticket: await db.write(async (tx) => {
        const { version } = await openTicket(tx, ticket_id);
        await tx.query("SELECT desk.close_ticket($1, $2, $3)", [ticket_id, resolution, version]);
        return shown(await ticketOf(tx, ticket_id));
      }),
    }),
  );

  return router;
}

async function openTicket(tx: Tx, id: string): Promise<Ticket> {
  const ticket = await ticketOf(tx, id);
  if (ticket.status === "closed") throw new DeputizeError("conflict", "the ticket is closed already");
  return ticket;
}
