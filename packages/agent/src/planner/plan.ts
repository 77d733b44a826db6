/**
 * Decides what to do next: call one tool, or answer. A pure function of the conversation and the tools, so the
 * same question with the same answers always goes the same way.
 */
import { type ToolView, fillArguments, fillPerson, isUuidSchema } from "./arguments.ts";
import { OWN_ONLY, answerFor, ordersIn, productsIn } from "./answer.ts";
import { type Capability, capabilityOf, closestTool, namesPerson, toolFor } from "./capability.ts";
import type { Conversation, Data, ToolAnswer } from "./conversation.ts";
import { type Intent, REFERENCE, type Topic, clauses, readIntent } from "./intent.ts";
import { routePlan, routingTool } from "./route.ts";
import { type TaskGoal, pursueTask, taskGoal, unableTask } from "./task-plan.ts";

export type Plan =
  | { readonly kind: "call"; readonly tool: string; readonly args: Readonly<Record<string, unknown>> }
  | { readonly kind: "say"; readonly text: string };

const say = (text: string): Plan => ({ kind: "say", text });
const call = (tool: ToolView, args: Readonly<Record<string, unknown>>): Plan => ({
  kind: "call",
  tool: tool.name,
  args,
});

const HELP =
  "I can look up your orders and where they are, cancel one that hasn't shipped yet, show your profile, and find products, for example “find headphones under $200”.";

const FINAL: ReadonlySet<string> = new Set([
  "cancelled",
  "returned",
  "delivered",
  "shipped",
  "out_for_delivery",
]);

export function plan(conversation: Conversation, tools: readonly ToolView[]): Plan {
  const intent = readIntent(conversation.text);
  const router = routingTool(tools);
  if (intent.kind === "others") {
    return (router && routePlan(conversation, router, ["orders"])) ?? others(conversation, tools, intent);
  }
  const tasks = ownTasks(conversation, tools);
  if (tasks) return tasks;
  if (intent.kind === "greeting") return say(`Hello! ${HELP}`);
  if (intent.kind === "thanks") return say("You're welcome! Is there anything else I can do for you?");
  if (intent.kind === "help") return say(HELP);
  const topics: readonly Topic[] = intent.kind === "ask" ? intent.topics : [];
  if (router) {
    const routed = routePlan(conversation, router, topics.length > 0 ? topics : guessTopics(conversation));
    if (routed) return routed;
  }
  if (unableTask(conversation.text)) return unknown(conversation, tools);
  return topics.length > 0 ? ask(conversation, tools, topics) : unknown(conversation, tools);
}

/** What the clauses ask to have done by tools of this agent's own; undefined where it is nothing, or some is for somebody else. */
function ownTasks(conversation: Conversation, tools: readonly ToolView[]): Plan | undefined {
  const parts = clauses(conversation.text);
  const goals = parts.map((part) => taskGoal(part, tools, conversation));
  if (goals.every((goal) => goal === undefined)) return undefined;
  const said: string[] = [];
  const rest: string[] = [];
  for (const [at, part] of parts.entries()) {
    const goal: TaskGoal | undefined = goals[at];
    if (!goal) {
      rest.push(part);
      continue;
    }
    const step = pursueTask(goal, tools, conversation);
    if (step.kind === "call") return call(step.tool, step.args);
    said.push(step.text);
  }
  const others = rest.join(" ");
  if (others === "" || readIntent(others).kind !== "ask") return say(said.join("\n\n"));
  const further = plan({ ...conversation, text: others }, tools);
  return further.kind === "call" ? further : say([...said, further.text].join("\n\n"));
}

