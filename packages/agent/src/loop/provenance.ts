/**
 * Where an argument came from, for the card that a person decides on.
 *
 * Guarantees: `you` only for a value that stands in the person's own words of this turn; `your data` only for
 * one that stood in a trusted tool result. Everything else is `other`.
 * Does not: waive or require anything; provenance explains and never decides [SR-06].
 */
import type { ApprovalArgument } from "../events.ts";

export type ArgumentSource = ApprovalArgument["source"];

const normalize = (text: string): string =>
  text.normalize("NFKC").toLowerCase().replaceAll(/\s+/g, " ").trim();

/** True when `value` stands in `text` as a word of its own, not as part of a longer one. */
function standsIn(text: string, value: string): boolean {
  const escaped = value.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  return new RegExp(String.raw`(?<![\p{L}\p{N}])${escaped}(?![\p{L}\p{N}])`, "u").test(text);
}

/** One source per argument. `trustedData` holds what trusted tool results of this run said, as text. */
export function argumentSources(
  args: Readonly<Record<string, unknown>>,
  personMessage: string,
  trustedData: readonly string[],
): Record<string, ArgumentSource> {
  const person = normalize(personMessage);
  const data = trustedData.map(normalize);
  return Object.fromEntries(
    Object.entries(args).map(([name, value]) => {
      const plain = typeof value === "string" || typeof value === "number" ? normalize(String(value)) : "";
      if (plain === "") return [name, "other"];
      if (standsIn(person, plain)) return [name, "you"];
      return [name, data.some((text) => standsIn(text, plain)) ? "your data" : "other"];
    }),
  );
}
