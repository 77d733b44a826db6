/**
 * The agent that most programs want: one call names the model, the tool servers and what the agent keeps, and what comes out
 * serves any number of people, one verified caller a turn.
 *
 * Guarantees: each turn acts for a caller whose token was verified, or who was handed over verified; without one there is no
 * turn. A nested agent acts for the same person with no more than its caller has, `maxDelegationDepth` deep at most.
 * Does not: keep anything for people together, unless a store that was handed in does so by its own setting.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { LanguageModelV4 } from "@ai-sdk/provider";
import type { AuditLog } from "@deputize/audit";
import { type Clock, DeputizeError, systemClock } from "@deputize/core";
import { type Scanner, UNKNOWN_LABEL } from "@deputize/guardrails";
import type { Agent, AgentLimits, AgentOptions, RunOptions, TurnRequest } from "./agent-types.ts";
import { type ToolChoiceOptions, type ToolLevel, toolChooser } from "./choice/tool-chooser.ts";
import { takeName } from "./conversations/agent-names.ts";
import type {
  Conversation,
  ConversationStore,
  ConversationSummary,
} from "./conversations/conversation-store.ts";
import { createAgent } from "./create-agent.ts";
import type { ApprovalQuestion } from "./approvals/approval-handler.ts";
import { isQueue } from "./approvals/approval-queue.ts";
import type { TurnEvent, TurnResult } from "./events.ts";
import { type AgentCaller, PresentedCaller } from "./identity/agent-caller.ts";
import type { AgentIdentity } from "./identity/agent-identity.ts";
import { type TurnCaller, turnCaller, withTurnCaller } from "./identity/turn-caller.ts";
import { fallbackChain } from "./models/fallback-chain.ts";
import { type AgentMemory, agentMemory } from "./memory/agent-memory.ts";
import type { MemoryProvider } from "./memory/memory-provider.ts";
import { type OwnMemories, ownMemories } from "./memory/own-memories.ts";
import { type ResolvedModel, modelFrom } from "./models/resolve-model.ts";
import type { AgentObserver } from "./observe/agent-event.ts";
import { type AgentStats, keepStats } from "./observe/agent-stats.ts";
import type { ServerSpec } from "./servers/server-spec.ts";
import { type LocalTool, localTools } from "./tools/local-tools.ts";
import type { ApprovalDecision, ToolSource } from "./tools/tool-source.ts";
import { scannerGuard } from "./turn/scanner-guard.ts";
import type { AnswerCache, Budgets, TextGuard, ToolChooser, TurnMemory } from "./turn/ports.ts";

type ModelSetting = string | ResolvedModel | LanguageModelV4;

export interface BuildAgentOptions extends Pick<
  AgentOptions,
  "instructions" | "principal" | "onFault" | "approvals"
> {
  /** `agent` unless set. */
  readonly name?: string;
  readonly description?: string;
  /** `openai:gpt-5-mini` and the like (keys come from the environment), `offline`, or a model of one's own. */
  readonly model: ModelSetting;
  /** Asked in this order where `model` does not answer; see `fallbackChain`. */
  readonly fallback?: readonly ModelSetting[];
  /** How callers are verified and tokens for the servers made. Without it only verified callers can be served. */
  readonly identity?: AgentIdentity;
  readonly servers?: Readonly<Record<string, ServerSpec>>;
  readonly extraTools?: readonly (LocalTool | ToolSource)[];
  readonly conversations: ConversationStore;
  /** Earlier messages in the model's context. 30 unless set. */
  readonly conversationMaxMessages?: number;
  /** Where the agent's own entries go: calls of local tools, refusals, stops. Tool servers write their own. */
  readonly audit: Pick<AuditLog, "append">;
  /** What scans messages, answers, tool results and memories: `defaultScanner()`, a scanner of one's own, or a guard. */
  readonly guardrails?: Scanner | TextGuard;
  /** What it remembers of each person: `agentMemory({ … })`, or a provider, which is read before each turn and never written by itself. */
  readonly memory?: AgentMemory | MemoryProvider | TurnMemory;
  readonly cache?: AnswerCache;
  /** How much of its tools the model is shown: a level (`off` unless set), a level with its options, or a chooser of one's own. */
  readonly optimizeTools?: ToolLevel | ToolChoiceOptions | ToolChooser;
  readonly budgets?: Budgets;
  readonly observe?: AgentObserver | readonly AgentObserver[];
  readonly limits?: Partial<AgentLimits>;
  /** Wall time of one turn in milliseconds; short for `limits.timeMs`. */
  readonly maxInvocationMs?: number;
  /** How many agents may stand between the first one and the last. 3 unless set. */
  readonly maxDelegationDepth?: number;
  readonly clock?: Clock;
  /** For keys and model settings; this process's unless given. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface TurnOptions {
  /** Whoever `withTurnCaller` runs the program for, unless named here. */
  readonly caller?: TurnCaller;
  /** The conversation: the id of an earlier one of the caller's, or a new random one (`generateSessionId`). */
  readonly sessionId?: string;
  readonly signal?: AbortSignal;
  readonly runOptions?: RunOptions;
}

