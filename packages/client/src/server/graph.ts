/** The agent itself: what it is, asking it, and stopping it. */
import { DeputizeError } from "@deputize/core/portable";
import { askStream } from "./ask-stream.ts";
import { type StreamChunk, chunkError } from "./chunks.ts";
import { type Json, idOf, isRecord, numberOf, record, recordsOf, textOf } from "./guards.ts";
import type { Answer, HttpOptions, ServerHttp } from "./http.ts";
import { type Message, messageJson, readMessages } from "./message.ts";
import { type Approval, readApproval } from "./run-events.ts";
import { type CallOptions, type Done, readDone } from "./threads.ts";
import type { ClientTools, ToolRegistration } from "./tools.ts";

export interface AskOptions extends CallOptions {
  readonly initial_state?: Json;
  /** `thread_id` names the thread to go on with. Who asks is the credential's to say, and never this. */
  readonly config?: Json;
  /** Rounds with this client's tools, and steps on the server: 1 to 100, 25 unless told. */
  readonly recursion_limit?: number;
  readonly response_granularity?: "full" | "partial" | "low";
}

export interface InvokeMeta {
  readonly thread_id: string;
  readonly is_new_thread: boolean;
  readonly thread_name: string | null;
  readonly run_id: string | null;
}

/** One round's answer. */
export interface InvokeRound {
  /** `waiting`: a person has to decide first. */
  readonly status: string;
  readonly approvals: readonly Approval[];
  readonly messages: readonly Message[];
  readonly state: Json | null;
  readonly context: readonly Message[];
  readonly summary: string | null;
  readonly meta: InvokeMeta;
}

export interface InvokeResult extends InvokeRound {
  /** Those of all rounds, with the results of this client's tools. */
  readonly all_messages: readonly Message[];
  readonly iterations: number;
  /** The agent wanted more rounds than it had. */
  readonly recursion_limit_reached: boolean;
}

export interface PartialResult extends InvokeRound {
  readonly iteration: number;
  readonly has_tool_calls: boolean;
  readonly is_final: boolean;
}

export interface GraphDescription {
  /** The agent's name. */
  readonly agent: string;
  readonly description: string;
  readonly nodes: readonly { readonly id: string; readonly name: string }[];
  readonly edges: readonly { readonly source: string; readonly target: string }[];
  /** Whatever else the server says of it. */
  readonly info: Json;
}

export interface ToolDescription {
  readonly name: string;
  readonly description: string;
  /** The part of the agent that has it, where it has parts. */
  readonly node: string | null;
  /** JSON Schema of its arguments. */
  readonly parameters: Json;
}

export interface GraphTools {
  readonly tools: readonly ToolDescription[];
}

export interface GraphCalls {
  /** `pong`. Needs no credential. */
  ping(options?: CallOptions): Promise<Answer<string>>;
  graph(options?: CallOptions): Promise<Answer<GraphDescription>>;
  graphStateSchema(options?: CallOptions): Promise<Answer<Json>>;
  /** The tools that the caller may use through the agent. */
  graphTools(options?: CallOptions): Promise<Answer<GraphTools>>;
  /** Declares a tool that runs here when the agent calls it. Throws `config_invalid` for a second of one name. */
  registerTool(tool: ToolRegistration): void;
  /** Tells the server of the tools that were registered. */
  setup(options?: CallOptions): Promise<Answer<Done>>;
  /** Asks, runs the tools of this client that the agent calls, and answers when it is done. */
  invoke(
    messages: readonly Message[],
    options?: AskOptions & { readonly onPartialResult?: (partial: PartialResult) => void | Promise<void> },
  ): Promise<InvokeResult>;
  /** The same, piece by piece. An error of the agent is thrown when it comes. Nothing is sent before the first piece is asked for. */
  stream(messages: readonly Message[], options?: AskOptions): AsyncGenerator<StreamChunk>;
  /** Ends what runs in the thread. */
  stopGraph(
    threadId: string,
    config?: Json,
    options?: CallOptions,
  ): Promise<Answer<Done & { /** Something ran. */ readonly stopped: boolean }>>;
  /** Drops tool calls that were left without an answer. */
  fixGraph(
    threadId: string,
    config?: Json,
    options?: CallOptions,
  ): Promise<Answer<Done & { readonly removed_count: number }>>;
}

const ROUNDS = 25;

/** The body of one round. Throws `invalid_request` for no message. */
export function askBody(messages: readonly Message[], options: AskOptions): Json {
  if (messages.length === 0) throw new DeputizeError("invalid_request", "say something: one message or more");
  const { initial_state, config, recursion_limit = ROUNDS, response_granularity } = options;
  return {
    messages: messages.map(messageJson),
    ...(initial_state && { initial_state }),
    ...(config && { config }),
    recursion_limit,
    ...(response_granularity && { response_granularity }),
  };
}

/** What the next round asks: the results, on the thread that the first round made or went on with. */
export function nextRound(options: AskOptions, threadId: string | null): AskOptions {
  const { initial_state, ...rest } = options;
  if (initial_state === undefined && threadId === null) return options;
  return threadId === null ? rest : { ...rest, config: { ...rest.config, thread_id: threadId } };
}

