/**
 * Replays tasks against a desk, four times each: by their own customer who says yes, by that customer's assistant in the context of
 * an agent, by another customer, and by their own customer who is not asked.
 *
 * Guarantees: every replay begins at the file's own rows; after each one the whole database is compared, row by row, with
 * what an independent model of the policy expects. Does not: trust the desk's answers for that.
 */
import { isDeepStrictEqual } from "node:util";
import { newId } from "@deputize/core";
import { META, type ToolCallResult } from "@deputize/mcp";
import type { TestStore } from "@deputize/store/testing";
import { principalOf } from "../data/load.ts";
import { type Desk, type DeskCustomer, cardOf, openDesk } from "../desk.ts";
import { CHANGE_TOOLS } from "../tools/changes.ts";
import { assist } from "./assistant.ts";
import { leakFinder } from "./leaks.ts";
import { type DeskData, type Expected, OPEN_TOOLS, ReferenceDesk } from "./reference.ts";
import { type DeskRows, type Print, changedOwners, watchRows } from "./rows.ts";
import type { Action, Task } from "./tasks.ts";
import { customerFinder } from "./whose.ts";

export interface Figure {
  held: number;
  of: number;
}

export interface ReplayReport {
  /** Tasks whose right calls did what they should. */
  readonly own: Figure;
  /** Tasks whose calls by another customer changed and told nothing. */
  readonly foreign: Figure;
  /** Changes that did not happen without the customer's yes. */
  readonly unconfirmed: Figure;
  /** Steps of an assistant that were neither refused nor asked about without need. */
  readonly needed: Figure;
  /** What fell short, one line each. */
  readonly failures: readonly string[];
  /** What a reader should know of the tasks, one line each. */
  readonly notes: readonly string[];
  readonly calls: number;
}

export interface ReplayOptions {
  readonly onProgress?: (done: number, all: number) => void;
  readonly onTask?: (line: string) => void;
}

/** `store` holds the rows of `data`, and nothing else works on it. */
export async function replay(
  store: TestStore,
  data: DeskData,
  tasks: readonly Task[],
  options: ReplayOptions = {},
): Promise<ReplayReport> {
  await using desk = await openDesk(store);
  const rows = await watchRows(store);
  const run = new Replay(desk, rows, data, await rows.print());
  for (const [index, task] of tasks.entries()) {
    const line = await run.task(task);
    options.onTask?.(line);
    options.onProgress?.(index + 1, tasks.length);
  }
  return run.report();
}

const codeOf = (answer: ToolCallResult): unknown =>
  (answer.structuredContent?.["error"] as { code?: unknown } | undefined)?.code;

const isChange = (action: Action): boolean => CHANGE_TOOLS.includes(action.name);

class Replay {
  readonly #desk: Desk;
  readonly #rows: DeskRows;
  readonly #data: DeskData;
  readonly #start: Print;
  readonly #customerOf: (task: Task) => string | undefined;
  readonly #leaks: ReturnType<typeof leakFinder>;
  readonly #own: Figure = { held: 0, of: 0 };
  readonly #foreign: Figure = { held: 0, of: 0 };
  readonly #unconfirmed: Figure = { held: 0, of: 0 };
  readonly #needed: Figure = { held: 0, of: 0 };
  readonly #failures: string[] = [];
  readonly #nobody: string[] = [];
  readonly #idle: string[] = [];
  readonly #againstPolicy: string[] = [];
  readonly #empty: string[] = [];
  readonly #needless: string[] = [];
  #calls = 0;

  constructor(desk: Desk, rows: DeskRows, data: DeskData, start: Print) {
    this.#desk = desk;
    this.#rows = rows;
    this.#data = data;
    this.#start = start;
    this.#customerOf = customerFinder(data);
    this.#leaks = leakFinder(data);
  }

