/**
 * Sessions for clients of protocol revision 2025-11-25, which a server can ask for input only while it holds a
 * connection to them.
 *
 * Guarantees: a session belongs to the tenant, subject and client that opened it, and every request of it is
 * authenticated anew, so a stolen session id opens nothing; sessions are bounded in number and idle time; the stream of
 * a cancelled request, which gets no answer, ends.
 * Does not: work across replicas. The newer revision needs no sessions; leave them off unless you need them.
 */
import { type Clock, hashParts, newId } from "@deputize/core";
import {
  type McpHandlerRequestOptions,
  type Server,
  WebStandardStreamableHTTPServerTransport,
  isInitializeRequest,
} from "@modelcontextprotocol/server";
import { z } from "zod";
import { type Arrival, type ProtocolHost, protocolServer } from "../protocol.ts";
import { rpcErrorResponse } from "./responses.ts";

interface Session {
  readonly owner: string;
  readonly server: Server;
  readonly transport: WebStandardStreamableHTTPServerTransport;
  readonly subscriptions: Set<string>;
  usedMs: number;
}

const MAX_SESSIONS = 1000;
const MAX_PER_OWNER = 32;
const IDLE_MS = 30 * 60_000;

export class LegacySessions {
  readonly #sessions = new Map<string, Session>();
  readonly #host: ProtocolHost;
  readonly #clock: Clock;

  constructor(host: ProtocolHost, clock: Clock) {
    this.#host = host;
    this.#clock = clock;
  }

  /** Answers what belongs to a session or opens one; undefined for everything else. */
  async fetch(
    request: Request,
    passed: McpHandlerRequestOptions,
    arrival: Arrival,
  ): Promise<Response | undefined> {
    const { caller } = arrival;
    const owner = hashParts([caller.tenant, caller.subject, caller.clientId]);
    const id = request.headers.get("mcp-session-id");
    if (id === null)
      return isInitializeRequest(passed.parsedBody) ? this.#open(request, passed, owner) : undefined;
    const session = this.#sessions.get(id);
    // Another's session and no session at all answer the same.
    if (!session || session.owner !== owner) return rpcErrorResponse(404, -32001, "session not found", null);
    session.usedMs = this.#clock.monotonicMs();
    const response = await session.transport.handleRequest(request, passed);
    const cancelled = cancelledRequest(passed.parsedBody);
    if (cancelled !== undefined && response.ok) session.transport.closeSSEStream(cancelled);
    return response;
  }

  resourceUpdated(uri: string): void {
    for (const { server, subscriptions } of this.#sessions.values()) {
      if (subscriptions.has(uri)) void server.sendResourceUpdated({ uri }).catch(() => undefined);
    }
  }

  async close(): Promise<void> {
    const closing = [...this.#sessions.values()].map(({ server }) => server.close().catch(() => undefined));
    this.#sessions.clear();
    await Promise.all(closing);
  }

  async #open(request: Request, passed: McpHandlerRequestOptions, owner: string): Promise<Response> {
    this.#dropIdle();
    const owned = [...this.#sessions.values()].filter((s) => s.owner === owner).length;
    if (this.#sessions.size >= MAX_SESSIONS || owned >= MAX_PER_OWNER) {
      return rpcErrorResponse(503, -32000, "too many open sessions; close one or try later", null);
    }
    const subscriptions = new Set<string>();
    const server = protocolServer({ ...this.#host, subscriptions });
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => newId(this.#clock),
      onsessioninitialized: (id) => {
        this.#sessions.set(id, {
          owner,
          server,
          transport,
          subscriptions,
          usedMs: this.#clock.monotonicMs(),
        });
      },
      onsessionclosed: (id) => void this.#sessions.delete(id),
    });
    await server.connect(transport);
    return transport.handleRequest(request, passed);
  }

  #dropIdle(): void {
    const now = this.#clock.monotonicMs();
    for (const [id, session] of this.#sessions) {
      if (now - session.usedMs < IDLE_MS) continue;
      this.#sessions.delete(id);
      void session.server.close().catch(() => undefined);
    }
  }
}

const Cancelled = z.object({
  method: z.literal("notifications/cancelled"),
  params: z.object({ requestId: z.union([z.string(), z.number()]) }),
});

/** The request that a message cancels; undefined for any other message. */
function cancelledRequest(message: unknown): string | number | undefined {
  const read = Cancelled.safeParse(message);
  return read.success ? read.data.params.requestId : undefined;
}
