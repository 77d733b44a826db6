/**
 * An agent as a tool of another one in the same process.
 *
 * Guarantees: the nested agent acts for the same person. One with an identity of its own gets a token that the authority made for
 * its audience, and verifies it, so that the chain of actors grows by a hop; one without acts with its caller's way to tokens,
 * and can name no other. Its words come back with the label of what they were made from [SR-07], and what it is told carries
 * the label of whoever told it. Its cards, approvals and steps reach the person.
 */
import { isDeputizeError } from "@deputize/core";
import { z } from "zod";
import type { TurnAccount } from "../agent-types.ts";
import type { TurnResult } from "../events.ts";
import type { BuiltAgent } from "../build-agent.ts";
import { createCaller } from "../identity/agent-caller.ts";
import type { TurnCaller } from "../identity/turn-caller.ts";
import type { LocalTool } from "./local-tools.ts";
import type { TokenOptions, ToolContext, ToolOutcome } from "./tool-source.ts";

const MESSAGE_MAX = 8_000;

export interface AgentToolOptions {
  /** `ask_<agent>` unless set. */
  readonly name?: string;
  readonly description?: string;
  /**
   * Its data is in the database that this agent's cache asks for versions, so that an answer made with it may be kept. False unless
   * set: the versions of two databases say nothing to each other.
   */
  readonly sameData?: boolean;
}

/** Lets another agent ask `agent`. */
export function agentTool(agent: BuiltAgent, options: AgentToolOptions = {}): LocalTool {
  async function callerFor({ caller, authority }: ToolContext): Promise<TurnCaller> {
    const { audience } = agent;
    if (audience === undefined) return { caller, authority };
    const admitted = async (options?: TokenOptions): Promise<TurnCaller> => {
      const bearerToken = await authority.tokenFor(audience, options);
      return agent.admit(createCaller({ bearerToken, userId: caller.subject }));
    };
    try {
      return await admitted();
    } catch (error) {
      // Refused before anything was done [PR-D48].
      if (!isDeputizeError(error, "invalid_token")) throw error;
      return admitted({ fresh: true });
    }
  }

  return {
    name: options.name ?? `ask_${agent.name.replaceAll("-", "_")}`,
    description: options.description ?? `Asks the agent ${agent.name}. ${agent.description}`.trim(),
    input: z.strictObject({ message: z.string().trim().min(1).max(MESSAGE_MAX) }),
    asks: [agent.name],
    unpriced: agent.core.unpriced,
    async call({ args, approval }, context): Promise<ToolOutcome> {
      let account: TurnAccount | undefined;
      const common = { caller: await callerFor(context), signal: context.signal };
      const personConversationId = context.personConversationId ?? context.conversationId;
      const same = {
        personConversationId,
        onAccount: (told: TurnAccount) => {
          account = told;
        },
        ...(context.costMustBeKnown && { costMustBeKnown: true }),
        ...(context.correlationId !== undefined && { correlationId: context.correlationId }),
      };
      const result = approval
        ? await agent.resume(approval.id, {
            ...common,
            decision: approval.decision,
            runOptions: same,
          })
        : await agent.run(String(args["message"]), {
            ...common,
            // A follow-up finds its subject: one conversation of the nested agent for one of the asking agent.
            sessionId: context.conversationId,
            runOptions: {
              inputLabel: context.label,
              personMessage: context.personMessage,
              ...same,
            },
          });
      return outcomeOf(agent, result, context, account, options.sameData === true);
    },
  };
}

/** What the nested turn was, as the outcome of a call. */
function outcomeOf(
  agent: BuiltAgent,
  result: TurnResult,
  context: ToolContext,
  account: TurnAccount | undefined,
  sameData: boolean,
): ToolOutcome {
  for (const step of result.steps) context.emit({ event: "tool", data: step });
  const pending = result.approvals.findLast((one) => one.status === "pending");
  const common = {
    label: result.label,
    cards: result.cards,
    resource: `agent:${agent.name}`,
    steps: result.steps,
    agents: result.agents_involved,
    ...(account && { used: account.used }),
    ...(sameData &&
      account?.rests && {
        reads: {
          effect: "read" as const,
          ...account.rests,
          ...(agent.audience !== undefined && { audiences: [agent.audience] }),
        },
      }),
  };
  if (result.status === "waiting" && pending) {
    return { status: "waiting", content: { waits: pending.summary }, approval: pending, ...common };
  }
  const status = result.status === "done" ? "done" : "failed";
  return { status, content: { answer: result.response }, ...common };
}
