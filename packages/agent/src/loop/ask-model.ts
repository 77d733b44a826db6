/**
 * One call of the model within a run: allowed by the budgets, told to observers, counted.
 *
 * Guarantees: a call that the budgets granted is charged to them, whatever became of it: what it used where it answered, an
 * estimate where it spoke or was made to stop, since providers charge for that and stopping must not be a way to use models for
 * nothing, and where a provider does not say what it used. A call that failed before the model said anything is charged nothing.
 */
import type { ModelMessage } from "ai";
import { estimatedTokens } from "../models/estimated-tokens.ts";
import { costOf } from "../models/price.ts";
import { annotateAnswer, chatSpan } from "../observe/spans.ts";
import type { RunBudget } from "../turn/ports.ts";
import { type StepResult, lengthAsked, modelStep } from "./model-step.ts";
import type { Offered } from "./offered-tools.ts";
import type { LoopOptions } from "./loop-options.ts";
import type { Used, UsedSum } from "../usage/used.ts";
import { untilAborted } from "./until-aborted.ts";

/** Throws what the budgets or the model threw. */
export async function askModel(options: LoopOptions, shown: Offered): Promise<StepResult> {
  const { model, instructions, marker, state, record, context, clock, observe, budget } = options;
  if (budget) await untilAborted(context.signal, budget.check());
  state.modelCalls += 1;
  const began = clock.monotonicMs();
  let said = 0;
  const before = record.text.length;
  const onText = (text: string): void => {
    said += text.length;
    record.emit({ event: "delta", data: { text } });
  };
  const tools = [...shown.values()].map(({ tool }) => tool);
  const { messages } = state;
  let step: StepResult;
  try {
    step = await chatSpan(context, model, async () => {
      const answer = await modelStep({
        model,
        instructions: marker === undefined ? instructions : `${instructions}\n${marker}`,
        messages,
        tools,
        signal: context.signal,
        onText,
      });
      annotateAnswer(answer.model, answer.tokensIn, answer.tokensOut);
      return answer;
    });
  } catch (error) {
    observe({
      kind: "model_called",
      model: model.name,
      ms: clock.monotonicMs() - began,
      tokensIn: 0,
      tokensOut: 0,
      costMicros: undefined,
      outcome: "failed",
    });
    const spent = cutShort(options, said);
    if (spent.tokensIn + spent.tokensOut > 0) record.use(usedBy(options, model.name, spent));
    // The run ends for a reason of its own; a budget that cannot be written as well does not hide it.
    await budget?.charge(spent).catch(() => {});
    throw error;
  }
  await untilAborted(context.signal, record.endParagraph());
  // What the guard hid goes into no context, and so into no stored state of a run that waits.
  const shownText = record.text.slice(before).replace(/^\n\n/, "");
  if (options.guard && shownText !== step.text.replace(/^\n\n/, ""))
    step = { ...step, messages: asShown(step.messages, shownText) };
  const { tokensIn, tokensOut } = step;
  const costMicros = costOf(step.model.price, tokensIn, tokensOut);
  const ms = clock.monotonicMs() - began;
  observe({
    kind: "model_called",
    model: step.model.name,
    ms,
    tokensIn,
    tokensOut,
    costMicros,
    outcome: "answered",
  });
  record.use(usedBy(options, step.model.name, { tokensIn, tokensOut, costMicros }));
  state.tokens += tokensIn + tokensOut;
  state.costMicros += costMicros ?? 0;
  if (budget)
    await untilAborted(
      context.signal,
      budget.charge({ tokensIn, tokensOut, costMicros, toolCalls: step.calls.length }),
    );
  return step;
}

/** One call of a model, as who asked this agent is told of it. */
function usedBy(
  { agent }: LoopOptions,
  model: string,
  { tokensIn, tokensOut, costMicros }: Omit<UsedSum, "knownMicros">,
): Used {
  const cost = costMicros !== undefined && { costMicros };
  return { agent, model, calls: 1, tokensIn, tokensOut, ...cost, accounts: [] };
}

/** What a call used that did not answer to its end. */
function cutShort(
  { context, state, instructions, model }: LoopOptions,
  said: number,
): Parameters<RunBudget["charge"]>[0] {
  const ran = said > 0 || context.signal.aborted;
  const tokensIn = ran ? estimatedTokens(lengthAsked({ instructions, messages: state.messages })) : 0;
  const tokensOut = estimatedTokens(said);
  const price = model.price ?? model.members?.[0]?.price;
  return { tokensIn, tokensOut, costMicros: costOf(price, tokensIn, tokensOut), toolCalls: 0 };
}

/** The model's messages with the text that went out in the place of what it said. */
function asShown(messages: readonly ModelMessage[], shown: string): ModelMessage[] {
  let rest = shown;
  const once = (): string => {
    const text = rest;
    rest = "";
    return text;
  };
  return messages.map((message) => {
    if (message.role !== "assistant") return message;
    if (typeof message.content === "string") return { ...message, content: once() };
    const content = message.content
      .map((part) => (part.type === "text" ? { ...part, text: once() } : part))
      .filter((part) => part.type !== "text" || part.text !== "");
    return { ...message, content };
  });
}