/** Questions of the agent before its calls; each for the person that it is for, by themselves. */
export interface OwnApprovals {
  /** Oldest first. Throws `first_party_session_required` for a caller with a deputy. */
  list(options: { readonly caller: TurnCaller }): Promise<readonly ApprovalQuestion[]>;
  /** Throws the same, and `not_found` for another's as for none. */
  approve(id: string, options: { readonly caller: TurnCaller }): Promise<void>;
  refuse(id: string, options: { readonly caller: TurnCaller }): Promise<void>;
}

/** An agent for many people. Everything that fails does so with a `DeputizeError`. */
export interface BuiltAgent {
  readonly name: string;
  readonly description: string;
  readonly model: { readonly name: string; readonly offline: boolean };
  /** The audience that tokens for this agent name. */
  readonly audience: string | undefined;
  /** What the agent remembers of its callers, for them to see, correct and remove; absent without a provider of memories. */
  readonly memory?: OwnMemories<TurnCaller>;
  /** What waits for an answer of its caller's, where `approvals` has an `approvalQueue()`. */
  readonly approvals?: OwnApprovals;
  /** What it did since it was built, in this process. */
  stats(): AgentStats;
  /** The core underneath, for servers that mount it. */
  readonly core: Agent;
  /** One turn; answers the text. Throws what ended the turn, where it failed. */
  chat(message: string, options?: TurnOptions): Promise<string>;
  /** One turn with everything that it did. A turn that failed says so in `status` and `problem`. */
  run(message: string, options?: TurnOptions): Promise<TurnResult>;
  /** The same, as it happens. */
  stream(message: string, options?: TurnOptions): AsyncIterable<TurnEvent>;
  /** Goes on with the turn that waits for this approval, which the person has decided at the authority. */
  resume(
    approvalId: string,
    options: Omit<TurnOptions, "sessionId"> & { readonly decision: ApprovalDecision },
  ): Promise<TurnResult>;
  stop(runId: string, options: { readonly caller: TurnCaller }): Promise<void>;
  listSessions(options: {
    readonly caller: TurnCaller;
    readonly limit?: number;
    readonly cursor?: string;
  }): Promise<{ readonly sessions: readonly ConversationSummary[]; readonly next?: string }>;
  /** Throws `not_found`, in the same words for a missing and for somebody else's. */
  getSession(sessionId: string, options: { readonly caller: TurnCaller }): Promise<Conversation>;
  renameSession(
    sessionId: string,
    title: string,
    options: { readonly caller: TurnCaller },
  ): Promise<ConversationSummary>;
  deleteSession(sessionId: string, options: { readonly caller: TurnCaller }): Promise<void>;
  /** Verifies what a program presents. Throws `invalid_token`, and `forbidden` for a token of somebody else. */
  admit(caller: TurnCaller): Promise<AgentCaller>;
  /** Stops what runs, and closes what the agent opened itself. Stores that were handed in stay open. */
  close(): Promise<void>;
}

