/**
 * The desk's seven tools that change something.
 *
 * Guarantees: each waits for the customer's yes to exactly this call; what the customer is shown comes from the function of
 * the database that will do it, asked not to; the rules are that function's, so no caller of it gets around them. The
 * caller's order that is not theirs answers as one that does not exist, before anything else is said about the call.
 */
import { DeputizeError } from "@deputize/core";
import { type MCPServer, type Preview, hasScope } from "@deputize/mcp";
import type { Tx } from "@deputize/store";
import { z } from "zod";
import { address, id, ids } from "./inputs.ts";
import { customerRecord, orderRecord } from "./reads.ts";
import { refuse } from "./refusals.ts";
import { CHANGE } from "./scopes.ts";

const Plan = z.object({
  rows: z.record(z.string(), z.number()),
  difference_cents: z.number().default(0),
  total_cents: z.number().default(0),
  refunds: z.array(z.object({ method: z.string(), cents: z.number(), at_once: z.boolean() })).default([]),
  lines: z
    .array(
      z.object({
        name: z.string(),
        options: z.record(z.string(), z.unknown()),
        price_cents: z.number(),
        new_options: z.record(z.string(), z.unknown()).optional(),
        new_price_cents: z.number().optional(),
      }),
    )
    .default([]),
});
type Plan = z.infer<typeof Plan>;
type Args = Readonly<Record<string, unknown>>;

/** Runs the tool's own function. Its parameters have the names of the tool's arguments, which the schema fixes. */
async function perform(tx: Tx, tool: string, args: Args, dry: boolean): Promise<unknown> {
  const names = Object.keys(args);
  const { rows } = await tx.query<{ answer: Record<string, unknown> }>(
    `SELECT retail.${tool}(${names.map((name, i) => `${name} => $${i + 1}`).join(", ")}, dry => ${dry}) AS answer`,
    Object.values(args),
  );
  const answer = rows[0]?.answer;
  if (typeof answer?.["refused"] === "string") refuse(answer["refused"]);
  if (answer === undefined) throw new DeputizeError("internal", "the database did not answer");
  return answer;
}

const dollars = (cents: number): string => `$${(cents / 100).toFixed(2)}`;
const optionsOf = (options: Readonly<Record<string, unknown>>): string => Object.values(options).join(", ");
const addressOf = (args: Args): string =>
  ["address1", "address2", "city", "state", "country", "zip"]
    .map((name) => args[name])
    .filter((part) => part !== "")
    .join(", ");
const refundsOf = ({ refunds }: Plan): string =>
  refunds.length === 0
    ? "Nothing was paid that could be refunded."
    : `Refund: ${refunds
        .map(
          ({ method, cents, at_once }) =>
            `${dollars(cents)} to ${method} ${at_once ? "at once" : "within 5 to 7 business days"}`,
        )
        .join(", ")}.`;
const swapsOf = ({ lines }: Plan): string =>
  lines
    .map(
      (line) =>
        `${line.name} (${optionsOf(line.options)}, ${dollars(line.price_cents)}) for (${optionsOf(line.new_options ?? {})}, ${dollars(line.new_price_cents ?? 0)})`,
    )
    .join("; ");
const differenceOf = ({ difference_cents: cents }: Plan, method: unknown): string =>
  cents > 0
    ? `You pay ${dollars(cents)} more with ${String(method)}.`
    : `You get ${dollars(-cents)} back on ${String(method)}.`;

interface Change {
  readonly title: string;
  readonly description: string;
  readonly input: z.ZodRawShape;
  /** The sentence that the customer agrees to. */
  sentence(args: Args, plan: Plan): string;
  amountCents?(plan: Plan): number;
}

