/**
 * Tools of an agent framework, each behind a scope of the agent's credential. For the AI SDK's tools and any other whose
 * tool is an object with `execute(input, …)`.
 *
 * Guarantees: a tool without a scope is refused when it is wired, not when it is called; a call without its scope throws
 * before the tool runs. The model sees an error and never the credential.
 */
import { DeputizeError } from "@deputize/core";
import type { Agent } from "./agent.ts";

/** A scope, or how to make it from the tool's input. */
export type ToolScope = string | readonly string[] | ((input: never) => string | readonly string[]);

/** The same tools, guarded. Throws `config_invalid` for a tool without a scope, or a scope without a tool that runs here. */
export function guardTools<Tools extends Readonly<Record<string, object>>>(
  agent: Pick<Agent, "enforce">,
  tools: Tools,
  scopes: { readonly [Name in keyof Tools]: ToolScope },
): Tools {
  const guardedTools: Record<string, object> = {};
  for (const name of new Set([...Object.keys(tools), ...Object.keys(scopes)])) {
    const tool = tools[name] as { execute?: (...args: unknown[]) => unknown } | undefined;
    const scope = scopes[name];
    const run = tool?.execute;
    if (!run || scope === undefined) {
      throw new DeputizeError(
        "config_invalid",
        `give \`${name}\` both: a tool with \`execute\`, and the scope that it needs`,
      );
    }
    guardedTools[name] = {
      ...tool,
      execute: async (...args: unknown[]) => {
        agent.enforce(typeof scope === "function" ? scope(args[0] as never) : scope);
        return run.apply(tool, args);
      },
    };
  }
  return guardedTools as Tools;
}