const DEPTH_MAX = 3;
/** How many agents stand between the first one and this work. */
const depth = new AsyncLocalStorage<number>();

/** Makes an agent. Throws `config_invalid` for options that cannot work, with the fix in the message. */
export async function buildAgent(options: BuildAgentOptions): Promise<BuiltAgent> {
  const { name = "agent", identity, clock = systemClock, maxDelegationDepth = DEPTH_MAX } = options;
  const handler = options.approvals?.handler;
  const model = modelOf(options);
  const guard = guardOf(options.guardrails);
  const memory = turnMemoryOf(options.memory, guard);
  const chooser = chooserOf(options.optimizeTools);
  const sources = Object.entries(options.servers ?? {}).map(([server, spec]) => spec.source(server, clock));
  const kept = keepStats(clock.nowMs());
  const core = createAgent({
    name,
    description: options.description ?? "",
    model,
    instructions: options.instructions,
    toolSources: [
      ...sources,
      ...ownTools(options.extraTools ?? []),
      ...(chooser?.source ? [chooser.source] : []),
    ],
    conversations: options.conversations,
    audit: options.audit,
    clock,
    limits: limitsOf(options),
    observers: [kept.observer, options.observe ?? []].flat(),
    ...(options.principal !== undefined && { principal: options.principal }),
    ...(guard && { guard }),
    ...(memory && { memory }),
    ...(options.cache && { cache: options.cache }),
    ...(options.budgets && { budgets: options.budgets }),
    ...(options.approvals && { approvals: options.approvals }),
    ...(chooser && { chooser }),
    ...(options.onFault && { onFault: options.onFault }),
  });

  const giveBack = takeName(options.conversations, name);

  async function admit(named?: TurnCaller): Promise<AgentCaller> {
    const caller = turnCaller(named);
    if (!(caller instanceof PresentedCaller)) return caller;
    if (!identity) {
      throw new DeputizeError(
        "config_invalid",
        "this agent cannot verify tokens; give buildAgent an `identity`, such as exchangeIdentity({ … })",
      );
    }
    return identity.admit(caller);
  }

  /** `nested`: asked from within another turn, whose tools' words are nobody's own unless their label says so [SR-07]. */
  async function request(
    message: string,
    { caller, sessionId, signal, ...turn }: TurnOptions,
    nested: boolean,
  ): Promise<TurnRequest> {
    const runOptions: RunOptions | undefined = nested
      ? { inputLabel: UNKNOWN_LABEL, personMessage: "", ...turn.runOptions }
      : turn.runOptions;
    return {
      ...(await admit(caller)),
      message,
      ...(sessionId !== undefined && { conversationId: sessionId }),
      ...(signal && { signal }),
      ...(runOptions && { runOptions }),
    };
  }

  /** Runs work one agent deeper. Throws `depth_exceeded`. */
  function goDeeper(): <T>(work: () => T) => T {
    const here = depth.getStore() ?? 0;
    if (here > maxDelegationDepth) {
      throw new DeputizeError("depth_exceeded", `agents call each other ${maxDelegationDepth} deep at most`);
    }
    return (work) => depth.run(here + 1, work);
  }

  const isNested = (): boolean => depth.getStore() !== undefined;

  const run = async (message: string, turn: TurnOptions = {}): Promise<TurnResult> => {
    const nested = isNested();
    return goDeeper()(async () => {
      const asked = await request(message, turn, nested);
      return withTurnCaller(asked, () => core.run(asked));
    });
  };

  return {
    name,
    description: core.description,
    model: core.model,
    audience: identity?.audience,
    core,
    ...(memory?.provider && {
      memory: ownMemories(memory.provider, async (one: TurnCaller) => (await admit(one)).caller),
    }),
    ...(isQueue(handler) && {
      approvals: {
        list: async ({ caller }) => handler.list((await admit(caller)).caller),
        approve: async (id, { caller }) => handler.decide((await admit(caller)).caller, id, "approve"),
        refuse: async (id, { caller }) => handler.decide((await admit(caller)).caller, id, "refuse"),
      },
    }),
    stats: kept.stats,
    admit,
    run,
    async chat(message, turn) {
      const result = await run(message, turn);
      if (result.problem) throw new DeputizeError(result.problem.code, result.problem.detail);
      return result.response;
    },
    async *stream(message, turn = {}) {
      const deeper = goDeeper();
      const asked = await request(message, turn, isNested());
      const within = <T>(work: () => T): T => deeper(() => withTurnCaller(asked, work));
      const events = within(() => core.stream(asked)[Symbol.asyncIterator]());
      try {
        // Each step is taken in our context: a generator runs in that of whoever asks for the step.
        for (;;) {
          const step = await within(() => events.next());
          if (step.done === true) return;
          yield step.value;
        }
      } finally {
        await events.return?.();
      }
    },
    resume: async (approvalId, { caller, decision, signal, runOptions }) =>
      goDeeper()(async () => {
        const admitted = await admit(caller);
        return withTurnCaller(admitted, () =>
          core.resumeRun({
            ...admitted,
            approvalId,
            decision,
            ...(signal && { signal }),
            ...(runOptions && { runOptions }),
          }),
        );
      }),
    stop: async (runId, { caller }) => core.stop({ caller: (await admit(caller)).caller, runId }),
    async listSessions({ caller, ...page }) {
      const { conversations, ...rest } = await core.conversations.list((await admit(caller)).caller, page);
      return { sessions: conversations, ...rest };
    },
    getSession: async (id, { caller }) => core.conversations.get((await admit(caller)).caller, id),
    renameSession: async (id, title, { caller }) =>
      core.conversations.rename((await admit(caller)).caller, id, title),
    deleteSession: async (id, { caller }) => core.conversations.delete((await admit(caller)).caller, id),
    async close() {
      await core.close();
      giveBack();
      await identity?.close();
    },
  };
}

