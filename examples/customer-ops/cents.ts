/** Money is integer cents inside; people and models write dollars with at most two decimals. */
import { z } from "zod";

/** `18950` → `$189.50`. */
export const dollars = (cents: number): string =>
  (cents / 100).toLocaleString("en-US", { style: "currency", currency: "USD" });

/** An amount of money in dollars; 12.345 is no amount. */
export const amount = z
  .number()
  .positive()
  .max(1_000_000)
  .refine((value) => Math.abs(value * 100 - Math.round(value * 100)) < 1e-6, "has at most two decimals");

export const centsOf = (value: number): number => Math.round(value * 100);
