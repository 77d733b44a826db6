/** What all turns of one agent share. */
import { type Caller, type Clock, DeputizeError, systemClock } from "@deputize/core";
import type { AgentLimits, AgentOptions } from "../agent-types.ts";
import { type ToolApprovals, toolApprovals } from "../approvals/tool-approvals.ts";
import type { ConversationRoom } from "../conversations/conversation-store.ts";
import type { TurnResult } from "../events.ts";
import { composeInstructions } from "../loop/instructions.ts";
import type { Lifeline } from "../loop/lifeline.ts";
import { priceKnown } from "../models/price.ts";
import { declineTool } from "../tools/decline-tool.ts";
import type { ToolSource } from "../tools/tool-source.ts";

export const DEFAULT_LIMITS: AgentLimits = {
  steps: 12,
  timeMs: 120_000,
  tokens: 60_000,
  toolCalls: 100,
  messageChars: 8_000,
  historyMessages: 30,
};

export interface AgentRuntime {
  readonly options: AgentOptions;
  readonly clock: Clock;
  readonly limits: AgentLimits;
  readonly approvals: ToolApprovals | undefined;
  readonly sources: readonly ToolSource[];
  readonly room: ConversationRoom;
  /** As `Agent.unpriced`. */
  readonly unpriced: readonly string[];
  /** Its own limits count money. */
  readonly costMustBeKnown: boolean;
  /** What runs in this process, by run. */
  readonly active: Map<string, { readonly lifeline: Lifeline; readonly result: Promise<TurnResult> }>;
  instructionsFor(caller: Caller): string;
}

/** Throws `config_invalid` when an option cannot work. */
export function agentRuntime(options: AgentOptions): AgentRuntime {
  const { name, audit } = options;
  const clock = options.clock ?? systemClock;
  const limits: AgentLimits = { ...DEFAULT_LIMITS, ...options.limits };
  if (!/^[a-z0-9][a-z0-9-]{0,63}$/.test(name)) {
    throw new DeputizeError("config_invalid", "an agent's name has lower-case letters, digits and `-`");
  }
  for (const [limit, value] of Object.entries(limits)) {
    if (!(Number.isSafeInteger(value) && value > 0))
      throw new DeputizeError("config_invalid", `the limit \`${limit}\` must be a positive whole number`);
  }
  if (limits.costMicros !== undefined && !priceKnown(options.model)) {
    throw new DeputizeError("config_invalid", "the limit `costMicros` needs a model with a `price`");
  }
  options.budgets?.accepts?.(options.model);
  const unpricedTools = options.toolSources.flatMap(({ unpriced = [] }) => unpriced);
  const costMustBeKnown = limits.costMicros !== undefined || options.budgets?.needsCost === true;
  if (costMustBeKnown && unpricedTools.length > 0) {
    throw new DeputizeError(
      "config_invalid",
      `a limit of money needs the price of all that is asked, and nobody can tell what ${unpricedTools.join(", ")} costs; give the model of that agent its \`price\`, or say who pays (\`account\`, \`paidBy\`)`,
    );
  }
  const unpriced = [...(priceKnown(options.model) ? [] : [name]), ...unpricedTools];
  const approvals = options.approvals && toolApprovals(options.approvals, clock);
  const instructionsFor = (caller: Caller): string =>
    composeInstructions(
      name,
      typeof options.instructions === "string" ? options.instructions : options.instructions(caller),
    );
  const sources = [declineTool(audit), ...options.toolSources];
  const room = options.conversations.open(name, clock);
  return {
    options,
    clock,
    limits,
    approvals,
    sources,
    room,
    unpriced,
    costMustBeKnown,
    active: new Map(),
    instructionsFor,
  };
}