function guardOf(guardrails: BuildAgentOptions["guardrails"]): TextGuard | undefined {
  return guardrails && "scan" in guardrails ? scannerGuard(guardrails) : guardrails;
}

function turnMemoryOf(
  memory: BuildAgentOptions["memory"],
  scan: TextGuard | undefined,
): (TurnMemory & Partial<AgentMemory>) | undefined {
  return memory && "search" in memory ? agentMemory({ provider: memory, ...(scan && { scan }) }) : memory;
}

function chooserOf(setting: BuildAgentOptions["optimizeTools"] = "off"): ToolChooser | undefined {
  return typeof setting === "object" && "choose" in setting ? setting : toolChooser(setting);
}

function modelOf({ model, fallback = [], env = process.env, clock }: BuildAgentOptions): ResolvedModel {
  const models = [model, ...fallback].map((one) =>
    typeof one === "string" || "specificationVersion" in one ? modelFrom(one, env) : one,
  );
  const [only] = models;
  return only && models.length === 1 ? only : fallbackChain(models, clock && { clock });
}

function limitsOf({
  limits,
  maxInvocationMs,
  conversationMaxMessages,
}: BuildAgentOptions): Partial<AgentLimits> {
  return {
    ...limits,
    ...(maxInvocationMs !== undefined && { timeMs: maxInvocationMs }),
    ...(conversationMaxMessages !== undefined && { historyMessages: conversationMaxMessages }),
  };
}

/** Tools of this process: those by themselves share one source. */
function ownTools(tools: NonNullable<BuildAgentOptions["extraTools"]>): readonly ToolSource[] {
  const alone = tools.filter((tool): tool is LocalTool => !("list" in tool));
  const sources = tools.filter((tool): tool is ToolSource => "list" in tool);
  return alone.length === 0 ? sources : [localTools("local", alone), ...sources];
}