  report(): ReplayReport {
    const listed = (ids: readonly string[]) => ids.map((id) => `\`${id}\``).join(", ");
    const notes = [
      ...this.#againstPolicy,
      ...(this.#idle.length > 0 ? [`without a call, so nothing to replay: ${listed(this.#idle)}`] : []),
      ...(this.#nobody.length > 0
        ? [`no customer could be told, so another one stands in: ${listed(this.#nobody)}`]
        : []),
      ...this.#empty,
      ...this.#needless,
    ];
    return {
      own: this.#own,
      foreign: this.#foreign,
      unconfirmed: this.#unconfirmed,
      needed: this.#needed,
      failures: this.#failures,
      notes,
      calls: this.#calls,
    };
  }

  async task(task: Task): Promise<string> {
    if (task.actions.length === 0) this.#idle.push(task.id);
    const found = this.#customerOf(task);
    if (found === undefined) this.#nobody.push(task.id);
    const customer = found ?? Object.keys(this.#data.users)[0];
    const other = customer === undefined ? undefined : this.#otherThan(customer, task);
    const before = this.#failures.length;
    if (customer === undefined || other === undefined) {
      this.#fall(this.#own, task, "the file holds too few customers to replay it");
      this.#fall(this.#foreign, task, "the file holds too few customers to replay it");
    } else {
      const answers = await this.#byOwner(task, customer);
      await this.#byAssistant(task, customer);
      await this.#byAnother(task, customer, other, answers);
      await this.#unasked(task, customer);
    }
    const verdict = this.#failures.length === before ? "ok" : "FELL SHORT";
    return `task ${task.id}: ${task.actions.length} calls by ${customer ?? "nobody"}, ${verdict}`;
  }

  /** A customer whom none of the task's calls is about. */
  #otherThan(customer: string, task: Task): string | undefined {
    return Object.keys(this.#data.users).find((id) => {
      if (id === customer) return false;
      const model = new ReferenceDesk(this.#data, id);
      return task.actions.every(
        ({ name, arguments: args }) => OPEN_TOOLS.has(name) || model.call(name, args).kind !== "done",
      );
    });
  }

  #fall(figure: Figure, task: Task, why: string): void {
    figure.of += 1;
    this.#failures.push(`task ${task.id}: ${why}`);
  }

