/** Approvals in plain words. */
import type { Approval, ApprovalStatus, ValueSource } from "../../api/types.ts";
import type { Tone } from "../../ui/badge.tsx";

const SOURCE_WORDS: Record<ValueSource, string> = {
  you: "you typed it",
  "your data": "from your own data",
  other: "neither from you nor from your data",
};

export const STATUS_WORDS: Record<ApprovalStatus, { text: string; tone: Tone }> = {
  pending: { text: "Waiting for you", tone: "warn" },
  approved: { text: "Approved", tone: "ok" },
  executed: { text: "Approved and done", tone: "ok" },
  rejected: { text: "Refused", tone: "plain" },
  expired: { text: "Expired", tone: "plain" },
  failed: { text: "Approved, but it failed", tone: "bad" },
  superseded: { text: "Replaced by a newer request", tone: "plain" },
};

/** What a status means for the world, in one sentence. */
export const STATUS_MEANING: Record<ApprovalStatus, string> = {
  pending: "Nothing happens until you decide.",
  approved: "You said yes, and it has not been carried out yet.",
  executed: "It was done once.",
  rejected: "Nothing was changed.",
  expired: "Nobody decided in time. Nothing was changed; ask again if you still want it.",
  failed: "Nothing was changed.",
  superseded: "Something changed in the meantime. Nothing was done under this request.",
};

/** Where the value of an argument came from, in words: the chain where there is one, else its kind. */
export function sourceWords(argument: Approval["arguments"][number], approval: Approval): string {
  if (argument.source === "you") return SOURCE_WORDS.you;
  const prefix = `${argument.name}: `;
  const said = (approval.because ?? [])
    .flatMap(({ links }) => links)
    .filter((link) => link.argument === argument.name)
    .map(({ says }) => (says.startsWith(prefix) ? says.slice(prefix.length) : says));
  return said.length > 0 ? [...new Set(said)].join("; ") : SOURCE_WORDS[argument.source];
}

/** Why the person is asked, a sentence each, beyond what they read above. */
export function reasonsText(approval: Approval): string[] {
  return (approval.because ?? []).filter(({ rule }) => rule !== "sensitive").map(({ says }) => says);
}

/** One argument as text: strings as they are, everything else as JSON. */
export function valueText(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value, null, 1) ?? "–");
}

/** Pending by the record, but its time is over: the record follows soon. */
export function effectiveStatus(approval: Approval, over: boolean): ApprovalStatus {
  return approval.status === "pending" && over ? "expired" : approval.status;
}
