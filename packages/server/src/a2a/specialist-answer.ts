/**
 * What another agent answers, gathered within bounds.
 *
 * Guarantees: however much it sends, 10 MB are read, 64,000 characters become its answer, and 100 steps and 100 cards are shown. Text
 * without a label is untrusted and readable by nobody [SR-07]. Of an agent of somebody else nothing but its words is taken, and none of
 * them is trusted.
 * Attack answered: a foreign agent that calls its words trusted, or shows a card for an approval that is about something else.
 */
import { type Part, type StreamResponse, TaskState } from "@a2a-js/sdk";
import {
  type Approval,
  type Card,
  type Step,
  type ToolContext,
  type ToolOutcome,
  estimatedUse,
} from "@deputize/agent";
import { type Label, UNKNOWN_LABEL, joinLabels } from "@deputize/guardrails/flow";
import type { Specialist } from "./call-specialist.ts";
import { accountOf, labelOfParts, textOf, turnPartsOf } from "./parts.ts";

const MAX_BYTES = 10_000_000;
const MAX_TEXT = 64_000;
const MAX_STEPS = 100;
const MAX_CARDS = 100;

/** The same response, whose body fails past the bound. */
export function bounded(response: Response): Response {
  let bytes = 0;
  const limit = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      bytes += chunk.byteLength;
      if (bytes > MAX_BYTES) controller.error(new Error("the agent answers more than is read"));
      else controller.enqueue(chunk);
    },
  });
  const { status, headers } = response;
  return new Response(response.body?.pipeThrough(limit) ?? null, { status, headers });
}

/** Gathers a specialist's events, passing on what may be shown while it still works (SH-F33). */
export function createAnswer(
  {
    name: agent,
    url,
    ours,
    account: believed = false,
    sameData = false,
  }: Pick<Specialist, "name" | "url" | "account" | "sameData"> & { readonly ours: boolean },
  asked: string,
  context: ToolContext,
): { take(event: StreamResponse): void; outcome(): ToolOutcome } {
  const texts: string[] = [];
  let length = 0;
  let label: Label | undefined;
  const cards: Card[] = [];
  const steps = new Map<string, Step>();
  const agents = new Set([agent]);
  let approval: Approval | undefined;
  let state: TaskState = TaskState.TASK_STATE_UNSPECIFIED;
  let account: ReturnType<typeof accountOf>;
  let note = "";
  let noteLabel: Label = UNKNOWN_LABEL;

  /** What an agent of somebody else made is for whoever asked, and no words to trust. */
  const theirs: Label = {
    integrity: "untrusted",
    readers: [context.caller.subject],
    source: `agent:${agent}`,
  };
  const labelOf = (parts: readonly Part[]): Label => (ours ? labelOfParts(parts) : theirs);

  const takeText = (parts: readonly Part[]): void => {
    const withText = parts.filter((part) => part.content?.$case === "text");
    if (withText.length === 0) return;
    const text = textOf(withText);
    length += text.length;
    if (length > MAX_TEXT) return;
    texts.push(text);
    label = joinLabels(...(label ? [label] : []), labelOf(withText));
  };
  const show = (parts: readonly Part[]): void => {
    if (!ours) return;
    for (const part of turnPartsOf(parts)) {
      if (part.kind === "step") {
        if (steps.size >= MAX_STEPS && !steps.has(part.step.call_id)) continue;
        steps.set(part.step.call_id, part.step);
        agents.add(part.step.agent);
        context.emit({ event: "tool", data: part.step });
      } else if (part.kind === "card") {
        if (cards.length >= MAX_CARDS) continue;
        cards.push(part.card);
        context.emit({ event: "card", data: part.card });
      } else {
        approval = { ...part.approval, conversation_id: context.conversationId };
      }
    }
  };

  return {
    take(event) {
      const { payload } = event;
      if (payload?.$case === "statusUpdate") {
        const { status } = payload.value;
        state = status?.state ?? state;
        const parts = status?.message?.parts ?? [];
        show(parts);
        if (state !== TaskState.TASK_STATE_WORKING) {
          account = accountOf(payload.value.metadata);
          note = textOf(parts, 1000);
          const withText = parts.filter((part) => part.content?.$case === "text");
          noteLabel = withText.length === 0 ? UNKNOWN_LABEL : labelOf(withText);
        }
      } else if (payload?.$case === "artifactUpdate") {
        takeText(payload.value.artifact?.parts ?? []);
      } else if (payload?.$case === "message") {
        takeText(payload.value.parts);
        state = TaskState.TASK_STATE_COMPLETED;
      } else if (payload?.$case === "task") {
        state = payload.value.status?.state ?? state;
      }
    },
    outcome() {
      const shared = {
        cards,
        steps: [...steps.values()],
        agents: [...agents],
        ...(believed && { used: account?.used ?? [estimatedUse(agent, asked, texts.join("\n"))] }),
      };
      const { rests } = account ?? {};
      const reads = believed &&
        sameData &&
        rests && { reads: { effect: "read" as const, ...rests, audiences: [url] } };
      switch (state) {
        case TaskState.TASK_STATE_COMPLETED:
          return {
            status: "done",
            content: texts.join("\n"),
            label: label ?? UNKNOWN_LABEL,
            ...shared,
            ...reads,
          };
        case TaskState.TASK_STATE_INPUT_REQUIRED:
          if (!approval)
            return { ...refusal("failed", `${agent} asks for something that nobody can answer`), ...shared };
          return { status: "waiting", content: note, label: noteLabel, approval, ...shared };
        default:
          return {
            ...refusal("failed", note || `${agent} could not finish`),
            label: UNKNOWN_LABEL,
            ...shared,
          };
      }
    },
  };
}

/** Our own fixed words, so they are trusted. */
export function refusal(status: "refused" | "failed", content: string): ToolOutcome {
  return {
    status,
    content,
    label: { integrity: "trusted", readers: "public", source: "call_specialist_agent" },
    cards: [],
  };
}
