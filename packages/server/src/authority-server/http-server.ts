/**
 * The HTTP server around the authority: limits of time, and a straight way for the one route that services call on every
 * request of theirs.
 *
 * Guarantees: whole requests must come within 15 s and their headers within 5 s, so that slow senders hold nothing; what
 * is no HTTP answers in the protocol's form too. The straight way passes the same checks and sends the same answers as
 * the same route behind the framework.
 */
import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import type { Duplex } from "node:stream";
import { type BrokerProblem, brokerHeaders, requestIdOf, toBrokerProblem } from "@deputize/authority";
import { type Clock, DeputizeError, isDeputizeError, withContext } from "@deputize/core";
import type { Logger, Metrics } from "../telemetry/index.ts";
import type { SourceAddress } from "./source-address.ts";

export type NodeHandler = (request: IncomingMessage, response: ServerResponse) => void;

export const TIMES = {
  requestMs: 15_000,
  headersMs: 5_000,
  idleMs: 120_000,
} as const;

const PATH = "/v1/token/validate";
const MAX_BYTES = 1_048_576;

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
    },
    (request, response) => {
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

function problemHeaders(problem: BrokerProblem, secure: boolean): Record<string, string> {
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

function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === "string" ? value : undefined;
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? "/").split("?", 1)[0] ?? "/";
}

export interface ValidateHandlerOptions {
  readonly validate: (text: string, source: string) => Promise<string>;
  readonly source: SourceAddress;
  readonly allowedHosts: readonly string[];
  readonly secure: boolean;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, "request">;
  readonly clock: Clock;
  /** Everything else. */
  readonly otherwise: NodeHandler;
}

/** Serves `POST /v1/token/validate` itself and hands on the rest. */
export function withStraightValidate(options: ValidateHandlerOptions): NodeHandler {
  const { validate, source, secure, logger, metrics, clock, otherwise } = options;
  const hosts = new Set(options.allowedHosts.map((host) => host.toLowerCase()));
  const fixed = { ...brokerHeaders(secure), "Content-Type": "application/json" };

  function fail(request: IncomingMessage, response: ServerResponse, requestId: string, error: unknown): void {
    const problem = toBrokerProblem(error, { instance: pathOf(request), requestId });
    if (problem.status >= 500) logger.error({ err: error, request_id: requestId }, "a request failed");
    if (response.headersSent || response.destroyed) return;
    const wait = isDeputizeError(error) ? error.retryAfterSeconds : undefined;
    response.writeHead(problem.status, {
      ...problemHeaders(problem, secure),
      ...(wait !== undefined && { "Retry-After": String(Math.ceil(wait)) }),
      // What was not read of the body would be taken for the next request.
      ...(!request.complete && { Connection: "close" }),
    });
    response.end(JSON.stringify(problem));
  }

  function answer(request: IncomingMessage, response: ServerResponse, text: string, requestId: string): void {
    const from = source(request.socket.remoteAddress, headerOf(request, "x-forwarded-for"));
    withContext({ requestId }, () => validate(text, from)).then(
      (body) => {
        response.writeHead(200, {
          ...fixed,
          "X-Request-ID": requestId,
          "Content-Length": Buffer.byteLength(body),
        });
        response.end(body);
      },
      (error: unknown) => fail(request, response, requestId, error),
    );
  }

  return (request, response) => {
    if (request.method !== "POST" || request.url !== PATH) {
      otherwise(request, response);
      return;
    }
    const began = clock.monotonicMs();
    response.on("finish", () => {
      const seconds = (clock.monotonicMs() - began) / 1000;
      metrics.request({ route: PATH, method: "POST", status: response.statusCode, seconds });
    });
    const requestId = requestIdOf(headerOf(request, "x-request-id"));
    const refuse = (error: DeputizeError): void => fail(request, response, requestId, error);
    const tooLarge = (): void =>
      refuse(new DeputizeError("payload_too_large", `the body may hold ${MAX_BYTES} bytes`));
    if (!hosts.has((request.headers.host ?? "").toLowerCase())) {
      refuse(new DeputizeError("forbidden", "this host is not served here"));
      return;
    }
    if (Number(request.headers["content-length"] ?? 0) > MAX_BYTES) {
      tooLarge();
      return;
    }
    let first: Buffer | undefined;
    let rest: Buffer[] | undefined;
    let size = 0;
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_BYTES) {
        request.removeAllListeners("data").removeAllListeners("end").resume();
        tooLarge();
        return;
      }
      if (first === undefined) first = chunk;
      else (rest ??= []).push(chunk);
    });
    request.on("end", () => {
      const whole = rest === undefined ? first : Buffer.concat([first ?? Buffer.alloc(0), ...rest]);
      answer(request, response, whole?.toString("utf8") ?? "", requestId);
    });
  };
}
