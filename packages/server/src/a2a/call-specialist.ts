/**
 * `call_specialist_agent`: how an orchestrator asks another agent, for the same person.
 *
 * Guarantees: each call goes with a token of its own that names only that agent as audience, in which this agent acts
 * for the person, renewed once where it is refused [PR-D48]; the authority refuses it without an edge and the person's permission, which becomes a clean
 * refusal. Text goes with the label of what it was made from, and comes back with the label that the
 * specialist gave it; a missing label is untrusted and readable by nobody [SR-07]. The context id is the
 * conversation, so a follow-up keeps its subject (SH-D32).
 * Does not: trust the specialist. Its steps, cards and approvals are passed on to be shown, after parsing.
 */
import { type Part, type StreamResponse, type Task, TaskState } from "@a2a-js/sdk";
import { Client, JsonRpcTransportFactory } from "@a2a-js/sdk/client";
import {
  type Approval,
  type BearerFetch,
  type Card,
  type Step,
  type ToolCall,
  type ToolContext,
  type ToolOutcome,
  type ToolSource,
  bearerFetch,
} from "@deputize/agent";
import { type Caller, DeputizeError, isDeputizeError } from "@deputize/core";
import { type Label, UNKNOWN_LABEL, joinLabels } from "@deputize/guardrails/flow";
import { z } from "zod";
import { A2A_VERSION, agentCard } from "./card.ts";
import { labelOfParts, message, personPart, resumePart, textOf, textPart, turnPartsOf } from "./parts.ts";

export interface Specialist {
  readonly name: string;
  /** What it can be asked, for the model that chooses. */
  readonly description: string;
  /** Its URL and audience. */
  readonly url: string;
}

export interface SpecialistToolsOptions {
  readonly specialists: readonly Specialist[];
  readonly fetch: typeof fetch;
  /**
   * Says cheaply whether to offer a specialist, where the caller's own scopes tell; undefined when they do not, and then
   * the authority is asked for a token. Offering decides nothing: each call needs its token.
   */
  readonly offers?: (caller: Caller, specialist: string) => boolean | undefined;
  /** Wall time of one call; 90,000 ms unless set. */
  readonly timeoutMs?: number;
}

export const SPECIALIST_TOOL = "call_specialist_agent";
const TIMEOUT_MS = 90_000;
const MAX_STEPS = 100;

const Arguments = z.strictObject({
  agent_name: z.string().min(1).max(100),
  message: z.string().trim().min(1).max(8000),
});

/** A tool source with one tool. Throws `config_invalid` when two specialists share a name. */
export function specialistTools(options: SpecialistToolsOptions): ToolSource {
  const byName = new Map(options.specialists.map((s) => [s.name, s]));
  if (byName.size !== options.specialists.length) {
    throw new DeputizeError("config_invalid", "specialists need names of their own");
  }

  /** Those whom the caller may use now: an agent is offered only when the authority gives a token for it. */
  async function allowed(context: ToolContext): Promise<Specialist[]> {
    const found = await Promise.all(
      options.specialists.map(async (specialist) => {
        const known = options.offers?.(context.caller, specialist.name);
        if (known !== undefined) return known ? specialist : undefined;
        try {
          await context.authority.tokenFor(specialist.url);
          return specialist;
        } catch (error) {
          if (isRefusal(error)) return undefined;
          throw error;
        }
      }),
    );
    return found.filter((specialist) => specialist !== undefined);
  }

  return {
    name: "specialists",

    async list(context) {
      const specialists = await allowed(context);
      if (specialists.length === 0) return [];
      const lines = specialists.map((s) => `${s.name}: ${s.description}`);
      return [
        {
          name: SPECIALIST_TOOL,
          description: `Ask a specialist agent and wait for its answer. ${lines.join(" ")}`,
          inputSchema: {
            type: "object",
            properties: {
              agent_name: { type: "string", enum: specialists.map((s) => s.name) },
              message: {
                type: "string",
                description: "the whole question, in the person's words",
                maxLength: 8000,
              },
            },
            required: ["agent_name", "message"],
            additionalProperties: false,
          },
        },
      ];
    },

    async call(call, context) {
      const parsed = Arguments.safeParse(call.args);
      if (!parsed.success) return refusal("failed", "give `agent_name` and `message`, and nothing else");
      const specialist = byName.get(parsed.data.agent_name);
      // Unknown and forbidden answer the same.
      if (!specialist)
        return refusal("refused", `there is no agent ${parsed.data.agent_name} for this person`);
      const resource = `agent:${specialist.name}`;
      try {
        return { ...(await ask(specialist, parsed.data.message, call, context)), resource };
      } catch (error) {
        if (context.signal.aborted) throw error;
        if (isDeputizeError(error, "grant_revoked") || isDeputizeError(error, "invalid_token")) throw error;
        if (isRefusal(error)) {
          return { ...refusal("refused", `there is no agent ${specialist.name} for this person`), resource };
        }
        const why = isDeputizeError(error) ? error.message : `${specialist.name} could not be reached`;
        return { ...refusal("failed", why), resource };
      }
    },
  };

  async function ask(
    specialist: Specialist,
    text: string,
    call: ToolCall,
    context: ToolContext,
  ): Promise<ToolOutcome> {
    const bearer = await bearerFetch(context, specialist.url, options.fetch);
    const client = await connect(specialist, bearer);
    const signal = AbortSignal.any([context.signal, AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS)]);
    const settings = { signal, serviceParameters: { "A2A-Version": A2A_VERSION } };
    const contextId = context.conversationId;

    let taskId: string | undefined;
    let parts: Part[];
    if (call.approval) {
      taskId = await waitingTask(client, contextId, call.approval.id, settings);
      if (taskId === undefined) return refusal("failed", "what waited for this approval is no longer there");
      parts = [resumePart({ approvalId: call.approval.id, decision: call.approval.decision }, context.label)];
    } else {
      parts = [textPart(text, context.label), personPart(context.personMessage, context.label)];
    }
    const request = {
      tenant: "",
      message: message(parts, { role: "user", contextId, ...(taskId !== undefined && { taskId }) }),
      configuration: {
        acceptedOutputModes: ["text/plain", "application/json"],
        taskPushNotificationConfig: undefined,
        returnImmediately: false,
      },
      metadata: undefined,
    };
    const answer = createAnswer(specialist.name, context);
    for await (const event of client.sendMessageStream(request, settings)) answer.take(event);
    context.signal.throwIfAborted();
    return answer.outcome();
  }
}

