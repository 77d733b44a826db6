/**
 * A task's right calls as a customer's assistant makes them: an agent whose model asks for one after another, in the context that
 * grows with each answer. The customer says yes to every card.
 *
 * Guarantees: a step counts as needless when the desk refuses what its policy allows, asks about what changes nothing, or asks more
 * than once about one change.
 */
import { InMemoryConversationStore, type TurnResult, createAgent, mcpTools } from "@deputize/agent";
import { scriptedModel } from "@deputize/agent/testing";
import { newId } from "@deputize/core";
import type { Desk, DeskCustomer } from "../desk.ts";
import type { Action } from "./tasks.ts";

export interface AssistedStep {
  readonly name: string;
  /** How often the customer was asked about calls of this tool so far beyond once for each change, or that it was refused. */
  readonly needless: string | undefined;
}

/** `refusedByPolicy` says of a call, by its place, whether the desk is right to refuse it; `changes` whether a tool changes anything. */
export async function assist(
  desk: Desk,
  customer: DeskCustomer,
  actions: readonly Action[],
  is: { readonly changes: (name: string) => boolean; readonly refusedByPolicy: (index: number) => boolean },
): Promise<readonly AssistedStep[]> {
  const steps = actions.length + 2;
  const model = scriptedModel([
    ...actions.map(({ name, arguments: args }) => ({ calls: [{ tool: name, args }] })),
    { text: "That is all." },
  ]);
  const agent = createAgent({
    name: "desk-assistant",
    description: "a customer's assistant",
    instructions: "Do what the customer asks.",
    model,
    toolSources: [
      mcpTools({
        name: "desk",
        trust: true,
        url: desk.url,
        fetch: async (...sent) => desk.fetch(new Request(...sent)),
      }),
    ],
    conversations: new InMemoryConversationStore(),
    audit: { append: async () => newId() },
    limits: { steps, tokens: steps * 1_000 },
  });
  const { caller, token } = customer;
  const acting = { caller, authority: { tokenFor: async () => token } };
  const asked = new Map<string, number>();
  const ended = new Map<string, string>();
  const take = (result: TurnResult): void => {
    for (const { call_id, status } of result.steps) ended.set(call_id, status);
  };
  let result = await agent.run({ ...acting, message: "Do what I asked for." });
  take(result);
  for (;;) {
    const card = result.approvals.findLast(({ status }) => status === "pending");
    if (result.status !== "waiting" || !card) break;
    asked.set(card.tool, (asked.get(card.tool) ?? 0) + 1);
    await customer.decide(card.id, "approve");
    result = await agent.resumeRun({ ...acting, approvalId: card.id, decision: "approve" });
    take(result);
  }
  const statuses = [...ended.values()];
  return actions.map(({ name }, index) => {
    if (statuses[index] !== "done" && !is.refusedByPolicy(index))
      return { name, needless: `ended as ${statuses[index] ?? "never made"}` };
    const left = asked.get(name) ?? 0;
    if (left === 0) return { name, needless: undefined };
    asked.set(name, left - 1);
    if (!is.changes(name)) return { name, needless: "asked about what changes nothing" };
    const later = actions.slice(index + 1).filter((one) => one.name === name).length;
    return { name, needless: left - 1 > later ? "asked more than once" : undefined };
  });
}
