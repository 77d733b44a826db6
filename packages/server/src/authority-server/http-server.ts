/**
 * The HTTP server around the authority.
 *
 * Guarantees: whole requests must come within 15 s and their headers within 5 s, so that slow senders hold nothing; what
 * is no HTTP answers in the protocol's form too.
 */
import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import type { Duplex } from "node:stream";
import { type BrokerProblem, brokerHeaders, requestIdOf, toBrokerProblem } from "@deputize/authority";
import { DeputizeError } from "@deputize/core";

export type NodeHandler = (request: IncomingMessage, response: ServerResponse) => void;

const TIMES = {
  requestMs: 15_000,
  headersMs: 5_000,
  idleMs: 120_000,
} as const;

/** A server that is not listening yet; `handler` is asked for at each request. `endStreams` ends event streams. */
export function createAuthorityServer(
  handler: () => NodeHandler,
  secure: boolean,
): { readonly server: Server; readonly endStreams: () => void } {
  const streams = new Set<ServerResponse>();
  const server = createServer(
    {
      requestTimeout: TIMES.requestMs,
      headersTimeout: TIMES.headersMs,
      keepAliveTimeout: TIMES.idleMs,
      connectionsCheckingInterval: 1_000,
      // Refused below, in the protocol's form.
      requireHostHeader: false,
    },
    (request, response) => {
      if (request.headers.host === undefined) {
        withoutHost(request, response, secure);
        return;
      }
      if (headerOf(request, "accept")?.includes("text/event-stream") === true) {
        streams.add(response);
        response.on("close", () => streams.delete(response));
      }
      handler()(request, response);
    },
  );
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (!socket.writable || error.code === "ECONNRESET") {
      socket.destroy();
      return;
    }
    const problem = toBrokerProblem(
      new DeputizeError("invalid_request", "this is no HTTP request that can be read in time"),
      { instance: "/", requestId: requestIdOf(undefined) },
    );
    const body = JSON.stringify(problem);
    const head = Object.entries({ ...problemHeaders(problem, secure), Connection: "close" })
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join("");
    socket.end(
      `HTTP/1.1 400 Bad Request\r\n${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  });
  return {
    server,
    endStreams: () => {
      for (const response of streams) response.destroy();
    },
  };
}

/** RFC 9112 §3.2 asks for 400. */
function withoutHost(request: IncomingMessage, response: ServerResponse, secure: boolean): void {
  const problem = toBrokerProblem(
    new DeputizeError("invalid_request", "name the host that is asked: `Host`"),
    {
      instance: pathOf(request),
      requestId: requestIdOf(headerOf(request, "x-request-id")),
    },
  );
  response.writeHead(problem.status, { ...problemHeaders(problem, secure), Connection: "close" });
  response.end(JSON.stringify(problem));
}

export function problemHeaders(problem: BrokerProblem, secure: boolean): Record<string, string> {
  return {
    ...brokerHeaders(secure),
    "Content-Type": "application/problem+json",
    "X-Request-ID": problem.request_id,
  };
}

/** Answers every request with 503 until the authority stands. */
export function stillStarting(secure: boolean): NodeHandler {
  return (request, response) => {
    const requestId = requestIdOf(headerOf(request, "x-request-id"));
    const error = new DeputizeError("unavailable", "the authority is starting; try again in a moment");
    const problem = toBrokerProblem(error, { instance: pathOf(request), requestId });
    response.writeHead(problem.status, { ...problemHeaders(problem, secure), "Retry-After": "2" });
    response.end(JSON.stringify(problem));
    request.resume();
  };
}

export function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === "string" ? value : undefined;
}

export function pathOf(request: IncomingMessage): string {
  return (request.url ?? "/").split("?", 1)[0] ?? "/";
}
