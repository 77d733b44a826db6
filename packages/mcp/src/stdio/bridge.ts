/**
 * JSON-RPC messages of one connection as requests to the server's own `fetch`, and its answers as messages.
 *
 * Guarantees: every message goes the whole way of a request (authentication, limits, guards, audit), whichever revision it
 * speaks; a refusal of the HTTP edge becomes the JSON-RPC error of its request; one answer for each request, none for a
 * cancelled one; the number of open requests is bounded.
 * Does not: read messages or write them; that is the transport's work (serve-stdio.ts).
 */
import {
  type JSONRPCMessage,
  type JSONRPCNotification,
  type JSONRPCRequest,
  isJSONRPCNotification,
  isJSONRPCRequest,
} from "@modelcontextprotocol/server";
import { JSON_HEADERS, repeatedHeaders, revisionOf } from "../http/request-headers.ts";
import type { Sign } from "./principal.ts";

export interface BridgeOptions {
  readonly url: string;
  readonly fetch: (request: Request) => Promise<Response>;
  readonly sign: Sign;
  /** Writes a message to the client. */
  readonly send: (message: JSONRPCMessage) => Promise<void>;
}

interface Open {
  /** Of revision 2026-07-28, where ending the request is how to cancel it. */
  readonly modern: boolean;
  readonly abort: AbortController;
  /** Once the server took the message. */
  taken: Promise<unknown>;
}

type RequestId = JSONRPCRequest["id"];

/** What a client of 2025-11-25 opened with `initialize`. */
interface Session {
  readonly id: string;
  readonly version: string;
}

/** More than a client has reason to ask at once. */
const MAX_OPEN = 1000;
const INVALID_REQUEST = -32600;
const INTERNAL = -32603;
const SERVER_ERROR = -32000;

export class StdioBridge {
  readonly #options: BridgeOptions;
  readonly #open = new Map<RequestId, Open>();
  readonly #life = new AbortController();
  #session: Session | undefined;

  constructor(options: BridgeOptions) {
    this.#options = options;
  }

  /** Answers one message of the client. Throws only when the connection is gone. */
  async take(message: JSONRPCMessage): Promise<void> {
    if (isJSONRPCRequest(message)) return this.#request(message);
    if (isJSONRPCNotification(message) && message.method === "notifications/cancelled")
      return this.#cancel(message);
    await (await this.#post(message, this.#life.signal)).body?.cancel();
  }

  /** Ends what is open. */
  close(): void {
    this.#life.abort(new Error("the connection was closed"));
  }

  async #request(message: JSONRPCRequest): Promise<void> {
    const { id } = message;
    if (this.#open.has(id)) return this.#refuse(id, INVALID_REQUEST, "a request with this id is open");
    if (this.#open.size >= MAX_OPEN)
      return this.#refuse(id, SERVER_ERROR, "too many open requests", { code: "rate_limited" });
    const abort = new AbortController();
    const signal = AbortSignal.any([abort.signal, this.#life.signal]);
    const taken = this.#post(message, signal);
    this.#open.set(id, { modern: revisionOf(message) !== undefined, abort, taken });
    try {
      const answered = await this.#relay(message, await taken, signal);
      if (!answered && !signal.aborted)
        await this.#refuse(id, SERVER_ERROR, "the call ended without an answer");
    } catch (error) {
      if (signal.aborted) return;
      await this.#refuse(id, INTERNAL, "the answer cannot be written");
      throw error;
    } finally {
      this.#open.delete(id);
    }
  }

  /** A cancelled request is not answered. */
  async #cancel(message: JSONRPCNotification): Promise<void> {
    const open = this.#open.get(message.params?.["requestId"] as RequestId);
    if (!open) return;
    if (!open.modern) {
      // The session knows the request only once it was taken.
      await open.taken;
      await (await this.#post(message, this.#life.signal)).body?.cancel();
    }
    open.abort.abort(new Error("the client cancelled the request"));
  }

  #post(message: JSONRPCMessage, signal: AbortSignal): Promise<Response> {
    const { url, fetch, sign } = this.#options;
    return fetch(
      sign(
        new Request(url, {
          method: "POST",
          headers: { ...JSON_HEADERS, ...this.#headersOf(message) },
          body: JSON.stringify(message),
          signal,
        }),
      ),
    );
  }

  #headersOf(message: JSONRPCMessage): Record<string, string> {
    if ("method" in message) {
      const revision = revisionOf(message);
      if (revision !== undefined) return repeatedHeaders(message, revision);
      if (message.method === "initialize") return {};
    }
    return this.#sessionHeaders();
  }

  #sessionHeaders(): Record<string, string> {
    const session = this.#session;
    return session ? { "mcp-session-id": session.id, "mcp-protocol-version": session.version } : {};
  }

  /** Writes what belongs to a request. True when its answer was among it. */
  async #relay(request: JSONRPCRequest, response: Response, signal: AbortSignal): Promise<boolean> {
    let answered = false;
    for await (const message of messagesOf(response, signal, request.id)) {
      if (signal.aborted) return true;
      if (!("method" in message)) {
        answered = true;
        if (request.method === "initialize") this.#remember(response, message);
      }
      await this.#options.send(message);
    }
    return answered;
  }

  #remember(response: Response, answer: JSONRPCMessage): void {
    const id = response.headers.get("mcp-session-id");
    const version = "result" in answer ? answer.result["protocolVersion"] : undefined;
    if (id === null || typeof version !== "string") return;
    this.#session = { id, version };
    void this.#hear().catch(() => {});
  }

