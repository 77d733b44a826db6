/**
 * A model at work for the two demos: it asks for tools, they answer, until it has an answer of its own. With no key it
 * plays a script, so that the demo runs offline and tries what a good model would not; `DEPUTIZE_MODEL` puts a real one in
 * its place. Nothing here is trusted: what a tool may do is decided where the tool runs.
 */
import { type ToolSet, isStepCount, streamText, tool } from "ai";
import { DeputizeError } from "deputize/client";
import { resolveModel } from "deputize/agent";
import { type Script, scriptedModel } from "@deputize/agent/testing";
import { z } from "zod";

export interface DemoTool {
  readonly description: string;
  /** Names of its arguments, all of them text. */
  readonly args: readonly string[];
  /** Throws a `DeputizeError` to refuse. */
  call(args: Record<string, string>): Promise<string>;
}

export interface Question {
  readonly instructions: string;
  readonly prompt: string;
  readonly tools: Readonly<Record<string, DemoTool>>;
  readonly script: Script;
  /** Hears of each call when it is over, and of the answer. */
  readonly say: (line: string) => void;
}

/** Which model works here, for a line of the demo's own. */
export function modelInUse(): string {
  const { name, offline } = resolveModel(process.env);
  return offline ? "Model: a script (DEPUTIZE_MODEL puts a real one in its place)" : `Model: ${name}`;
}

/** One turn. Throws what the provider or a tool threw, refusals excepted: those the model is told. */
export async function askModel({ instructions, prompt, tools, script, say }: Question): Promise<void> {
  const real = resolveModel(process.env);
  const { model } = real.offline ? scriptedModel(script) : real;
  const offered: ToolSet = {};
  for (const [name, { description, args, call }] of Object.entries(tools)) {
    offered[name] = tool({
      description,
      inputSchema: z.strictObject(Object.fromEntries(args.map((arg) => [arg, z.string()]))),
      async execute(input: Record<string, string>) {
        let answer: string;
        try {
          answer = await call(input);
        } catch (error) {
          if (!(error instanceof DeputizeError)) throw error;
          answer = `REFUSED: ${error.message}`;
        }
        say(`${name}(${Object.values(input).join(", ")}) → ${answer}`);
        return answer;
      },
    });
  }
  const result = streamText({
    model,
    instructions,
    prompt,
    tools: offered,
    stopWhen: isStepCount(12),
    telemetry: { isEnabled: false },
    onError: () => {}, // thrown below; the default prints it
  });
  let text = "";
  for await (const part of result.stream) {
    if (part.type === "text-delta") text += part.text;
    else if (part.type === "error" || part.type === "tool-error") throw part.error;
  }
  say(text);
}
