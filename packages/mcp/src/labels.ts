/**
 * The label on a result: how far its text may be trusted, and who may read it. Travels in
 * `_meta["deputize/label"]`, so that an agent knows when untrusted content enters its context (SR-06, SR-07).
 *
 * Guarantees: a tool that declares nothing is untrusted.
 * Does not: look into the text; a label comes from what the tool declares that it reads.
 */
import type { Caller } from "@deputize/core";
import type { Label } from "@deputize/guardrails/flow";

/**
 * What a tool reads. `own`: only values written by the caller or by us about the caller. `mixed`: the caller's
 * rows with text by others in them. `public-untrusted`: open to everyone and written by anyone, such as reviews.
 */
export type Reads = "own" | "mixed" | "public-untrusted";

/** Its source is `<server>/<tool>`. */
export type ResultLabel = Label;

/** The label of what a definition returns to this caller. */
export function labelFor(reads: Reads | undefined, caller: Caller, source: string): ResultLabel {
  return {
    integrity: reads === "own" ? "trusted" : "untrusted",
    readers: reads === "public-untrusted" ? "public" : [caller.subject],
    source: source.slice(0, 200),
  };
}