  #count(figure: Figure, task: Task, problems: readonly string[]): void {
    figure.of += 1;
    if (problems.length === 0) figure.held += 1;
    for (const problem of problems) this.#failures.push(`task ${task.id}: ${problem}`);
  }

  /** The right calls, each with the customer's yes. Returns the answers. */
  async #byOwner(task: Task, customer: string): Promise<ToolCallResult[]> {
    const entered = await this.#desk.enter(customer);
    const model = new ReferenceDesk(this.#data, customer);
    const problems: string[] = [];
    const answers: ToolCallResult[] = [];
    for (const action of task.actions) {
      const { name, arguments: args } = action;
      const expected = model.call(name, args);
      const handed = this.#desk.handedOver.length;
      this.#calls += 1;
      const answer = await (isChange(action) ? entered.callAndConfirm(name, args) : entered.call(name, args));
      answers.push(answer);
      const wrong = disagreement(expected, answer);
      if (wrong) problems.push(`${name}: ${wrong}`);
      else if (expected.kind === "refused") {
        const [list, what] = isChange(action)
          ? [this.#againstPolicy, "refused, as the policy has it"]
          : [this.#empty, "rightly finds nothing"];
        list.push(`task ${task.id}, ${name}: ${what}: ${expected.why}`);
      }
      if (name === "transfer_to_human_agents" && !wrong && this.#desk.handedOver.length !== handed + 1)
        problems.push(`${name}: nobody was told`);
    }
    problems.push(...(await this.#compareRows(model, customer)));
    await this.#rows.restore(customer);
    this.#count(this.#own, task, problems);
    return answers;
  }

  /** The customer's rows are the model's, and nobody else's moved. */
  async #compareRows(model: ReferenceDesk, customer: string): Promise<string[]> {
    const problems: string[] = [];
    const moved = changedOwners(this.#start, await this.#rows.print());
    if (moved.some((owner) => owner !== principalOf(customer)))
      problems.push("rows of somebody else, or of the catalogue, changed");
    const actual = await this.#rows.of(customer);
    const user = model.user(customer);
    if (!isDeepStrictEqual(actual.user, withoutNulls(user)))
      problems.push("the customer's row is not the right one");
    const orders = user.orders.map((id) => withoutNulls(model.order(id)));
    for (const [index, order] of orders.entries())
      if (!isDeepStrictEqual(actual.orders[index], order))
        problems.push(`the rows of order ${user.orders[index]} are not the right ones`);
    if (actual.orders.length !== orders.length) problems.push("there are other orders than before");
    return problems;
  }

  /** The right calls in an agent's context, as it grows: what is refused or asked about without need. */
  async #byAssistant(task: Task, customer: string): Promise<void> {
    if (task.actions.length === 0) return;
    const entered = await this.#desk.enter(customer);
    const model = new ReferenceDesk(this.#data, customer);
    const expected = task.actions.map(({ name, arguments: args }) => model.call(name, args).kind);
    this.#calls += task.actions.length;
    const steps = await assist(this.#desk, entered, task.actions, {
      changes: (name) => CHANGE_TOOLS.includes(name),
      refusedByPolicy: (index) => expected[index] !== "done",
    });
    for (const { name, needless } of steps) {
      this.#needed.of += 1;
      if (needless === undefined) this.#needed.held += 1;
      else this.#needless.push(`task ${task.id}, ${name}: needlessly: ${needless}`);
    }
    await this.#rows.restore(customer);
  }

  /** The same calls under the token of somebody else. */
  async #byAnother(
    task: Task,
    customer: string,
    other: string,
    answers: readonly ToolCallResult[],
  ): Promise<void> {
    const entered = await this.#desk.enter(other);
    const problems: string[] = [];
    for (const [index, { name, arguments: args }] of task.actions.entries()) {
      this.#calls += 1;
      const answer = await entered.call(name, args);
      if (OPEN_TOOLS.has(name)) {
        if (!isDeepStrictEqual(visible(answer), visible(answers[index])))
          problems.push(`${name}: answers another customer differently`);
        continue;
      }
      if (answer.isError !== true || cardOf(answer)) problems.push(`${name}: answers another customer`);
      const told = this.#leaks(answer, customer, other);
      if (told.length > 0) problems.push(`${name}: tells another customer ${told.length} values`);
    }
    if (changedOwners(this.#start, await this.#rows.print()).length > 0) {
      problems.push("something changed by another customer's calls");
      await this.#rows.restore(customer);
      await this.#rows.restore(other);
    }
    this.#count(this.#foreign, task, problems);
  }

  /** Each change without a yes: not asked at all, with a card nobody decided, with a no, and with an invented approval. */
  async #unasked(task: Task, customer: string): Promise<void> {
    const changes = task.actions.filter(isChange);
    if (changes.length === 0) return;
    const entered = await this.#desk.enter(customer);
    const found: string[][] = [];
    for (const { name, arguments: args } of changes) found.push(await this.#withoutYes(entered, name, args));
    if (changedOwners(this.#start, await this.#rows.print()).length > 0) {
      for (const problems of found) problems.push("something changed without the customer's yes");
      await this.#rows.restore(customer);
    }
    for (const problems of found) this.#count(this.#unconfirmed, task, problems);
  }

  async #withoutYes(entered: DeskCustomer, name: string, args: Action["arguments"]): Promise<string[]> {
    const problems: string[] = [];
    const callId = newId();
    const tryWith = async (approvalId: string | undefined, what: string): Promise<ToolCallResult> => {
      this.#calls += 1;
      const meta = { [META.callId]: callId, ...(approvalId && { [META.approvalId]: approvalId }) };
      const answer = await entered.call(name, args, meta);
      if (answer.isError !== true && !cardOf(answer)) problems.push(`${name}: was done ${what}`);
      return answer;
    };
    const card = cardOf(await tryWith(undefined, "without asking"));
    await tryWith(newId(), "with an invented approval");
    if (card) {
      await tryWith(card.id, "before the customer decided");
      await entered.decide(card.id, "refuse");
      await tryWith(card.id, "though the customer said no");
    }
    return problems;
  }
}

/** What everybody may see of an answer: not its receipt, which each call has its own of. */
function visible(answer: ToolCallResult | undefined): unknown {
  const error = answer?.structuredContent?.["error"] as Record<string, unknown> | undefined;
  return error ? { code: error["code"], message: error["message"] } : answer?.structuredContent;
}

/** Where an answer is not what the model expects; undefined where it is. */
function disagreement(expected: Expected, answer: ToolCallResult): string | undefined {
  if (expected.kind === "unknown") return expected.why;
  const code = codeOf(answer);
  if (expected.kind === "refused") {
    if (answer.isError !== true) return `was done, and the policy refuses it: ${expected.why}`;
    return code === expected.code ? undefined : `was refused as ${String(code)}, and is ${expected.code}`;
  }
  if (answer.isError === true) return `was refused (${String(code)}): ${answer.content[0]?.text ?? ""}`;
  if (cardOf(answer)) return "still waits for the customer";
  if (expected.value === undefined) return undefined;
  return isDeepStrictEqual(answer.structuredContent, withoutNulls(expected.value))
    ? undefined
    : "answers something else than it should";
}

/** A field that is null in a file is one that is not there. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, each]) => each !== null)
      .map(([key, each]) => [key, withoutNulls(each)]),
  );
}