  /** What the server says on its own, such as that a resource changed. */
  async #hear(): Promise<void> {
    const { url, fetch, sign, send } = this.#options;
    const headers = { accept: "text/event-stream", ...this.#sessionHeaders() };
    const response = await fetch(sign(new Request(url, { headers, signal: this.#life.signal })));
    if (!response.ok) return void (await response.body?.cancel());
    for await (const message of messagesOf(response, this.#life.signal)) await send(message);
  }

  #refuse(id: RequestId, code: number, message: string, data?: Record<string, unknown>): Promise<void> {
    return this.#options.send({ jsonrpc: "2.0", id, error: { code, message, ...(data && { data }) } });
  }
}

/** The messages of an answer: one, or those of a stream as they come. */
async function* messagesOf(
  response: Response,
  signal: AbortSignal,
  id?: RequestId,
): AsyncGenerator<JSONRPCMessage> {
  const type = response.headers.get("content-type") ?? "";
  if (type.startsWith("text/event-stream")) {
    for await (const data of eventData(response, signal)) yield JSON.parse(data) as JSONRPCMessage;
    return;
  }
  const text = await response.text();
  if (text === "" || id === undefined) return;
  const body = JSON.parse(text) as Record<string, unknown>;
  if (body["jsonrpc"] === "2.0") yield { ...body, id } as JSONRPCMessage;
  else yield { jsonrpc: "2.0", id, error: errorOf(body) };
}

/** A problem of the HTTP edge (RFC 9457) as a JSON-RPC error. */
function errorOf(problem: Record<string, unknown>): { code: number; message: string; data: unknown } {
  const { type: _type, title: _title, status: _status, detail, ...data } = problem;
  return { code: SERVER_ERROR, message: String(detail ?? "the request was refused"), data };
}

/** The data of each event of a stream, until it ends or `signal` aborts. Ours are single lines. */
async function* eventData(response: Response, signal: AbortSignal): AsyncGenerator<string> {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  // Nobody waits for the rest of a cancelled request.
  const leave = () => void reader.cancel().catch(() => {});
  signal.addEventListener("abort", leave, { once: true });
  if (signal.aborted) leave();
  let rest = "";
  const decoder = new TextDecoder();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const data = line.startsWith("data:") ? line.slice(5).trim() : "";
        if (data !== "") yield data;
      }
    }
  } finally {
    signal.removeEventListener("abort", leave);
    leave();
  }
}
