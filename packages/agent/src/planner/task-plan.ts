/**
 * How a task is done: by one call of its tool, after further calls that find what the person named in words. Each step is found
 * again from the answers so far, so the same conversation always goes the same way.
 */
import { OWN_ONLY, answerFor, memoriesIn, ordersIn, productsIn } from "./answer.ts";
import { type ToolView, fillArguments, isUuidSchema, subjectWords } from "./arguments.ts";
import { toolFor } from "./capability.ts";
import type { Conversation, Data, ToolAnswer } from "./conversation.ts";
import { comparison } from "./describe.ts";
import { REFERENCE } from "./intent.ts";
import { type Task, TASKS, tasksOf, toolForTask } from "./tasks.ts";

export type Step =
  | { readonly kind: "call"; readonly tool: ToolView; readonly args: Readonly<Record<string, unknown>> }
  | { readonly kind: "say"; readonly text: string };

export interface TaskGoal {
  /** What was asked for; `tool` may be that of a task which answers instead. */
  readonly task: Task;
  readonly tool: ToolView;
  readonly text: string;
}

const SEARCHES = /\b(?:find|search|looking for|recommend|suggest)\b/i;
const REFERS_BACK = /\b(?:it|its|that one|this one|them|they|this|that)\b/i;
const MEMORY = new Set(["recall", "forget", "remember"]);

/** The clause's task and the offered tool for it; undefined where it is no task, or nothing here does it. */
export function taskGoal(
  text: string,
  tools: readonly ToolView[],
  conversation: Conversation,
): TaskGoal | undefined {
  for (const task of askedFor(text)) {
    const found = toolForTask(task, tools);
    if (!found) continue;
    if (found.task.about === "product" && thingOf(text, task, conversation) === undefined) continue;
    return { task, tool: found.tool, text };
  }
  return undefined;
}

/** The tasks that a clause asks for; a search for things and an order's number speak of something else. */
export function askedFor(text: string): Task[] {
  return tasksOf(text).filter(({ name, about }) => {
    if (MEMORY.has(name)) return true;
    if (SEARCHES.test(text)) return false;
    return !(REFERENCE.test(text) && (about === "product" || about === "products"));
  });
}

/** The task whose tools do not exist here, for saying so. */
export const unableTask = (text: string): Task | undefined =>
  askedFor(text).find(({ instead }) => instead === undefined);

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** The answer to exactly this call. */
function answered(answers: readonly ToolAnswer[], tool: ToolView, args: unknown): ToolAnswer | undefined {
  return answers.find((answer) => answer.tool === tool.name && same(answer.args, args));
}

const say = (text: string): Step => ({ kind: "say", text });

/** The next step of the task. */
export function pursueTask(goal: TaskGoal, tools: readonly ToolView[], conversation: Conversation): Step {
  const { task } = goal;
  const about = toolForTask(task, tools)?.task.about ?? task.about;
  if (task.about === "products") return compare(goal, tools, conversation);
  const resolved = about === "nothing" ? { found: {} } : resolve(about, goal, tools, conversation);
  if ("step" in resolved) return resolved.step;
  return finish(goal, { ...argumentsOf(goal, conversation), ...resolved.found }, conversation);
}

/** What the clause itself says for the tool's arguments. */
function argumentsOf({ task, tool, text }: TaskGoal, conversation: Conversation): Record<string, unknown> {
  const args: Record<string, unknown> = { ...fillArguments(tool, text).args };
  if (task.name === "remember") {
    const name = ["content", "text", "memory", "fact"].find((one) => one in tool.properties);
    const content = remembered(text);
    if (name !== undefined && content !== undefined) args[name] = content;
  }
  if (task.name === "recall") for (const name of ["query", "search", "text"]) delete args[name];
  const query = ["query", "search", "keywords"].find((one) => one in tool.properties);
  if (query !== undefined && task.about === "product") {
    const thing = thingOf(text, task, conversation);
    if (thing !== undefined) args[query] = thing;
  }
  return args;
}

