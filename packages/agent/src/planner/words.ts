/** Values of results in words: money, days, text that is not too long. */
import { type Data, isData } from "./conversation.ts";

/** Integer cents as dollars. */
export function money(cents: unknown): string {
  return new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" }).format(Number(cents) / 100);
}

export function day(value: unknown): string | undefined {
  const at = typeof value === "string" ? new Date(value) : undefined;
  if (!at || Number.isNaN(at.getTime())) return undefined;
  return new Intl.DateTimeFormat("en-US", { dateStyle: "medium", timeZone: "UTC" }).format(at);
}

export const text = (value: unknown): string | undefined =>
  typeof value === "string" && value.trim() !== "" ? value.trim().slice(0, 300) : undefined;
export const list = (value: unknown): Data[] => (Array.isArray(value) ? value.filter(isData) : []);