function readRound(data: unknown): InvokeRound {
  const value = record(data, "answer");
  const meta = record(value["meta"], "`meta`");
  return {
    status: textOf(value["status"]) ?? "done",
    approvals: recordsOf(value["approvals"]).map(readApproval),
    messages: readMessages(value["messages"]),
    state: isRecord(value["state"]) ? value["state"] : null,
    context: readMessages(value["context"]),
    summary: textOf(value["summary"]) ?? null,
    meta: {
      thread_id: idOf(meta, "thread_id"),
      is_new_thread: meta["is_new_thread"] === true,
      thread_name: textOf(meta["thread_name"]) ?? null,
      run_id: textOf(meta["run_id"]) ?? null,
    },
  };
}

function readGraph(data: unknown): GraphDescription {
  const { agent, description, nodes, edges, info, ...rest } = record(data, "graph");
  return {
    agent: textOf(agent) ?? "",
    description: textOf(description) ?? "",
    nodes: recordsOf(nodes).map((node) => ({
      id: textOf(node["id"]) ?? "",
      name: textOf(node["name"]) ?? "",
    })),
    edges: recordsOf(edges).map((edge) => ({
      source: textOf(edge["source"]) ?? "",
      target: textOf(edge["target"]) ?? "",
    })),
    info: { ...rest, ...(isRecord(info) ? info : {}) },
  };
}

function readTool(tool: Json, node: string | null): ToolDescription {
  const parameters = tool["input_schema"] ?? tool["parameters"];
  return {
    name: textOf(tool["name"]) ?? "",
    description: textOf(tool["description"]) ?? "",
    node,
    parameters: isRecord(parameters) ? parameters : {},
  };
}

/** As one list, or by the parts of the agent, as the original has them. */
function readTools(data: unknown): GraphTools {
  const value = record(data, "tools");
  const parts = recordsOf(value["nodes"]).flatMap((node) =>
    recordsOf(node["tools"]).map((tool) => readTool(tool, textOf(node["node_name"]) ?? null)),
  );
  return { tools: [...recordsOf(value["tools"]).map((tool) => readTool(tool, null)), ...parts] };
}

export function graphCalls(
  http: ServerHttp,
  tools: ClientTools,
  { retry }: Pick<HttpOptions, "retry">,
): GraphCalls {
  async function invoke(
    messages: readonly Message[],
    { onPartialResult, ...options }: Parameters<GraphCalls["invoke"]>[1] = {},
  ): Promise<InvokeResult> {
    const { recursion_limit = ROUNDS, signal } = options;
    const all: Message[] = [];
    let sent = messages;
    let asked: AskOptions = options;
    for (let iterations = 1; ; iterations += 1) {
      const request = { method: "POST", path: "/v1/graph/invoke", body: askBody(sent, asked) } as const;
      const { data } = await http.call({ ...request, ...(signal && { signal }) }, readRound);
      all.push(...data.messages);
      const results = await tools.run(data.messages);
      const is_final = results.length === 0;
      await onPartialResult?.({ ...data, iteration: iterations, has_tool_calls: !is_final, is_final });
      if (is_final || iterations >= recursion_limit)
        return { ...data, all_messages: all, iterations, recursion_limit_reached: !is_final };
      all.push(...results);
      sent = results;
      asked = nextRound(options, data.meta.thread_id);
    }
  }

  async function* stream(
    messages: readonly Message[],
    options: AskOptions = {},
  ): AsyncGenerator<StreamChunk> {
    let sent = messages;
    let asked = options;
    for (let rounds = 1; ; rounds += 1) {
      const said: Message[] = [];
      let threadId: string | null = null;
      for await (const chunk of askStream(http, askBody(sent, asked), { retry, signal: options.signal })) {
        threadId = chunk.thread_id ?? threadId;
        if (chunk.event === "error") throw chunkError(chunk);
        if (chunk.message && !chunk.message.delta) said.push(chunk.message);
        yield chunk;
      }
      const results = await tools.run(said);
      if (results.length === 0 || rounds >= (options.recursion_limit ?? ROUNDS)) return;
      sent = results;
      asked = nextRound(options, threadId);
    }
  }

  return {
    ping: (options = {}) =>
      http.call({ method: "GET", path: "/ping", ...options }, (data) => textOf(data) ?? ""),
    graph: (options = {}) => http.call({ method: "GET", path: "/v1/graph", ...options }, readGraph),
    graphStateSchema: (options = {}) =>
      http.call({ method: "GET", path: "/v1/graph:StateSchema", ...options }, (data) =>
        record(data, "schema"),
      ),
    graphTools: (options = {}) =>
      http.call({ method: "GET", path: "/v1/graph/tools", ...options }, readTools),
    registerTool: (tool) => tools.register(tool),
    setup: (options = {}) =>
      http.call(
        { method: "POST", path: "/v1/graph/setup", body: { tools: tools.declared() }, ...options },
        readDone,
      ),
    invoke,
    stream,
    stopGraph: (thread_id, config, options = {}) =>
      http.call(
        {
          method: "POST",
          path: "/v1/graph/stop",
          body: { thread_id, ...(config && { config }) },
          repeatable: true,
          ...options,
        },
        (data) => ({ ...readDone(data), stopped: !isRecord(data) || data["stopped"] !== false }),
      ),
    fixGraph: (thread_id, config, options = {}) =>
      http.call(
        { method: "POST", path: "/v1/graph/fix", body: { thread_id, ...(config && { config }) }, ...options },
        (data) => ({
          ...readDone(data),
          removed_count: isRecord(data)
            ? (numberOf(data["removed_count"]) ?? numberOf(data["fixed"]) ?? 0)
            : 0,
        }),
      ),
  };
}
