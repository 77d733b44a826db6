/**
 * The records of a retail desk's file, as they are written there: products with their variants, users with their payment
 * methods, orders with what was bought and paid.
 *
 * Guarantees: unknown fields are refused rather than lost; money has two decimals at most, and becomes integer cents.
 */
import { DeputizeError } from "@deputize/core";
import { z } from "zod";
import { jsonRecords } from "./json-records.ts";

const id = z.string().min(1).max(64);
const money = z
  .number()
  .min(0)
  .max(1e10)
  .refine((value) => Math.abs(value * 100 - Math.round(value * 100)) < 1e-4, "has more than two decimals");
const options = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));

export const Address = z.strictObject({
  address1: z.string().trim().min(1).max(200),
  address2: z.string().max(200),
  city: z.string().trim().min(1).max(200),
  state: z.string().trim().min(1).max(200),
  country: z.string().trim().min(1).max(200),
  zip: z.string().trim().min(1).max(200),
});

export const ProductRecord = z.strictObject({
  product_id: id,
  name: z.string().min(1).max(200),
  variants: z.record(
    z.string(),
    z.strictObject({ item_id: id, options, available: z.boolean(), price: money }),
  ),
});

export const UserRecord = z.strictObject({
  user_id: id,
  name: z.strictObject({ first_name: z.string().max(100), last_name: z.string().max(100) }),
  address: Address,
  email: z.string().max(254),
  payment_methods: z.record(
    z.string(),
    z.discriminatedUnion("source", [
      z.strictObject({
        source: z.literal("credit_card"),
        id,
        brand: z.string().max(50),
        last_four: z.string().max(4),
      }),
      z.strictObject({ source: z.literal("paypal"), id }),
      z.strictObject({ source: z.literal("gift_card"), id, balance: money }),
    ]),
  ),
  orders: z.array(id),
});

export const OrderRecord = z.strictObject({
  order_id: id,
  user_id: id,
  address: Address,
  items: z.array(z.strictObject({ name: z.string(), product_id: id, item_id: id, price: money, options })),
  status: z.enum([
    "pending",
    "pending (item modified)",
    "processed",
    "delivered",
    "cancelled",
    "return requested",
    "exchange requested",
  ]),
  fulfillments: z.array(z.strictObject({ tracking_id: z.array(z.string()), item_ids: z.array(z.string()) })),
  payment_history: z.array(
    z.strictObject({
      transaction_type: z.enum(["payment", "refund"]),
      amount: money,
      payment_method_id: id,
    }),
  ),
  cancel_reason: z.enum(["no longer needed", "ordered by mistake"]).nullish(),
  return_items: z.array(id).nullish(),
  return_payment_method_id: id.nullish(),
  exchange_items: z.array(id).nullish(),
  exchange_new_items: z.array(id).nullish(),
  exchange_payment_method_id: id.nullish(),
  exchange_price_difference: z.number().nullish(),
});

export type Address = z.infer<typeof Address>;
export type ProductRecord = z.infer<typeof ProductRecord>;
export type UserRecord = z.infer<typeof UserRecord>;
export type OrderRecord = z.infer<typeof OrderRecord>;

export const cents = (amount: number): number => Math.round(amount * 100);

/** Says which record is wrong, and how. */
export function badRecord(section: string, key: string, problem: string): never {
  throw new DeputizeError("validation_failed", `\`${section}\`, record \`${key.slice(0, 64)}\`: ${problem}`);
}

export type DeskRecord =
  | { readonly section: "products"; readonly record: ProductRecord }
  | { readonly section: "users"; readonly record: UserRecord }
  | { readonly section: "orders"; readonly record: OrderRecord };

/** Yields a file's records, each checked by itself. Throws `validation_failed` naming the first bad one. */
export async function* deskRecords(chunks: AsyncIterable<string>): AsyncGenerator<DeskRecord> {
  const seen = new Set<string>();
  for await (const { section, key, value } of jsonRecords(chunks)) {
    if (seen.has(`${section}:${key}`)) badRecord(section, key, "is there twice");
    seen.add(`${section}:${key}`);
    if (section === "products") yield { section, record: product(key, value) };
    else if (section === "users") yield { section, record: user(key, value) };
    else if (section === "orders")
      yield { section, record: parse(OrderRecord, section, key, value, "order_id") };
    else throw new DeputizeError("validation_failed", `\`${section}\` is no section of a desk's file`);
  }
}

function parse<T>(
  schema: z.ZodType<T>,
  section: string,
  key: string,
  value: unknown,
  idField: keyof T & string,
): T {
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    badRecord(section, key, `${issue?.path.join(".") || "the record"}: ${issue?.message ?? "is malformed"}`);
  }
  if (parsed.data[idField] !== key) badRecord(section, key, `${idField}: is not the record's own key`);
  return parsed.data;
}

function product(key: string, value: unknown): ProductRecord {
  const parsed = parse(ProductRecord, "products", key, value, "product_id");
  for (const [name, { item_id }] of Object.entries(parsed.variants))
    if (name !== item_id)
      badRecord("products", key, `variants.${name}: item_id is not the variant's own key`);
  return parsed;
}

function user(key: string, value: unknown): UserRecord {
  const parsed = parse(UserRecord, "users", key, value, "user_id");
  for (const [name, { id: own }] of Object.entries(parsed.payment_methods))
    if (name !== own) badRecord("users", key, `payment_methods.${name}: id is not the method's own key`);
  return parsed;
}
