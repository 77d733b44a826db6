/**
 * Tools that run in this process, such as calling another agent.
 *
 * Guarantees: arguments are parsed before the handler sees them; unknown members are refused when the schema
 * is strict. A refused or approved decision reaches the handler, so that a call which waits inside of another
 * agent can be continued there.
 */
import type { JSONSchema7 } from "@ai-sdk/provider";
import type { Destination } from "@deputize/guardrails/flow";
import { z } from "zod";
import type { ToolCall, ToolContext, ToolOutcome, ToolSource } from "./tool-source.ts";

export interface LocalTool {
  readonly name: string;
  readonly description: string | ((context: ToolContext) => string);
  /** Usually a `z.strictObject`. May depend on the caller, such as the agents that it may call. */
  readonly input: z.ZodType | ((context: ToolContext) => z.ZodType);
  /** Who reads what it is given; nobody but the person unless said. */
  readonly sends?: Destination;
  /** Agents that it asks. */
  readonly asks?: readonly string[];
  /** Agents that it asks whose work costs something that nobody can tell. */
  readonly unpriced?: readonly string[];
  /** False hides the tool from this caller. */
  readonly available?: (context: ToolContext) => boolean | Promise<boolean>;
  call(call: ToolCall, context: ToolContext): Promise<ToolOutcome>;
}

/** A source of local tools. */
export function localTools(name: string, tools: readonly LocalTool[]): ToolSource {
  const inputOf = (tool: LocalTool, context: ToolContext): z.ZodType =>
    typeof tool.input === "function" ? tool.input(context) : tool.input;
  return {
    name,
    asks: tools.flatMap(({ asks = [] }) => asks),
    unpriced: tools.flatMap(({ unpriced = [] }) => unpriced),
    async list(context) {
      const shown = await Promise.all(tools.map(async (tool) => (await tool.available?.(context)) ?? true));
      return tools
        .filter((_, index) => shown[index])
        .map((tool) => ({
          name: tool.name,
          description: typeof tool.description === "function" ? tool.description(context) : tool.description,
          inputSchema: z.toJSONSchema(inputOf(tool, context), { io: "input" }) as JSONSchema7,
          ...(tool.sends !== undefined && { sends: tool.sends }),
        }));
    },
    async call(call, context) {
      const tool = tools.find((candidate) => candidate.name === call.tool);
      const refused = (error: string): ToolOutcome => {
        const label = { integrity: "trusted", readers: "public", source: name } as const;
        return { status: "refused", content: { error }, label, cards: [] };
      };
      if (!tool) return refused("there is no such tool here");
      const parsed = inputOf(tool, context).safeParse(call.args);
      if (!parsed.success) return refused(z.prettifyError(parsed.error));
      return tool.call({ ...call, args: parsed.data as Record<string, unknown> }, context);
    },
  };
}
