/**
 * Tools that run on the client's side, such as one that reads the browser's location.
 *
 * Guarantees: only a tool that was registered here runs; an unknown name, and a handler that throws, are told to the agent as a
 * failed result. Each call is answered once, in the order in which they came.
 */
import { DeputizeError } from "@deputize/core/portable";
import type { Json } from "./guards.ts";
import { type ContentBlock, Message, type ToolCallBlock, ToolResultBlock } from "./message.ts";

export interface ToolRegistration {
  /** The part of the agent that may call it. */
  readonly node?: string;
  readonly name: string;
  readonly description?: string;
  /** JSON Schema of its arguments; `{}` takes none. */
  readonly parameters?: Json;
  readonly handler: (args: Json) => unknown;
}

export interface ClientTools {
  /** Throws `config_invalid` for a second tool of one name. */
  register(tool: ToolRegistration): void;
  /** As the server is told of them. */
  declared(): readonly Json[];
  /** Runs what the messages call, and answers with messages for the agent; none when nothing was called. */
  run(messages: readonly Message[]): Promise<Message[]>;
}

function isRemoteCall(block: ContentBlock): block is ToolCallBlock {
  return block.type === "remote_tool_call";
}

export function clientTools(): ClientTools {
  const tools = new Map<string, ToolRegistration>();

  async function result({ id, name, args }: ToolCallBlock): Promise<ToolResultBlock> {
    const failed = (error: string): ToolResultBlock =>
      new ToolResultBlock({ call_id: id, output: { error }, is_error: true, status: "failed" });
    const tool = tools.get(name);
    if (!tool) return failed(`Tool '${name}' not found`);
    try {
      const output: unknown = await tool.handler(args);
      return new ToolResultBlock({
        call_id: id,
        output: output ?? null,
        is_error: false,
        status: "completed",
      });
    } catch (error) {
      return failed(error instanceof Error ? error.message : String(error));
    }
  }

  return {
    register(tool) {
      if (tools.has(tool.name))
        throw new DeputizeError("config_invalid", `the tool \`${tool.name}\` is registered already`);
      tools.set(tool.name, tool);
    },
    declared: () =>
      [...tools.values()].map(({ node, name, description = "", parameters = {} }) => ({
        ...(node !== undefined && { node_name: node }),
        name,
        description,
        parameters: { type: "object", properties: {}, required: [], ...parameters },
      })),
    async run(messages) {
      const answers: Message[] = [];
      for (const call of messages.flatMap(({ content }) => content.filter(isRemoteCall)))
        answers.push(Message.tool_message([await result(call)]));
      return answers;
    },
  };
}