const CHANGES: Readonly<Record<string, Change>> = {
  cancel_pending_order: {
    title: "Cancel an order",
    description: "Cancels a pending order of the caller, and refunds it to where it was paid from.",
    input: {
      order_id: id,
      reason: z.string().max(100).describe("`no longer needed` or `ordered by mistake`; there is no other."),
    },
    sentence: ({ order_id, reason }, plan) =>
      `Cancel order ${String(order_id)} (${String(reason)}). ${refundsOf(plan)} It cannot be undone.`,
    amountCents: ({ refunds }) => refunds.reduce((sum, { cents }) => sum + cents, 0),
  },
  modify_pending_order_address: {
    title: "Change where an order goes",
    description: "Changes the shipping address of a pending order of the caller.",
    input: { order_id: id, ...address },
    sentence: (args) => `Send order ${String(args["order_id"])} to: ${addressOf(args)}.`,
  },
  modify_pending_order_items: {
    title: "Change an order's items",
    description:
      "Changes items of a pending order to other available variants of the same products, in the order of the lists. Only once for an order, and nothing else of it can be changed afterwards.",
    input: { order_id: id, item_ids: ids, new_item_ids: ids, payment_method_id: id },
    sentence: (args, plan) =>
      `Change in order ${String(args["order_id"])}: ${swapsOf(plan)}. ${differenceOf(plan, args["payment_method_id"])} Items are changed once; the order cannot be modified or cancelled afterwards.`,
    amountCents: ({ difference_cents }) => Math.abs(difference_cents),
  },
  modify_pending_order_payment: {
    title: "Pay an order differently",
    description: "Changes the payment of a pending order to one other payment method of the caller.",
    input: { order_id: id, payment_method_id: id },
    sentence: ({ order_id, payment_method_id }, plan) =>
      `Pay ${dollars(plan.total_cents)} for order ${String(order_id)} with ${String(payment_method_id)}. ${refundsOf(plan)}`,
    amountCents: ({ total_cents }) => total_cents,
  },
  return_delivered_order_items: {
    title: "Return items",
    description:
      "Asks for the return of items of a delivered order. The refund goes to the original payment method or to a gift card of the caller.",
    input: { order_id: id, item_ids: ids, payment_method_id: id },
    sentence: ({ order_id, payment_method_id }, plan) =>
      `Return from order ${String(order_id)}: ${plan.lines.map((line) => `${line.name} (${dollars(line.price_cents)})`).join(", ")}. Refund of ${dollars(plan.total_cents)} to ${String(payment_method_id)}. An order is returned or exchanged once.`,
    amountCents: ({ total_cents }) => total_cents,
  },
  exchange_delivered_order_items: {
    title: "Exchange items",
    description:
      "Asks for the exchange of items of a delivered order for other available variants of the same products, in the order of the lists. Only once for an order.",
    input: { order_id: id, item_ids: ids, new_item_ids: ids, payment_method_id: id },
    sentence: (args, plan) =>
      `Exchange from order ${String(args["order_id"])}: ${swapsOf(plan)}. ${differenceOf(plan, args["payment_method_id"])} An order is returned or exchanged once.`,
    amountCents: ({ difference_cents }) => Math.abs(difference_cents),
  },
  modify_user_address: {
    title: "Change my address",
    description: "Changes the caller's default address. Orders keep theirs.",
    input: { user_id: id, ...address },
    sentence: (args) => `Make this the default address of ${String(args["user_id"])}: ${addressOf(args)}.`,
  },
};

/** The names of the tools that wait for a yes. */
export const CHANGE_TOOLS: readonly string[] = Object.keys(CHANGES);

const SUMMARY_MAX = 1_500;

export function addChanges(server: MCPServer): void {
  for (const [tool, change] of Object.entries(CHANGES)) {
    const ofOrder = "order_id" in change.input;
    server.tool(
      tool,
      {
        title: change.title,
        description: `${change.description} Asks the customer first.`,
        effect: "sensitive",
        // An order's address, items and payment are the desk's to carry out.
        sends: "house",
        guards: [hasScope(CHANGE)],
        reads: "own",
        input: change.input,
        async preview(args, tx): Promise<Preview> {
          const plan = Plan.parse(await perform(tx, tool, args, true));
          const sentence = change.sentence(args, plan);
          return {
            summary: sentence.length > SUMMARY_MAX ? `${sentence.slice(0, SUMMARY_MAX - 1)}…` : sentence,
            rows: plan.rows,
            ...(change.amountCents && { amountCents: change.amountCents(plan) }),
          };
        },
      },
      (args: Args, { db }) =>
        db.write(async (tx) => {
          await perform(tx, tool, args, false);
          return ofOrder
            ? orderRecord(tx, String(args["order_id"]))
            : customerRecord(tx, String(args["user_id"]));
        }),
    );
  }
}
