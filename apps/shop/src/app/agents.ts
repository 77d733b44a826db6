/**
 * The shop's three agents: the front desk that people talk to, and its two specialists.
 *
 * Guarantees: a specialist has the tools of its own tool server only; the front desk has no tools of its own but what it remembers of
 * the person and asking specialists, and reaches them by A2A with an exchanged token.
 */
import {
  type Agent,
  type AgentObserver,
  PostgresConversationStore,
  type ResolvedModel,
  type ToolSource,
  createAgent,
  mcpTools,
  memoryTools,
} from "@deputize/agent";
import type { AuditLog } from "@deputize/audit";
import { type Caller, type Clock, scopeIsSubset } from "@deputize/core";
import type { GuardrailPart } from "@deputize/guardrails";
import { type AgentSkillInfo, specialistTools } from "@deputize/server";
import type { Store } from "@deputize/store";
import type { Kept } from "./kept.ts";
import { shopGuard } from "./guard.ts";
import { type Addresses, type AgentName, SPECIALISTS, agentId } from "./policy.ts";
import { instructionsFor } from "./prompts.ts";

export interface ShopAgentsOptions {
  readonly store: Store;
  readonly audit: Pick<AuditLog, "append">;
  readonly clock: Clock;
  readonly model: ResolvedModel;
  readonly addresses: Addresses;
  readonly fetch: typeof fetch;
  readonly onFault: (error: unknown, where: { readonly runId: string }) => void;
  readonly observers: readonly AgentObserver[];
  readonly kept: Kept;
  /** Which parts of the guardrails scan what the agents are told and say. */
  readonly guardrails: readonly GuardrailPart[];
}

/** Those whose answers are the better for knowing the person; what is remembered goes to their models. */
const REMEMBERING: ReadonlySet<AgentName> = new Set<AgentName>(["customer-support", "product-discovery"]);

const DESCRIPTIONS: Readonly<Record<AgentName, string>> = {
  "customer-support": "The front desk: sends each question to the specialist that can answer it.",
  "order-management": "Orders, tracking, cancelling and the profile of the person who asks.",
  "product-discovery": "Finding products in the catalogue, and their details.",
};

export const SKILLS: Readonly<Record<AgentName, readonly AgentSkillInfo[]>> = {
  "customer-support": [
    {
      id: "help",
      name: "Help",
      description: DESCRIPTIONS["customer-support"],
      examples: ["Where is my latest order?"],
    },
    {
      id: "memory",
      name: "Memory",
      description: "Remembers what the person asks to have remembered, tells it, and forgets it.",
      examples: ["Remember that I wear shoes of size 43"],
    },
  ],
  "order-management": [
    {
      id: "orders",
      name: "Orders",
      description: "Lists, shows and tracks the person's own orders.",
      examples: ["Where is my latest order?"],
    },
    {
      id: "cancel",
      name: "Cancel",
      description: "Cancels an order after the person's own approval.",
      examples: ["Cancel order ORD-10042"],
    },
    {
      id: "profile",
      name: "Profile",
      description: "Shows the person's own profile.",
      examples: ["What does my profile say?"],
    },
  ],
  "product-discovery": [
    {
      id: "search",
      name: "Search",
      description: "Finds products by words, category, price and rating.",
      examples: ["Headphones under $200"],
    },
  ],
};

/** A person's own grant names the agents that they permit; a token that an agent holds for them does not. */
function offers(caller: Caller, specialist: string): boolean | undefined {
  if (caller.actors.length > 0 || caller.subjectKind !== "user") return undefined;
  return scopeIsSubset([`use:agents:${specialist}`], caller.scopes);
}

/** Makes the agents. */
export function shopAgents(options: ShopAgentsOptions): Readonly<Record<AgentName, Agent>> {
  const { store, audit, clock, model, addresses, fetch, onFault, observers, kept, guardrails } = options;
  const conversations = new PostgresConversationStore(store);
  const make = (name: AgentName, toolSources: readonly ToolSource[]): Agent =>
    createAgent({
      name,
      principal: agentId(name),
      description: DESCRIPTIONS[name],
      instructions: instructionsFor(name),
      toolSources,
      model,
      conversations,
      audit,
      clock,
      onFault,
      observers,
      cache: kept.cache,
      ...(kept.budgets && { budgets: kept.budgets }),
      ...(REMEMBERING.has(name) && { memory: kept.memory }),
      ...shopGuard(guardrails),
    });
  const tools = (name: "orders" | "products"): ToolSource =>
    mcpTools({ name, trust: true, url: addresses.tools(name), fetch, clock });
  const specialists = SPECIALISTS.map((name) => ({
    name,
    description: DESCRIPTIONS[name],
    url: addresses.agent(name),
    account: true,
    sameData: true,
  }));
  return {
    "customer-support": make("customer-support", [
      specialistTools({ specialists, fetch, offers }),
      memoryTools({ provider: kept.memory.provider }),
    ]),
    "order-management": make("order-management", [tools("orders")]),
    "product-discovery": make("product-discovery", [tools("products")]),
  };
}
