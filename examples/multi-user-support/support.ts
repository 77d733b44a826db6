/**
 * A support agent on the 30-tool server that any number of people talk to at once.
 *
 * Guarantees: one agent for the whole process; who asks is said by the token of each request, and by nothing else. Conversations,
 * memories, answers that are given again and what the tools show are each person's own. What cannot be undone waits for the person's
 * yes, given at their own sign-in.
 */
import {
  type AgentMemory,
  type BuildAgentOptions,
  type BuiltAgent,
  type ConversationStore,
  PostgresConversationStore,
  SemanticCache,
  type TurnResult,
  VectorProvider,
  agentMemory,
  buildAgent,
  createCaller,
  httpServer,
  storeVersions,
} from "deputize/agent";
import { type ActionPolicy, defaultScanner } from "deputize/guardrails";
import { type PersonKeeper, ownerKeeper } from "deputize/server";
import type { Desk } from "../customer-ops/installation.ts";

/** What may be switched on and off beside each other, in any combination; `buildAgent` says what each does. */
type Features = Pick<
  BuildAgentOptions,
  "approvals" | "fallback" | "observe" | "limits" | "budgets" | "optimizeTools"
>;

export interface SupportOptions extends Features {
  /** The default scanner unless told; false for none. */
  readonly guardrails?: BuildAgentOptions["guardrails"] | false;
  /** `offline` unless `DEPUTIZE_MODEL` or this says otherwise. */
  readonly model?: BuildAgentOptions["model"];
  /** In the desk's database unless told. Stays open. */
  readonly conversations?: ConversationStore;
  /** Each person's answers, for half an hour, unless told; false for none. */
  readonly cache?: SemanticCache | false;
  /** What a person asked to have remembered, in the desk's database, unless told; false for none. */
  readonly memory?: AgentMemory | false;
}

/** What a request brings: the person's own token, and the conversation that they are in. */
export interface UserMessage {
  readonly token: string;
  readonly userId?: string;
  readonly sessionId: string;
  readonly message: string;
}

export interface Support extends AsyncDisposable {
  readonly agent: BuiltAgent;
  /** What the agent keeps of people, for the job that erases one; see `erasePerson`. */
  readonly keepers: readonly PersonKeeper[];
  /** One message of one person. */
  handleUserMessage(message: UserMessage): Promise<TurnResult>;
  /** Goes on with what waited, once the person has decided it. */
  goOn(token: string, approvalId: string): Promise<TurnResult>;
}

const INSTRUCTIONS = `You are the customer support of Acme Corp. Help people with their accounts, orders, billing and tickets.
Be concise and professional.`;

/** People are answered about themselves: their own address and telephone number may be said to them. */
const OWN_DATA: ActionPolicy = { output: { "personal.contact": "warn" } };

/** Opens the agent beside the desk, whose store has the agent's tables. */
export async function openSupport(desk: Desk, options: SupportOptions = {}): Promise<Support> {
  const {
    model = process.env["DEPUTIZE_MODEL"] ?? "offline",
    conversations = new PostgresConversationStore(desk.store),
    cache = new SemanticCache({
      scope: "per-user",
      defaultTtlMs: 1_800_000,
      versions: storeVersions(desk.store),
    }),
    guardrails = defaultScanner({ actions: OWN_DATA }),
    memory = agentMemory({ provider: new VectorProvider(desk.store) }),
    ...features
  } = options;
  const agent = await buildAgent({
    name: "support",
    model,
    instructions: INSTRUCTIONS,
    identity: desk.assistantIdentity,
    servers: {
      customer_ops: httpServer({
        trust: true,
        url: desk.mcpUrl,
        fetch: async (input, init) => desk.fetch(new Request(input, init)),
      }),
    },
    conversations,
    conversationMaxMessages: 50,
    audit: desk.audit,
    ...(cache && { cache }),
    ...(memory && { memory }),
    ...(guardrails && { guardrails }),
    ...features,
  });
  const callerOf = ({ token, userId }: Pick<UserMessage, "token" | "userId">) =>
    createCaller({ bearerToken: token, ...(userId !== undefined && { userId }) });
  return {
    agent,
    keepers: [
      ownerKeeper("conversations", (owner) => conversations.eraseOwner(owner)),
      ...(memory ? [ownerKeeper("memories", (owner) => memory.provider.eraseOwner(owner))] : []),
      ...(cache ? [ownerKeeper("answers", (owner) => cache.purgeUser(owner))] : []),
    ],
    handleUserMessage: ({ message, sessionId, ...who }) =>
      agent.run(message, { sessionId, caller: callerOf(who) }),
    goOn: (token, approvalId) =>
      agent.resume(approvalId, { caller: callerOf({ token }), decision: "approve" }),
    [Symbol.asyncDispose]: () => agent.close(),
  };
}
