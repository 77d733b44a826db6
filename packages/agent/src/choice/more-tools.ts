/**
 * A tool of the agent's own by which a model asks, in words, for tools that it was not shown. It is answered by the next step's
 * choice, which reads what was asked for in the messages, so a run that is stopped and carried on needs nothing else kept.
 *
 * Guarantees: it shows no more than its caller may use. Does not: say which tools there are.
 */
import type { ModelMessage } from "ai";
import { z } from "zod";
import { localTools } from "../tools/local-tools.ts";
import type { ToolSource } from "../tools/tool-source.ts";

export const MORE_TOOLS = "more_tools";

const NEED_MAX = 200;
const input = z.strictObject({
  need: z
    .string()
    .min(1)
    .max(NEED_MAX)
    .describe("what the tool should do, such as: change a delivery address"),
});

export const moreTools: ToolSource = localTools("tool-choice", [
  {
    name: MORE_TOOLS,
    description:
      "You are shown only some of your tools. When none fits, say here what you need; those that fit are there in your next step.",
    input,
    call: async () => ({
      status: "done",
      content: { said: "the tools that fit, where there are any, are there now" },
      label: { integrity: "trusted", readers: "public", source: "agent" },
      cards: [],
      reads: { effect: "read", versions: {} },
    }),
  },
]);

/** What the model asked for, the newest first. */
export function needsIn(messages: readonly ModelMessage[]): readonly string[] {
  const needs = messages.flatMap((message) =>
    message.role === "assistant" && typeof message.content !== "string"
      ? message.content.flatMap((part) => {
          if (part.type !== "tool-call" || part.toolName !== MORE_TOOLS) return [];
          const asked = input.safeParse(part.input);
          return asked.success ? [asked.data.need] : [];
        })
      : [],
  );
  return needs.toReversed();
}
