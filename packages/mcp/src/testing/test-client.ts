/**
 * An MCP client in memory that goes the whole way of a request: headers, authentication, protocol, guards, audit.
 * For tests of your own tools, and for samples.
 */
import { DeputizeError } from "@deputize/core";
import { JSON_HEADERS, repeatedHeaders } from "../http/request-headers.ts";
import type { MCPServer } from "../server.ts";

export interface TestClientOptions {
  /** Sent as `Authorization: Bearer`. */
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly ipAddress?: string;
}

export interface ToolCallResult {
  readonly content: readonly { readonly type: string; readonly text?: string }[];
  readonly structuredContent?: Record<string, unknown>;
  readonly isError?: boolean;
  readonly _meta?: Record<string, unknown>;
}

/** A JSON-RPC error as the server answered it. */
export class RpcError extends Error {
  readonly code: number;
  readonly data: Record<string, unknown>;
  constructor(error: { code: number; message: string; data?: Record<string, unknown> }) {
    super(error.message);
    this.code = error.code;
    this.data = error.data ?? {};
  }
}

const REVISION = "2026-07-28";

export class TestClient {
  readonly #server: Pick<MCPServer, "fetch" | "protectedResourceMetadata">;
  readonly #options: TestClientOptions;
  #id = 0;

  constructor(
    server: Pick<MCPServer, "fetch" | "protectedResourceMetadata">,
    options: TestClientOptions = {},
  ) {
    this.#server = server;
    this.#options = options;
  }

  /** The HTTP answer to one JSON-RPC message of the current revision, unread. */
  send(
    method: string,
    params: Record<string, unknown> = {},
    init: { readonly signal?: AbortSignal } = {},
  ): Promise<Response> {
    const { token, headers, ipAddress } = this.#options;
    const { _meta: meta, ...rest } = params as { _meta?: Record<string, unknown> };
    const envelope = {
      "io.modelcontextprotocol/protocolVersion": REVISION,
      "io.modelcontextprotocol/clientInfo": { name: "deputize-test-client", version: "1.0.0" },
      "io.modelcontextprotocol/clientCapabilities": {},
    };
    const url = String(this.#server.protectedResourceMetadata()["resource"]);
    const request = new Request(url, {
      method: "POST",
      headers: {
        ...JSON_HEADERS,
        ...repeatedHeaders({ method, params: rest }, REVISION),
        ...(token && { authorization: `Bearer ${token}` }),
        ...headers,
      },
      body: JSON.stringify({
        jsonrpc: "2.0",
        id: ++this.#id,
        method,
        params: { ...rest, _meta: { ...envelope, ...meta } },
      }),
      ...(init.signal && { signal: init.signal }),
    });
    return this.#server.fetch(request, { ...(ipAddress && { ipAddress }) });
  }

  /** The result of one message. Throws `RpcError`, or `DeputizeError` for an HTTP refusal. */
  async request<T = Record<string, unknown>>(
    method: string,
    params: Record<string, unknown> = {},
    init: { readonly signal?: AbortSignal } = {},
  ): Promise<T> {
    const response = await this.send(method, params, init);
    const text = await response.text();
    const message = (response.headers.get("content-type") ?? "").startsWith("text/event-stream")
      ? lastEvent(text)
      : (JSON.parse(text) as Record<string, unknown>);
    if (message["error"] !== undefined)
      throw new RpcError(message["error"] as ConstructorParameters<typeof RpcError>[0]);
    if (message["result"] !== undefined) return message["result"] as T;
    throw new DeputizeError(
      (message["code"] ?? "internal") as DeputizeError["code"],
      String(message["detail"] ?? "no answer"),
    );
  }

  /** Calls a tool. `meta` is the call's `_meta`, such as an approval id. */
  callTool(
    name: string,
    args: Record<string, unknown> = {},
    meta: Record<string, unknown> = {},
  ): Promise<ToolCallResult> {
    return this.request<ToolCallResult>("tools/call", { name, arguments: args, _meta: meta });
  }

  async listTools(): Promise<
    readonly {
      readonly name: string;
      readonly description?: string;
      readonly inputSchema?: object;
      readonly outputSchema?: object;
    }[]
  > {
    return (await this.request<{ tools: { name: string; description?: string }[] }>("tools/list")).tools;
  }

  readResource(
    uri: string,
  ): Promise<{ contents: { uri: string; text?: string; blob?: string }[]; _meta?: Record<string, unknown> }> {
    return this.request("resources/read", { uri });
  }

  getPrompt(
    name: string,
    args: Record<string, unknown> = {},
  ): Promise<{ messages: { role: string; content: { text?: string } }[] }> {
    return this.request("prompts/get", { name, arguments: args });
  }
}

/** The answer is the last event of a stream; those before it are notifications. */
function lastEvent(stream: string): Record<string, unknown> {
  const data = stream
    .split("\n")
    .filter((line) => line.startsWith("data: "))
    .at(-1);
  return data ? (JSON.parse(data.slice(6)) as Record<string, unknown>) : {};
}
