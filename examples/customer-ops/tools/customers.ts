/** Customers: their profile, what happened to them, notes and segments. Seven tools. */
import { DeputizeError } from "deputize/core";
import { type CaseDirectory, MCPRouter, type Preview, caseFor, hasAllRoles } from "deputize/mcp";
import type { Tx } from "deputize/store";
import { z } from "zod";
import { READ, WRITE, customerId, ofSomebodyElse, text } from "../guards.ts";

const PROFILE = "id, name, email, phone, city, plan, created_at";
interface Profile {
  readonly id: string;
  readonly name: string;
}

async function profileOf(tx: Tx, id: string): Promise<Profile & { version: number; owner_id: string }> {
  const { rows } = await tx.query<Profile & { version: number; owner_id: string }>(
    `SELECT ${PROFILE}, version, owner_id FROM desk.customers WHERE id = $1`,
    [id],
  );
  if (!rows[0]) throw new DeputizeError("not_found", "there is no such thing, or it is not yours");
  return rows[0];
}

const shown = ({ version: _version, owner_id: _owner, ...profile }: Awaited<ReturnType<typeof profileOf>>) =>
  profile;

/** What a person decides on when something about a customer changes. */
export async function cardOf(tx: Tx, id: string, summary: (who: string) => string): Promise<Preview> {
  const { name, version } = await profileOf(tx, id);
  return { summary: summary(`customer ${id} (${name})`), rows: { [`customer:${id}`]: version } };
}

/** Each change in words. */
export const changes = (updates: object): string =>
  Object.entries(updates)
    .map(([field, value]) => `${field} becomes ${value}`)
    .join(", ");