type CallSettings = { signal: AbortSignal; serviceParameters: Record<string, string> };

async function connect(specialist: Specialist, bearer: BearerFetch): Promise<Client> {
  const card = agentCard({
    name: specialist.name,
    description: "",
    url: specialist.url,
    version: "0",
    skills: [],
  });
  const checked: typeof fetch = async (input, init) => {
    const response = await bearer.fetch(input, init);
    // The SDK would put the body of an error response into its own message.
    if (response.status === 401 || response.status === 403) {
      await response.body?.cancel();
      throw bearer.ended() ?? new DeputizeError("forbidden", "the agent refused this caller");
    }
    return response;
  };
  const factory = new JsonRpcTransportFactory({ fetchImpl: checked });
  return new Client(await factory.create(specialist.url, card), card);
}

/** The task of this conversation that waits for this approval; it may have been begun before a restart. */
async function waitingTask(
  client: Client,
  contextId: string,
  approvalId: string,
  settings: CallSettings,
): Promise<string | undefined> {
  const { tasks } = await client.listTasks(
    {
      tenant: "",
      contextId,
      status: TaskState.TASK_STATE_INPUT_REQUIRED,
      pageSize: 100,
      pageToken: "",
      historyLength: 0,
      statusTimestampAfter: undefined,
      includeArtifacts: false,
    },
    settings,
  );
  return tasks.find((task: Task) =>
    turnPartsOf(task.status?.message?.parts ?? []).some(
      (part) => part.kind === "approval" && part.approval.id === approvalId,
    ),
  )?.id;
}

/** Gathers a specialist's events, passing on what may be shown while it still works (SH-F33). */
function createAnswer(
  agent: string,
  context: ToolContext,
): { take(event: StreamResponse): void; outcome(): ToolOutcome } {
  const texts: string[] = [];
  let label: Label | undefined;
  const cards: Card[] = [];
  const steps = new Map<string, Step>();
  const agents = new Set([agent]);
  let approval: Approval | undefined;
  let state: TaskState = TaskState.TASK_STATE_UNSPECIFIED;
  let note = "";
  let noteLabel: Label = UNKNOWN_LABEL;

  const takeText = (parts: readonly Part[]): void => {
    const withText = parts.filter((part) => part.content?.$case === "text");
    if (withText.length === 0) return;
    texts.push(textOf(withText));
    label = joinLabels(...(label ? [label] : []), labelOfParts(withText));
  };
  const show = (parts: readonly Part[]): void => {
    for (const part of turnPartsOf(parts)) {
      if (part.kind === "step") {
        if (steps.size >= MAX_STEPS && !steps.has(part.step.call_id)) continue;
        steps.set(part.step.call_id, part.step);
        agents.add(part.step.agent);
        context.emit({ event: "tool", data: part.step });
      } else if (part.kind === "card") {
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
          note = textOf(parts, 1000);
          const withText = parts.filter((part) => part.content?.$case === "text");
          noteLabel = withText.length === 0 ? UNKNOWN_LABEL : labelOfParts(withText);
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
      const shared = { cards, steps: [...steps.values()], agents: [...agents] };
      switch (state) {
        case TaskState.TASK_STATE_COMPLETED:
          return { status: "done", content: texts.join("\n"), label: label ?? UNKNOWN_LABEL, ...shared };
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

const REFUSALS = [
  "forbidden",
  "insufficient_scope",
  "invalid_target",
  "scope_exceeded",
  "not_found",
] as const;

function isRefusal(error: unknown): boolean {
  return REFUSALS.some((code) => isDeputizeError(error, code));
}

/** Our own fixed words, so they are trusted. */
function refusal(status: "refused" | "failed", content: string): ToolOutcome {
  return {
    status,
    content,
    label: { integrity: "trusted", readers: "public", source: SPECIALIST_TOOL },
    cards: [],
  };
}
