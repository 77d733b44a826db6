/**
 * Where a value of a call came from: one link of the chain by which a decision is explained, in the log and on a card.
 *
 * Guarantees: a link names things and never quotes them, so that a chain can be logged; it is bounded.
 * Does not: decide. A link explains a question to a person and waives none [SR-06].
 */
import { z } from "zod";

/**
 * `person`: their own words of this turn. `own data`: a trusted result. `others`: a result that others wrote, or that says
 * nothing. `agent`: what another agent said. `memory`, `conversation`: what was remembered, or said before this turn.
 * `model`: nowhere in what the model was given.
 */
export const ORIGINS = ["person", "own data", "others", "agent", "memory", "conversation", "model"] as const;
export type OriginKind = (typeof ORIGINS)[number];

export interface Origin {
  readonly from: OriginKind;
  /** The source of the label that came with it, such as `products/get_product_details`. */
  readonly source?: string;
  /** What is to be found there, as the tool's author says: `product reviews`. */
  readonly holds?: string;
  /** The call that brought it. */
  readonly call?: string;
  /** That call's entry in the log. */
  readonly entry?: string;
}

/** Links of one argument that are told. */
export const LINKS_MAX = 4;

const line = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^[^\p{Cc}]*$/u);

/** A link from outside, where nothing of it is believed and it is only shown. */
export const ORIGIN = z.strictObject({
  from: z.enum(ORIGINS),
  source: line(200).optional(),
  holds: line(80).optional(),
  call: line(128).optional(),
  entry: line(128).optional(),
});

const FROM: Readonly<Record<OriginKind, string>> = {
  person: "you said it",
  "own data": "it stands in your own data",
  others: "it stands in what others wrote",
  agent: "another agent said it",
  memory: "it stands in what was remembered",
  conversation: "it stands earlier in the conversation",
  model: "the assistant wrote it; it stands nowhere in what it was given",
};

/** In plain words, to go after the name of the value. */
export function originWords({ from, source, holds }: Origin): string {
  if (holds && from === "others") return `it came from ${holds}${source ? ` (${source})` : ""}`;
  const where = [holds, source].filter((part) => part !== undefined && part !== "").join(", ");
  return where ? `${FROM[from]} (${where})` : FROM[from];
}