export function customersRouter(cases: CaseDirectory): MCPRouter {
  const router = new MCPRouter({ prefix: "customers" });

  router.tool(
    "get_customer",
    {
      title: "Customer profile",
      description:
        "Shows one customer's profile: name, e-mail, phone, city, plan and since when they are a customer.",
      effect: "read",
      sends: "owner",
      guards: [READ],
      reads: "mixed",
      holds: "a customer's profile, with what they and colleagues wrote",
      input: { customer_id: customerId },
    },
    async ({ customer_id }, { db }) => ({
      customer: shown(await db.read((tx) => profileOf(tx, customer_id))),
    }),
  );

  router.tool(
    "search_customers",
    {
      title: "Find customers",
      description:
        "Finds customers by name, e-mail or phone, among those that the person may see: themselves, and people of an open case.",
      effect: "read",
      sends: "owner",
      guards: [READ],
      reads: "mixed",
      holds: "a customer's profile, with what they and colleagues wrote",
      input: {
        query: text(100, "Part of a name, e-mail address or phone number."),
        limit: z.number().int().min(1).max(50).default(10).describe("How many at most."),
      },
    },
    async ({ query, limit }, { db, caller, caseUsed }) => {
      const { rows } = await db.read((tx) =>
        tx.query<Awaited<ReturnType<typeof profileOf>>>(
          `SELECT ${PROFILE}, version, owner_id FROM desk.customers
           WHERE strpos(lower(concat_ws(' ', name, email, phone)), lower($1)) > 0 ORDER BY name, id LIMIT $2`,
          [query, limit],
        ),
      );
      for (const owner of new Set(rows.map((row) => row.owner_id))) {
        const open = await caseFor(cases, caller, owner as typeof caller.subject);
        if (open) caseUsed(open);
      }
      return { customers: rows.map(shown) };
    },
  );

  router.tool(
    "update_customer",
    {
      title: "Change a profile",
      description:
        "Changes a customer's name, e-mail, phone or city. Fields that are left out stay as they are.",
      effect: "write",
      sends: "house",
      guards: [WRITE],
      reads: "mixed",
      holds: "a customer's profile, with what they and colleagues wrote",
      input: {
        customer_id: customerId,
        updates: z
          .strictObject({
            name: text(200, "The new name.").optional(),
            email: z.email().max(254).optional(),
            phone: z
              .string()
              .regex(/^\+?[0-9 ()-]{3,40}$/)
              .optional(),
            city: text(100, "The new city.").optional(),
          })
          .refine((updates) => Object.keys(updates).length > 0, "names no field")
          .describe("The fields to change."),
      },
      sensitiveWhen: ofSomebodyElse("customer_id"),
      preview: async ({ customer_id, updates }, tx) =>
        cardOf(tx, customer_id, (name) => `Change the profile of ${name}: ${changes(updates)}`),
    },
    async ({ customer_id, updates }, { db }) => ({
      customer: await db.write(async (tx) => {
        const { name = null, email = null, phone = null, city = null } = updates;
        await tx.query(
          `UPDATE desk.customers SET name = coalesce($2, name), email = coalesce($3, email), phone = coalesce($4, phone),
             city = coalesce($5, city), version = version + 1 WHERE id = $1`,
          [customer_id, name, email, phone, city],
        );
        return shown(await profileOf(tx, customer_id));
      }),
    }),
  );

  router.tool(
    "delete_customer",
    {
      title: "Delete a customer",
      description:
        "Deletes a customer for ever: profile, notes, tickets, segments, payment methods. Orders and invoices stay, without a name. Another administrator has to agree first.",
      effect: "sensitive",
      sends: "house",
      guards: [hasAllRoles("admin", "support")],
      reads: "own",
      input: { customer_id: customerId },
      preview: async ({ customer_id }, tx) => {
        const { name, version } = await profileOf(tx, customer_id);
        return {
          summary: `Delete customer ${customer_id} (${name}) for ever, with notes, tickets and payment methods. It cannot be undone.`,
          rows: { [`customer:${customer_id}`]: version },
        };
      },
    },
    async ({ customer_id }, { db }) => {
      await db.write(async (tx) => {
        const { version } = await profileOf(tx, customer_id);
        await tx.query("SELECT desk.delete_customer($1, $2)", [customer_id, version]);
      });
      return { customer_id, deleted: true };
    },
  );

  router.tool(
    "get_customer_history",
    {
      title: "Customer history",
      description:
        "Lists what happened with a customer, newest first: contacts by e-mail, phone, chat, and what the desk did.",
      effect: "read",
      sends: "owner",
      guards: [READ],
      reads: "mixed",
      holds: "a customer's profile, with what they and colleagues wrote",
      input: { customer_id: customerId },
    },
    async ({ customer_id }, { db }) => ({
      interactions: await db.read(
        async (tx) =>
          (
            await tx.query(
              "SELECT at, channel, summary FROM desk.interactions WHERE customer_id = $1 ORDER BY at DESC, id LIMIT 100",
              [customer_id],
            )
          ).rows,
      ),
    }),
  );

  router.tool(
    "add_customer_note",
    {
      title: "Add a note",
      description: "Adds a note to a customer's profile, for whoever works with this customer next.",
      effect: "write",
      sends: "house",
      guards: [WRITE],
      reads: "own",
      input: { customer_id: customerId, note: text(2000, "What to remember.") },
      sensitiveWhen: ofSomebodyElse("customer_id"),
      preview: async ({ customer_id, note }, tx) =>
        cardOf(tx, customer_id, (name) => `Note about ${name}: ${note.slice(0, 500)}`),
    },
    async ({ customer_id, note }, { db, caller }) => ({
      note: await db.write(async (tx) => {
        const { rows } = await tx.query(
          `INSERT INTO desk.customer_notes (tenant, owner_id, customer_id, note, author_id)
           SELECT c.tenant, c.owner_id, c.id, $2, $3 FROM desk.customers c WHERE c.id = $1
           RETURNING id, customer_id, note, created_at`,
          [customer_id, note, caller.subject],
        );
        return rows[0];
      }),
    }),
  );

  router.tool(
    "get_customer_segments",
    {
      title: "Customer segments",
      description: "Lists the marketing segments that a customer is in.",
      effect: "read",
      sends: "owner",
      guards: [READ],
      reads: "own",
      input: { customer_id: customerId },
    },
    async ({ customer_id }, { db }) => ({
      segments: await db.read(async (tx) =>
        (
          await tx.query<{ segment: string }>(
            "SELECT segment FROM desk.customer_segments WHERE customer_id = $1 ORDER BY segment",
            [customer_id],
          )
        ).rows.map(({ segment }) => segment),
      ),
    }),
  );

  return router;
}
