import { type Label, joinLabels } from "@deputize/guardrails/flow";
import type { ClaimedTurn, HistoryMessage } from "./conversation-store.ts";

/** Earlier messages as a turn is given them, with the join of their labels [SR-07]. */
export function history(
  earlier: readonly (HistoryMessage & { readonly label: Label })[],
): Pick<ClaimedTurn, "history" | "historyLabel"> {
  return {
    history: earlier.map(({ role, content }) => ({ role, content })),
    historyLabel: joinLabels(...earlier.map(({ label }) => label)),
  };
}