/** What is to be remembered, in the person's own words. */
function remembered(text: string): string | undefined {
  const said =
    /(?:remember|memori[sz]e|keep in mind|bear in mind|don['’]?t forget|make a note|note down|take note|note|for (?:the )?future reference)\b[\s,:]*(?:that|this|of the fact that)?[\s,:]*(.+)$/is.exec(
      text,
    )?.[1] ?? /^(.{3,}?)[\s,.;:–-]*(?:please )?(?:remember|keep|note) (?:that|this|it)\W*$/is.exec(text)?.[1];
  return said?.replace(/[\s.!]+$/, "").trim() || undefined;
}

function finish(
  { task, tool, text }: TaskGoal,
  args: Record<string, unknown>,
  conversation: Conversation,
): Step {
  const done = answered(conversation.answers, tool, args);
  if (done) return say(answerFor(done, { task: task.name, what: whatOf(text) }));
  const missing = tool.required.filter((name) => !(name in args));
  if (missing.length > 0) return say(`To do that I also need ${missing.join(", ").replaceAll("_", " ")}.`);
  return { kind: "call", tool, args };
}

const whatOf = (text: string): string | undefined => {
  const reference = REFERENCE.exec(text)?.[0];
  return reference && `order ${reference}`;
};

type Resolved = { readonly found: Record<string, unknown> } | { readonly step: Step };

function resolve(
  about: Task["about"],
  goal: TaskGoal,
  tools: readonly ToolView[],
  conversation: Conversation,
): Resolved {
  if (about === "memory") return resolveMemory(goal, tools, conversation);
  if (about === "order") return resolveOrder(goal, tools, conversation);
  const thing = thingOf(goal.text, goal.task, conversation);
  return thing === undefined
    ? { step: say("Which product do you mean?") }
    : resolveProduct(thing, goal.tool, tools, conversation);
}

const idArgument = (tool: ToolView, kind: RegExp): string | undefined => {
  const names = Object.keys(tool.properties);
  return names.find((name) => kind.test(name)) ?? names.find((name) => /^id$/.test(name));
};

/** The product's name in the clause, or that of the product which was spoken of last. */
function thingOf(text: string, { strip }: Task, { earlier }: Conversation): string | undefined {
  const rest = strip ? text.replaceAll(strip, " ") : text;
  const thing = subjectWords(withoutAmounts(rest))
    .replaceAll(/(?:^|\s)'s\b/g, " ")
    .trim();
  if (thing !== "") return thing;
  if (!REFERS_BACK.test(text)) return undefined;
  for (const said of earlier) {
    const named = /(?:^|\n)(?:- |I found one: )?([^\n:]{2,80}): \$\d/.exec(said)?.[1];
    if (named !== undefined) return named;
  }
  return undefined;
}

const withoutAmounts = (text: string): string =>
  text.replaceAll(/\$\s?\d[\d,.]*|\b\d+\s+(?:of|x|×)\b/gi, " ");

/** The product by its name: through the search that is offered, or as it was said. */
function resolveProduct(
  thing: string,
  tool: ToolView,
  tools: readonly ToolView[],
  { answers }: Conversation,
): Resolved {
  const argument = idArgument(tool, /^(?:product|product_id|item|item_id|product_name)$/);
  if (argument === undefined) return { found: {} };
  const search = toolFor("products", tools);
  const query = search && ["query", "search", "keywords", "text"].find((name) => name in search.properties);
  if (!search || query === undefined) {
    return isUuidSchema(tool.properties[argument])
      ? { step: say("Which product do you mean? I need its id.") }
      : { found: { [argument]: thing } };
  }
  if (search.name === tool.name) return { found: { [query]: thing } };
  const args = { [query]: thing };
  const listed = answered(answers, search, args);
  if (!listed) return { step: { kind: "call", tool: search, args } };
  const product = listed.status === "done" ? productsIn(listed.data)[0] : undefined;
  if (!product) return { step: say(answerFor(listed, { capability: "products" })) };
  return { found: { [argument]: product["id"] ?? product["slug"] } };
}

function resolveOrder(
  { task, tool, text }: TaskGoal,
  tools: readonly ToolView[],
  { answers, earlier }: Conversation,
): Resolved {
  const argument = idArgument(tool, /^order(?:_id|_number)?$/);
  if (argument === undefined) {
    const other = idArgument(tool, /_id$/);
    const named = REFERENCE.exec(text)?.[0];
    if (other === undefined || !tool.required.includes(other)) return { found: {} };
    return named === undefined ? { found: {} } : { found: { [other]: named.replace(/^#/, "") } };
  }
  const named =
    REFERENCE.exec(text)?.[0] ??
    (REFERS_BACK.test(text) ? earlier.map((said) => REFERENCE.exec(said)?.[0]).find(Boolean) : undefined);
  const uuidOnly = isUuidSchema(tool.properties[argument]);
  const plain = named?.replace(/^#/, "");
  if (plain !== undefined && !/^\d+$/.test(plain) && (!uuidOnly || plain.length === 36))
    return { found: { [argument]: plain.length === 36 ? plain.toLowerCase() : plain.toUpperCase() } };
  const lister = toolFor("orders", tools);
  if (!lister) {
    return plain === undefined || uuidOnly
      ? { step: say("Which order do you mean? Please tell me its number.") }
      : { found: { [argument]: plain } };
  }
  const listed = answered(answers, lister, {});
  if (!listed) return { step: { kind: "call", tool: lister, args: {} } };
  if (listed.status !== "done") return { step: say(answerFor(listed)) };
  const orders = ordersIn(listed.data);
  const order = plain === undefined ? fitting(orders, task.name) : numbered(orders, plain);
  if (!order) {
    return {
      step: say(
        plain === undefined
          ? "You have no order for which that could be done."
          : `I couldn't find order ${plain} among your own. ${OWN_ONLY}`,
      ),
    };
  }
  return { found: { [argument]: order["id"] ?? order["number"] } };
}

const numbered = (orders: readonly Data[], plain: string): Data | undefined =>
  orders.find((order) =>
    [order["number"], order["id"]].some((value) => {
      const own = String(value).toLowerCase();
      return own === plain.toLowerCase() || own.endsWith(`-${plain.toLowerCase()}`);
    }),
  );

/** The newest order that is in a state for the task. */
function fitting(orders: readonly Data[], task: string): Data | undefined {
  const states: Readonly<Record<string, readonly string[]>> = {
    return: ["delivered"],
    "can return": ["delivered"],
    "return status": ["returned"],
    address: ["placed", "confirmed"],
  };
  const wanted = states[task];
  return wanted ? orders.find((order) => wanted.includes(String(order["status"]))) : orders[0];
}

/** The memory whose words the person used. */
function resolveMemory(
  { task, tool, text }: TaskGoal,
  tools: readonly ToolView[],
  { answers }: Conversation,
): Resolved {
  const argument = idArgument(tool, /^memory(?:_id)?$/);
  const recall = TASKS.find(({ name }) => name === "recall");
  const lister = recall && toolForTask(recall, tools)?.tool;
  if (argument === undefined) return { found: {} };
  if (!lister) return { step: say("Which memory do you mean?") };
  const about = (task.strip ? text.replaceAll(task.strip, " ") : text)
    .replaceAll(/[^\p{L}\p{N}\s'’-]/gu, " ")
    .replaceAll(/\b(?:please|that|about|me|my|i|the|can|could|you|it|this|now|of)\b/gi, " ")
    .replaceAll(/\s+/g, " ")
    .trim();
  if (about === "" || /^(?:everything|all|anything)\b/i.test(about)) {
    return {
      step: say(
        "I forget one thing at a time: tell me which. On the page about your memory you can remove them all.",
      ),
    };
  }
  const args = "query" in lister.properties ? { query: about } : {};
  const listed = answered(answers, lister, args);
  if (!listed) return { step: { kind: "call", tool: lister, args } };
  if (listed.status !== "done") return { step: say(answerFor(listed)) };
  const memory = memoriesIn(listed.data)[0];
  return memory ? { found: { [argument]: memory["id"] } } : { step: say("I remember nothing like that.") };
}

const PARTS = /\s*(?:,|\band\b|\bwith\b|\bvs\.?(?=\s)|\bversus\b|\bor\b|\bto\b|\bagainst\b)\s*/i;

/** Several products: each is found, then all go to the tool that compares, or are looked at one by one. */
function compare(goal: TaskGoal, tools: readonly ToolView[], conversation: Conversation): Step {
  const { task, tool, text } = goal;
  const things = text
    .replaceAll(task.strip ?? /(?!)/g, " ")
    .replace(/\bbetween\b/i, " ")
    .split(PARTS)
    .map((part) => subjectWords(part))
    .filter((part) => part !== "")
    .slice(0, 3);
  if (things.length < 2) return say("Which products shall I compare? Please name two or three.");
  const list = Object.keys(tool.properties).find((name) =>
    /^(?:product_?)?ids$|^products$|^items$/.test(name),
  );
  const single: ToolView =
    list === undefined ? tool : { ...tool, properties: { product_id: { type: "string" } } };
  const found: unknown[] = [];
  for (const thing of things) {
    const one = resolveProduct(thing, single, tools, conversation);
    if ("step" in one) return one.step;
    found.push(...Object.values(one.found));
  }
  if (list !== undefined) return finish(goal, { [list]: found }, conversation);
  const argument = idArgument(tool, /^(?:product|product_id|item|item_id)$/);
  if (argument === undefined) return say("I have no way to compare products here.");
  const looked: ToolAnswer[] = [];
  for (const id of found) {
    const args = { [argument]: id };
    const answer = answered(conversation.answers, tool, args);
    if (!answer) return { kind: "call", tool, args };
    looked.push(answer);
  }
  return say(comparison(looked.flatMap(({ data }) => productsIn(data).slice(0, 1))));
}
