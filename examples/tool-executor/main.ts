/**
 * Tools for a model, each with the scope that a call needs, written as a template over its arguments. What the model
 * asks for is checked against what the task's worker holds; what it says about it counts for nothing.
 */
import { DeputizeError } from "deputize/client";
import type { ExampleContext } from "../example.ts";

export const title = "a model's tool calls, each with a scope made from its arguments";
export const ceiling = ["read:customers:*", "write:notes:*", "delete:customers:*"];

interface Tool {
  /** `{name}` stands for the argument of that name. */
  readonly scope: string;
  run(args: Record<string, string>): string;
}

const TOOLS: Record<string, Tool> = {
  read_customer: { scope: "read:customers:{id}", run: ({ id }) => `customer ${id}: Ada, pro` },
  add_note: { scope: "write:notes:{id}", run: ({ id, text }) => `noted at ${id}: ${text}` },
  delete_customer: { scope: "delete:customers:{id}", run: ({ id }) => `customer ${id} is gone` },
};

/** What a model might ask for on "note that customer 42 called"; the last two are not its business. */
const CALLS = [
  { tool: "read_customer", args: { id: "42" } },
  { tool: "add_note", args: { id: "42", text: "called today" } },
  { tool: "read_customer", args: { id: "*" } },
  { tool: "read_customer", args: { id: "43" } },
  { tool: "delete_customer", args: { id: "42" } },
  { tool: "drop_table", args: { id: "42" } },
];

export async function run({ app, print }: ExampleContext): Promise<void> {
  await using agent = await app.createAgent({
    orchestration: "tool-executor",
    task: "note-for-42",
    scope: ["read:customers:42", "write:notes:42"],
  });
  for (const { tool, args } of CALLS) {
    let answer: string;
    try {
      answer = execute(tool, args, (scope) => agent.enforce(scope));
    } catch (error) {
      if (!(error instanceof DeputizeError)) throw error;
      answer = `refused: ${error.message}`;
    }
    print(`${tool}(${Object.values(args).join(", ")}) → ${answer}`);
  }
}

function execute(name: string, args: Record<string, string>, enforce: (scope: string) => void): string {
  const tool = Object.hasOwn(TOOLS, name) ? TOOLS[name] : undefined;
  if (!tool) return "refused: no such tool";
  enforce(
    tool.scope.replaceAll(/\{(\w+)\}/g, (_, argument: string) => {
      const value = Object.hasOwn(args, argument) ? args[argument] : undefined;
      if (value === undefined) throw new Error(`${name} needs ${argument}`);
      return value;
    }),
  );
  return tool.run(args);
}
