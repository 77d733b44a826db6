/**
 * `call_specialist_agent`: how an orchestrator asks another agent, for the same person.
 *
 * Guarantees: each call goes with a token of its own that names only that agent as audience, in which this agent acts
 * for the person, renewed once where it is refused [PR-D48]; the authority refuses it without an edge and the person's permission, which becomes a clean
 * refusal. Text goes with the label of what it was made from, and comes back with the label that the
 * specialist gave it; a missing label is untrusted and readable by nobody [SR-07]. The context id is the
 * conversation, so a follow-up keeps its subject (SH-D32). A specialist whose card is to be checked is asked nothing, and no token is
 * fetched for it, before its card holds: signed by whoever is trusted, of that name, and for that address.
 * What it says of its cost, and of what its answer rests on, counts only where the configuration says so; numbers that cannot be so
 * count as a cost that nobody knows.
 * Does not: trust the specialist. Steps, cards and approvals of one of ours are passed on to be shown, after parsing; of another's
 * agent none are, and its answer is untrusted whatever label it has.
 */
import { type AgentCard, type Part, type Task, TaskState } from "@a2a-js/sdk";
import { Client, JsonRpcTransportFactory } from "@a2a-js/sdk/client";
import {
  type BearerFetch,
  type ToolCall,
  type ToolContext,
  type ToolOutcome,
  type ToolSource,
  bearerFetch,
  estimatedUse,
} from "@deputize/agent";
import { type Caller, type Clock, DeputizeError, isDeputizeError, systemClock } from "@deputize/core";
import { z } from "zod";
import { A2A_VERSION, agentCard } from "./card.ts";
import { type CardTrust, type CardVerifier, cardVerifier } from "./card-trust.ts";
import { fetchAgentCard } from "./fetch-card.ts";
import { COST_MUST_BE_KNOWN, message, personPart, resumePart, textPart, turnPartsOf } from "./parts.ts";
import { bounded, createAnswer, refusal } from "./specialist-answer.ts";

export interface Specialist {
  readonly name: string;
  /** What it can be asked, for the model that chooses. */
  readonly description: string;
  /** Its URL and audience. */
  readonly url: string;
  /** Whose signature its card must bear, read from `<url>/.well-known/agent-card.json` or `cardUrl`. Without it no card is read. */
  readonly trust?: CardTrust;
  readonly cardUrl?: string;
  /**
   * One of ours: its labels are believed, and its steps, cards and approvals shown. True unless `trust` is set: what an agent of
   * somebody else says is untrusted whatever it says of it, and no card of theirs stands where a person decides.
   */
  readonly ours?: boolean;
  /** What it says that it used is counted for the person: for one of ours. False unless set. */
  readonly account?: boolean;
  /**
   * With `account`: its data is in the database that this agent's cache asks for versions, so that an answer made with it may be kept
   * until somebody writes there. False unless set: the versions of two databases say nothing to each other.
   */
  readonly sameData?: boolean;
  /** Its work costs you nothing, so that it may be asked where money is bounded, without `account`. */
  readonly paidBy?: "them";
}

/** Whether labels, steps and cards of it count. */
const isOurs = ({ ours, trust }: Specialist): boolean => ours ?? trust === undefined;

/** Whether its work costs us nothing, and nothing that it says of that counts. */
const paysItself = ({ account, paidBy }: Specialist): boolean => paidBy === "them" && account !== true;

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
  readonly clock?: Clock;
}

export const SPECIALIST_TOOL = "call_specialist_agent";
const TIMEOUT_MS = 90_000;
/** How long a card that was checked counts; a key that was taken back is refused by then. */
const CARD_MS = 300_000;

const Arguments = z.strictObject({
  agent_name: z.string().min(1).max(100),
  message: z.string().trim().min(1).max(8000),
});

/** A tool source with one tool. Throws `config_invalid` when two specialists share a name, for trust in nobody, and for the account of an agent of somebody else. */
export function specialistTools(options: SpecialistToolsOptions): ToolSource {
  const byName = new Map(options.specialists.map((s) => [s.name, s]));
  if (byName.size !== options.specialists.length) {
    throw new DeputizeError("config_invalid", "specialists need names of their own");
  }

  for (const one of options.specialists)
    if (one.account && !isOurs(one))
      throw new DeputizeError(
        "config_invalid",
        `what ${one.name} says that it used counts only with \`ours: true\``,
      );

  const cards = checkedCards(options);

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
    asks: [...byName.keys()],
    // Those with `account` say it themselves, before they begin.
    unpriced: options.specialists.flatMap((one) => (one.account || paysItself(one) ? [] : [one.name])),

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
        // It may have worked, and nobody says what that cost.
        const used = specialist.account && { used: [estimatedUse(specialist.name, "", "")] };
        return { ...refusal("failed", why), ...used, resource };
      }
    },
  };

  async function ask(
    specialist: Specialist,
    text: string,
    call: ToolCall,
    context: ToolContext,
  ): Promise<ToolOutcome> {
    const signal = AbortSignal.any([context.signal, AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS)]);
    const card = await cards(specialist);
    const bearer = await bearerFetch(context, specialist.url, options.fetch);
    const client = await connect(specialist, card, bearer);
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
      message: message(parts, {
        role: "user",
        contextId,
        ...(taskId !== undefined && { taskId }),
        // An agent that pays itself would refuse for the lack of a price that is no concern of ours.
        ...(context.costMustBeKnown && !paysItself(specialist) && { metadata: COST_MUST_BE_KNOWN }),
      }),
      configuration: {
        acceptedOutputModes: ["text/plain", "application/json"],
        taskPushNotificationConfig: undefined,
        returnImmediately: false,
      },
      metadata: undefined,
    };
    const answer = createAnswer({ ...specialist, ours: isOurs(specialist) }, text, context);
    for await (const event of client.sendMessageStream(request, settings)) answer.take(event);
    context.signal.throwIfAborted();
    return answer.outcome();
  }
}

type CallSettings = { signal: AbortSignal; serviceParameters: Record<string, string> };

/** The card of a specialist: the one it publishes, checked; or one that says no more than its address. */
function checkedCards(options: SpecialistToolsOptions): (specialist: Specialist) => Promise<AgentCard> {
  const { clock = systemClock, fetch } = options;
  const verifiers = new Map<Specialist, CardVerifier>();
  for (const specialist of options.specialists) {
    if (specialist.trust) verifiers.set(specialist, cardVerifier({ ...specialist.trust, fetch, clock }));
  }
  const kept = new Map<Specialist, { readonly card: Promise<AgentCard>; readonly until: number }>();

  return async (specialist) => {
    const { name, url } = specialist;
    const verifier = verifiers.get(specialist);
    if (!verifier) return agentCard({ name, description: "", url, version: "0", skills: [] });
    const now = clock.monotonicMs();
    const known = kept.get(specialist);
    if (known && now < known.until) return known.card;
    // One question for all who ask at this moment, so the signal of none of them.
    const card = fetchAgentCard(specialist, { verifier, fetch }).then((verified) => verified.card);
    kept.set(specialist, { card, until: now + CARD_MS });
    card.catch(() => kept.delete(specialist));
    return card;
  };
}

async function connect(specialist: Specialist, card: AgentCard, bearer: BearerFetch): Promise<Client> {
  const checked: typeof fetch = async (input, init) => {
    const response = await bearer.fetch(input, init);
    // The SDK would put the body of an error response into its own message.
    if (response.status === 401 || response.status === 403) {
      await response.body?.cancel();
      throw bearer.ended() ?? new DeputizeError("forbidden", "the agent refused this caller");
    }
    return bounded(response);
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
