/**
 * How an orchestrator picks its specialists: by the words of their names and descriptions.
 */
import type { ToolView } from "./arguments.ts";
import { answerFor } from "./answer.ts";
import type { Conversation } from "./conversation.ts";
import { REFERENCE, type Topic, clauses, readIntent } from "./intent.ts";
import type { Plan } from "./plan.ts";
import { askedFor } from "./task-plan.ts";

/** The tool that calls another agent: it takes an agent's name and a message. */
export function routingTool(tools: readonly ToolView[]): ToolView | undefined {
  return tools.find((tool) => "agent_name" in tool.properties && "message" in tool.properties);
}

const WORDS: Readonly<Record<Topic, RegExp>> = {
  orders: /order|track|cancel|shipping|delivery/g,
  profile: /profile|account|order|customer/g,
  products: /product|catalog|search|discover|shop/g,
};

/** Names of the agents: a closed list in the schema, or words with hyphens in the description. */
function agentNames(tool: ToolView): string[] {
  const schema = tool.properties["agent_name"];
  if (Array.isArray(schema?.enum)) return schema.enum.map(String);
  if (typeof schema?.const === "string") return [schema.const];
  const text = `${tool.description} ${schema?.description ?? ""}`;
  return [...new Set(text.match(/\b[a-z]+(?:-[a-z]+)+\b/g) ?? [])];
}

/** What the description says of one agent: from its name to the next agent's. */
function about(tool: ToolView, name: string, names: readonly string[]): string {
  const text = `${tool.description} ${tool.properties["agent_name"]?.description ?? ""}`.toLowerCase();
  const from = text.indexOf(name);
  if (from < 0) return "";
  const ends = names
    .filter((other) => other !== name)
    .map((other) => text.indexOf(other, from + name.length))
    .filter((at) => at > from);
  return text.slice(from + name.length, Math.min(text.length, ...ends));
}

/** The agent whose name and description have most of the words. */
function agentFor(tool: ToolView, sought: RegExp): string | undefined {
  const words = new RegExp(sought.source, "g");
  const names = agentNames(tool);
  const scored = names.map((name) => ({
    name,
    score:
      (name.match(words) ?? []).length * 3 +
      Math.min(2, (about(tool, name, names).match(words) ?? []).length),
  }));
  const best = scored.toSorted((a, b) => b.score - a.score)[0];
  return best && best.score > 0 ? best.name : undefined;
}

/** The next specialist to call, or the answer from what they said; undefined when none fits. */
export function routePlan(
  conversation: Conversation,
  tool: ToolView,
  topics: readonly Topic[],
): Plan | undefined {
  const messages = new Map<string, string[]>();
  const parts = clauses(conversation.text);
  const others = readIntent(conversation.text).kind === "others";
  const add = (sought: RegExp, text: string): boolean => {
    const name = agentFor(tool, sought);
    if (!name) return false;
    const sent = messages.get(name) ?? [];
    if (!sent.includes(text)) messages.set(name, [...sent, text]);
    return true;
  };
  /** Who does the clause's task, where it is one; else who knows its topics. */
  const send = (text: string, known: readonly Topic[]): void => {
    const [task] = others ? [] : askedFor(text);
    if (task && add(task.agent, text)) return;
    for (const topic of task?.about === "product" || task?.about === "products"
      ? ["products" as const]
      : known)
      add(WORDS[topic], text);
  };
  if (!others && parts.length > 1) {
    for (const part of parts) {
      const intent = readIntent(part);
      if (intent.kind === "ask" || askedFor(part).length > 0)
        send(part, intent.kind === "ask" ? intent.topics : []);
    }
  }
  if (messages.size === 0) send(conversation.text, topics);
  if (messages.size === 0) return undefined;

  const said: string[] = [];
  for (const [name, sent] of messages) {
    const done = conversation.answers.findLast(
      (answer) => answer.tool === tool.name && answer.args["agent_name"] === name,
    );
    if (!done)
      return {
        kind: "call",
        tool: tool.name,
        args: { agent_name: name, message: withReference(sent.join(" "), conversation) },
      };
    said.push(answerFor(done));
  }
  return { kind: "say", text: said.join("\n\n") };
}

/** A specialist does not hear what was said before: "cancel it" takes along which order "it" is. */
function withReference(message: string, { earlier }: Conversation): string {
  if (REFERENCE.test(message) || !/\b(?:it|that one|this one|(?:this|that|the|same) order)\b/i.test(message))
    return message;
  if (/\b(?:latest|last|newest|recent)\b/i.test(message)) return message;
  const before = earlier.map((text) => REFERENCE.exec(text)?.[0]).find((found) => found !== undefined);
  return before === undefined ? message : `${message} (order ${before})`;
}
