/** Pieces that more than one view shows. */
import type { Approval, RunView, Step } from "@deputize/client/server";
import { asText, el } from "./dom.ts";

const STATUS: Readonly<Record<string, string>> = {
  running: "running",
  done: "done",
  refused: "refused",
  waiting: "waits for you",
  failed: "failed",
  queued: "queued",
  succeeded: "done",
  cancelled: "stopped",
};

export function badge(status: string): HTMLElement {
  return el("span", { class: `badge ${status}` }, STATUS[status] ?? status);
}

/** The tool calls of a run; with their times as bars where `total` is known. */
export function stepList(steps: readonly Step[]): HTMLElement | null {
  if (steps.length === 0) return null;
  const longest = Math.max(1, ...steps.map(({ ms }) => ms ?? 0));
  return el(
    "ol",
    { class: "steps", "aria-label": "Steps" },
    steps.map(({ tool, agent, status, ms, entry_id }) =>
      el(
        "li",
        {},
        el("code", {}, tool),
        el("small", {}, agent),
        badge(status),
        ms !== null && el("meter", { min: 0, max: longest, value: ms, title: `${ms} ms` }),
        ms !== null && el("small", {}, `${ms} ms`),
        entry_id !== null && el("small", { class: "id" }, `log entry ${entry_id}`),
      ),
    ),
  );
}

export type Decide = (approvalId: string, decision: "approve" | "refuse") => void;

const SOURCE: Readonly<Record<string, string>> = {
  you: "from you",
  "your data": "from your data",
  other: "from somebody else",
};

/** A call that waits for the person, with what it would do and what it rests on. */
export function approvalCard(approval: Approval, decide: Decide): HTMLElement {
  const { id, tool, agent, summary, arguments: args, status, integrity, expires_at } = approval;
  const pending = status === "pending";
  return el(
    "section",
    { class: "approval", "aria-label": `Approval of ${tool || "a call"}` },
    el("h3", {}, summary || tool || "A call waits for you"),
    el("p", {}, agent, tool === "" ? null : [" wants to call ", el("code", {}, tool)]),
    args.length > 0 &&
      el(
        "dl",
        {},
        args.map(({ name, value, source }) => [
          el("dt", {}, name),
          el("dd", {}, el("code", {}, asText(value)), el("small", {}, SOURCE[source] ?? source)),
        ]),
      ),
    integrity === "untrusted" &&
      el("p", { class: "warning" }, "Words of somebody else had a part in this call."),
    expires_at !== null && el("small", {}, `until ${new Date(expires_at).toLocaleString()}`),
    pending
      ? el(
          "div",
          { class: "row" },
          el("button", { type: "button", class: "primary", onclick: () => decide(id, "approve") }, "Approve"),
          el("button", { type: "button", onclick: () => decide(id, "refuse") }, "Refuse"),
        )
      : badge(status),
  );
}

/** How a run went, in a line. */
export function runFacts(run: RunView): HTMLElement {
  const { usage } = run;
  return el(
    "p",
    { class: "facts" },
    badge(run.status),
    usage && el("small", {}, `${usage.tokens_in} tokens in, ${usage.tokens_out} out`),
    el("small", { class: "id" }, `run ${run.run_id}`),
  );
}