/** "Headphones" alone is a search; a bare "it" belongs to what was spoken of before. */
function guessTopics({ text }: Conversation): Topic[] {
  return text.split(/\s+/).length <= 4 && !/[?]/.test(text) && /^[\p{L}\p{N}\s'-]+$/u.test(text)
    ? ["products"]
    : [];
}

interface Goal {
  readonly capability: Capability;
  readonly text: string;
}

function goalsOf(conversation: Conversation, topics: readonly Topic[]): Goal[] {
  const goals: Goal[] = [];
  const add = (text: string, wanted: readonly Topic[]): void => {
    for (const topic of wanted) {
      const capability = capabilityOf(text, topic);
      if (!goals.some((goal) => goal.capability === capability)) goals.push({ capability, text });
    }
  };
  const parts = clauses(conversation.text);
  for (const part of parts) {
    const intent: Intent = readIntent(part);
    if (intent.kind === "ask") add(part, intent.topics);
  }
  if (goals.length === 0) add(conversation.text, topics);
  return goals;
}

function ask(conversation: Conversation, tools: readonly ToolView[], topics: readonly Topic[]): Plan {
  const said: string[] = [];
  for (const goal of goalsOf(conversation, topics)) {
    const tool = toolFor(goal.capability, tools) ?? fallbackFor(goal.capability, tools);
    if (!tool) {
      said.push(`I have no way to do that for you here. ${HELP}`);
      continue;
    }
    const step = pursue(conversation, tools, goal, tool);
    if (step.kind === "call") return step;
    said.push(step.text);
  }
  return say(said.join("\n\n") || HELP);
}

/** One order is in the list of all, and where it is stands in its details. */
function fallbackFor(capability: Capability, tools: readonly ToolView[]): ToolView | undefined {
  if (capability === "track") return toolFor("order", tools) ?? toolFor("orders", tools);
  if (capability === "order") return toolFor("orders", tools);
  if (capability === "product") return toolFor("products", tools);
  return undefined;
}

function pursue(conversation: Conversation, tools: readonly ToolView[], goal: Goal, tool: ToolView): Plan {
  const { answers } = conversation;
  const known = orderOf(answers, goal.text);
  const reference = REFERENCE.exec(goal.text)?.[0];
  const done = answers.findLast((answer) => answer.tool === tool.name);
  if (done) {
    const what = reference ? `order ${reference}` : undefined;
    if (goal.capability === "track" && done.status !== "done" && known) {
      return say(
        answerFor({ tool: tool.name, args: {}, status: "done", data: known }, { capability: "order" }),
      );
    }
    return say(answerFor(done, { capability: goal.capability, what, order: known }));
  }
  const filled = fillArguments(tool, goal.text);
  if (filled.missing.length === 0) return call(tool, filled.args);
  const missingId = filled.missing.find((name) => /(?:^|_)id$|_number$/.test(name));
  if (!missingId || filled.missing.length > 1)
    return say(`To do that I also need ${filled.missing.join(" and ").replaceAll("_", " ")}.`);
  return goal.capability === "product"
    ? resolveProduct(conversation, tools, goal, tool, missingId, filled.args)
    : resolveOrder(conversation, tools, goal, tool, missingId, filled.args);
}

/** The order that the words mean: by number, or the newest. */
function orderOf(answers: readonly ToolAnswer[], text: string): Data | undefined {
  const orders = answers.flatMap((answer) => (answer.status === "done" ? ordersIn(answer.data) : []));
  const reference = REFERENCE.exec(text)?.[0]?.replace(/^#/, "").toLowerCase();
  if (reference === undefined) return orders[0];
  return orders.find((order) =>
    [order["number"], order["id"]].some(
      (value) =>
        String(value).toLowerCase() === reference || String(value).toLowerCase().endsWith(`-${reference}`),
    ),
  );
}

const refersBack = (text: string): boolean =>
  /\b(?:it|that one|this one|(?:this|that|the|same) (?:order|package|parcel))\b/i.test(text) &&
  !/\b(?:latest|last|newest|recent)\b/i.test(text);

function resolveOrder(
  conversation: Conversation,
  tools: readonly ToolView[],
  goal: Goal,
  tool: ToolView,
  argument: string,
  args: Readonly<Record<string, unknown>>,
): Plan {
  const { answers, earlier } = conversation;
  const named = REFERENCE.exec(goal.text)?.[0];
  const before =
    named === undefined && refersBack(goal.text)
      ? earlier.map((text) => REFERENCE.exec(text)?.[0]).find(Boolean)
      : undefined;
  const uuidOnly = isUuidSchema(tool.properties[argument]);
  if (before !== undefined && (!uuidOnly || before.length === 36))
    return call(tool, { ...args, [argument]: before });

  const lister = toolFor("orders", tools);
  const wanted = before === undefined ? goal.text : `${goal.text} ${before}`;
  const listed = lister && answers.findLast((answer) => answer.tool === lister.name);
  if (!lister) {
    // Nothing here lists orders, so a number is taken as it was typed.
    return named === undefined || uuidOnly
      ? say("Which order do you mean? Please tell me its number.")
      : call(tool, { ...args, [argument]: named.replace(/^#/, "") });
  }
  if (!listed) {
    const filled = fillArguments(lister, goal.text).args;
    // All of them when one must be looked for by number or by whether it can still be cancelled.
    const whole = goal.capability === "cancel" || named !== undefined || before !== undefined;
    const { limit: _limit, status: _status, ...rest } = filled;
    if (whole) return call(lister, rest);
    return call(lister, "limit" in lister.properties ? { ...filled, limit: 1 } : filled);
  }
  if (listed.status !== "done") return say(answerFor(listed));
  const orders = ordersIn(listed.data);
  const order = orderOf([listed], wanted);
  if (!order) {
    return say(
      orders.length === 0
        ? "You have no orders yet."
        : `I couldn't find order ${named ?? ""} among your own. ${OWN_ONLY}`,
    );
  }
  if (goal.capability === "cancel") {
    const choice = cancellable(orders, order, named !== undefined || before !== undefined, goal.text);
    if (typeof choice === "string") return say(choice);
    return call(tool, { ...args, [argument]: choice["id"] ?? choice["number"] });
  }
  return call(tool, { ...args, [argument]: order["id"] ?? order["number"] });
}

/** The order to cancel, or why there is none. */
function cancellable(orders: readonly Data[], meant: Data, byName: boolean, text: string): Data | string {
  const open = orders.filter((order) => !FINAL.has(String(order["status"])));
  const name = (order: Data): string => String(order["number"] ?? order["id"]);
  if (byName || /\b(?:latest|last|newest|most recent)\b/i.test(text)) {
    if (!FINAL.has(String(meant["status"]))) return meant;
    const state = String(meant["status"]).replaceAll("_", " ");
    const others =
      open.length === 0 ? "" : ` You could still cancel ${open.slice(0, 5).map(name).join(", ")}.`;
    return `Order ${name(meant)} can't be cancelled any more: it is ${state}.${others}`;
  }
  if (open.length === 1 && open[0]) return open[0];
  if (open.length === 0)
    return "None of your orders can be cancelled any more: they have shipped, arrived or ended already.";
  return `Which one would you like to cancel? These still can be: ${open.slice(0, 8).map(name).join(", ")}.`;
}

function resolveProduct(
  { answers }: Conversation,
  tools: readonly ToolView[],
  goal: Goal,
  tool: ToolView,
  argument: string,
  args: Readonly<Record<string, unknown>>,
): Plan {
  const search = toolFor("products", tools);
  if (!search) return say("Which product do you mean?");
  const listed = answers.findLast((answer) => answer.tool === search.name);
  if (!listed) return call(search, fillArguments(search, goal.text).args);
  const product = listed.status === "done" ? productsIn(listed.data)[0] : undefined;
  if (!product) return say(answerFor(listed, { capability: "products" }));
  return call(tool, { ...args, [argument]: product["id"] ?? product["slug"] });
}

/** Somebody else's data: staff tools where the caller has one; otherwise a plain refusal that is on record. */
function others(
  conversation: Conversation,
  tools: readonly ToolView[],
  intent: Intent & { kind: "others" },
): Plan {
  const { text, answers } = conversation;
  const staff = tools.filter(namesPerson);
  const topic = /\bprofile|account|e-?mail|address\b/i.test(text) ? /profile|account|user|customer/ : /order/;
  const tool = staff.find((candidate) => topic.test(candidate.name)) ?? staff[0];
  if (tool && intent.why !== "instructions") {
    const done = answers.findLast((answer) => answer.tool === tool.name);
    if (done) return say(answerFor(done, { what: "that person" }));
    const filled = fillPerson(tool, text, intent.who);
    return filled.missing.length === 0
      ? call(tool, filled.args)
      : say("Whose data do you mean? Please give me an e-mail address.");
  }
  // An order's number is no identity: looked up as one's own, another's is simply not there.
  const reference = REFERENCE.exec(text)?.[0];
  const order = toolFor("order", tools);
  if (reference !== undefined && order && !isUuidSchema(order.properties[order.required[0] ?? ""])) {
    const looked = answers.findLast((answer) => answer.tool === order.name);
    if (!looked)
      return call(
        order,
        fillArguments(order, reference.startsWith("#") ? `order ${reference}` : reference).args,
      );
    if (looked.status === "done") return say(answerFor(looked, { capability: "order" }));
    return say(`I couldn't find order ${reference} among your own. ${OWN_ONLY}`);
  }
  const decline = tools.find((candidate) => candidate.name === "decline_request");
  if (decline && !answers.some((answer) => answer.tool === decline.name)) {
    return call(decline, {
      reason: intent.why === "instructions" ? "pasted_instructions" : "other_persons_data",
    });
  }
  if (intent.why === "instructions")
    return say(`Instructions inside a message don't change what I may do. ${OWN_ONLY}`);
  if (intent.why === "claim")
    return say(`Who you are is decided by how you signed in, not by what is said here. ${OWN_ONLY}`);
  return say(OWN_ONLY);
}

/** Nothing recognised: a tool that shares words with the question, or what can be done here. */
function unknown(conversation: Conversation, tools: readonly ToolView[]): Plan {
  const guessed = guessTopics(conversation);
  if (guessed.length > 0 && toolFor("products", tools)) return ask(conversation, tools, guessed);
  const tool = closestTool(conversation.text, tools);
  if (!tool) return say(`I'm not sure that I can help with that. ${HELP}`);
  const done = conversation.answers.findLast((answer) => answer.tool === tool.name);
  if (done) return say(answerFor(done));
  const filled = fillArguments(tool, conversation.text);
  return filled.missing.length === 0
    ? call(tool, filled.args)
    : say(`To do that I also need ${filled.missing.join(" and ").replaceAll("_", " ")}.`);
}
