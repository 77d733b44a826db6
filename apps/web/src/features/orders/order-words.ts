/** An order's status in plain words and with its tone. */
import type { Address } from "../../api/types.ts";
import { words } from "../../lib/format.ts";
import type { Tone } from "../../ui/badge.tsx";

const TONES: Readonly<Record<string, Tone>> = {
  placed: "note",
  confirmed: "note",
  shipped: "accent",
  out_for_delivery: "accent",
  delivered: "ok",
  cancelled: "bad",
  returned: "warn",
};

export const ORDER_STATUSES = Object.keys(TONES);

export const statusTone = (status: string): Tone => TONES[status] ?? "plain";
export const statusWords = (status: string): string => words(status);

/** An address on as few lines as it needs. */
export function addressLines(address: Address | string | null): string[] {
  if (address === null) return [];
  if (typeof address === "string") return [address];
  const place = [address.city, [address.state, address.zip].filter(Boolean).join(" ")]
    .filter(Boolean)
    .join(", ");
  return [address.name, address.street, place, address.country].filter((line): line is string =>
    Boolean(line),
  );
}
