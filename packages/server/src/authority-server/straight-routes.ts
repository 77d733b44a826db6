/**
 * A straight way for the few routes that programs call all the time: from the socket to the answer without a framework.
 *
 * Guarantees: the same checks, answers and headers as the same routes behind the framework, which serve every other spelling
 * of their address, and requests with a credential, which these routes ask for none of.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { type StraightRoute, brokerHeaders, requestIdOf, toBrokerProblem } from "@deputize/authority";
import { type Clock, DeputizeError, isDeputizeError, telemetry, withContext } from "@deputize/core";
import type { Logger, Metrics } from "../telemetry/index.ts";
import { type NodeHandler, headerOf, pathOf, problemHeaders } from "./http-server.ts";
import type { SourceAddress } from "./source-address.ts";

const MAX_BYTES = 1_048_576;
/** Of these a request has one at most: whether it has is looked at behind the framework. */
const CREDENTIALS = ["authorization", "cookie", "x-api-key"] as const;
const SUCCEEDED = { "http.response.status_code": 200 } as const;

export interface StraightRoutesOptions {
  readonly routes: ReadonlyMap<string, StraightRoute>;
  readonly source: SourceAddress;
  readonly allowedHosts: readonly string[];
  readonly secure: boolean;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, "request">;
  readonly clock: Clock;
  /** Everything else. */
  readonly otherwise: NodeHandler;
}

/** Serves the straight routes itself and hands on the rest. */
export function withStraightRoutes(options: StraightRoutesOptions): NodeHandler {
  const { routes, source, secure, logger, metrics, clock, otherwise } = options;
  const hosts = new Set(options.allowedHosts.map((host) => host.toLowerCase()));
  const fixed = { ...brokerHeaders(secure), "Content-Type": "application/json" };

  function fail(request: IncomingMessage, response: ServerResponse, requestId: string, error: unknown): void {
    telemetry.count("refusals", { code: isDeputizeError(error) ? error.code : "internal" });
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

  function answer(
    route: StraightRoute,
    request: IncomingMessage,
    response: ServerResponse,
    text: string,
    requestId: string,
  ): void {
    const from = source(request.socket.remoteAddress, headerOf(request, "x-forwarded-for"));
    const { method = "", url = "" } = request;
    const work = (): Promise<void> =>
      withContext({ requestId }, () => route(text, from)).then(
        (body) => {
          telemetry.annotate(SUCCEEDED);
          response.writeHead(200, {
            ...fixed,
            "X-Request-ID": requestId,
            "Content-Length": Buffer.byteLength(body),
          });
          response.end(body);
        },
        (error: unknown) => {
          fail(request, response, requestId, error);
          telemetry.annotate({ "http.response.status_code": response.statusCode });
        },
      );
    const facts = { "http.request.method": method, "http.route": url };
    void telemetry.span("http.request", facts, work, headerOf(request, "traceparent"));
  }

  return (request, response) => {
    const { method = "", url = "" } = request;
    const route = routes.get(`${method} ${url}`);
    if (route === undefined || CREDENTIALS.some((name) => request.headers[name] !== undefined)) {
      otherwise(request, response);
      return;
    }
    const began = clock.monotonicMs();
    response.on("finish", () => {
      const seconds = (clock.monotonicMs() - began) / 1000;
      metrics.request({ route: url, method, status: response.statusCode, seconds });
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
    if (method === "GET") {
      request.resume();
      answer(route, request, response, "", requestId);
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
      answer(route, request, response, whole?.toString("utf8") ?? "", requestId);
    });
  };
}
