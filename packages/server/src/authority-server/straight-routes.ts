/**
 * A straight way for the routes that programs call all the time: from the socket to the answer without a framework.
 *
 * Guarantees: the same checks, answers and headers as the same routes behind the framework, which serves every other spelling
 * of their address, and every request whose credential is not one plain bearer token that stands and holds the route's scope:
 * what is refused for its credential is refused, and recorded, in one place only.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import {
  type BrokerCaller,
  type StraightAnswer,
  type StraightRoute,
  type StraightRoutes,
  brokerHeaders,
  requestContextOf,
  requestIdOf,
  toBrokerProblem,
} from "@deputize/authority";
import { bearerChallenge } from "@deputize/client";
import {
  type Clock,
  DeputizeError,
  isDeputizeError,
  scopeIsSubset,
  telemetry,
  withContext,
} from "@deputize/core";
import type { Logger, Metrics } from "../telemetry/index.ts";
import { type NodeHandler, headerOf, pathOf, problemHeaders } from "./http-server.ts";
import type { SourceAddress } from "./source-address.ts";

const MAX_BYTES = 1_048_576;
const CREDENTIALS = ["cookie", "x-api-key"] as const;
const BEARER = /^Bearer (\S+)$/;

export interface StraightRoutesOptions {
  readonly routes: StraightRoutes;
  /** Who holds a token. Throws when it does not stand. */
  readonly verify: (token: string) => Promise<BrokerCaller>;
  readonly source: SourceAddress;
  readonly allowedHosts: readonly string[];
  readonly secure: boolean;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, "request">;
  readonly clock: Clock;
  /** Everything else. */
  readonly otherwise: NodeHandler;
}

/** A request that is served here. */
interface Straight {
  readonly route: StraightRoute;
  readonly path: string;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  readonly caller: BrokerCaller | undefined;
}

/** Serves the straight routes itself and hands on the rest. */
export function withStraightRoutes(options: StraightRoutesOptions): NodeHandler {
  const { routes, source, secure, logger, metrics, clock, otherwise } = options;
  const hosts = new Set(options.allowedHosts.map((host) => host.toLowerCase()));
  const fixed = brokerHeaders(secure);

  function fail({ route, request, response, requestId }: Straight, error: unknown): void {
    telemetry.count("refusals", { code: isDeputizeError(error) ? error.code : "internal" });
    const problem = toBrokerProblem(error, { instance: pathOf(request), requestId });
    if (problem.status >= 500) logger.error({ err: error, request_id: requestId }, "a request failed");
    if (response.headersSent || response.destroyed) return;
    const wait = isDeputizeError(error) ? error.retryAfterSeconds : undefined;
    const body = JSON.stringify(problem);
    response.writeHead(problem.status, {
      ...problemHeaders(problem, secure),
      "Content-Length": Buffer.byteLength(body),
      ...(problem.status === 401 && {
        "WWW-Authenticate": bearerChallenge({
          realm: "broker",
          ...(route.bearer !== undefined && { error: "invalid_token" }),
        }),
      }),
      ...(wait !== undefined && { "Retry-After": String(Math.ceil(wait)) }),
      // What was not read of the body would be taken for the next request.
      ...(!request.complete && { Connection: "close" }),
    });
    response.end(body);
  }

  function ask({ route, request, caller }: Straight, text: string, from: string): Promise<StraightAnswer> {
    const mark = request.url?.indexOf("?") ?? -1;
    const asked = { text, query: mark < 0 ? "" : (request.url?.slice(mark + 1) ?? ""), source: from };
    if (route.bearer === undefined) return route.answer(asked);
    if (!caller) throw new DeputizeError("internal", "a request without its caller");
    return route.answer(asked, caller);
  }

  function answer(straight: Straight, text: string): void {
    const { request, response, requestId, path } = straight;
    const from = source(request.socket.remoteAddress, headerOf(request, "x-forwarded-for"));
    const traceparent = headerOf(request, "traceparent");
    const work = (): Promise<void> =>
      withContext(requestContextOf({ requestId, traceparent, source: from }), async () =>
        ask(straight, text, from),
      ).then(
        ({ status, body }) => {
          response.writeHead(status, {
            ...fixed,
            "X-Request-ID": requestId,
            ...(status !== 204 && {
              "Content-Type": "application/json",
              "Content-Length": typeof body === "string" ? Buffer.byteLength(body) : body.length,
            }),
          });
          response.end(body);
          telemetry.annotate({ "http.response.status_code": status });
        },
        (error: unknown) => {
          fail(straight, error);
          telemetry.annotate({ "http.response.status_code": response.statusCode });
        },
      );
    const facts = { "http.request.method": request.method ?? "", "http.route": path };
    void telemetry.span("http.request", facts, work, traceparent);
  }

  /** Tells of the request when it is answered. */
  function observe({ route, path, request, response, requestId, caller }: Straight, began: number): void {
    const method = request.method ?? "";
    response.on("finish", () => {
      const status = response.statusCode;
      const took = clock.monotonicMs() - began;
      metrics.request({ route: path, method, status, seconds: took / 1000 });
      if (route.quiet) return;
      const ms = Math.round(took * 10) / 10;
      const actor = caller && { actor: caller.principal };
      logger.info({ request_id: requestId, method, route: path, status, ms, ...actor }, "request");
    });
  }

  function serve(straight: Straight): void {
    const { request } = straight;
    const tooLarge = (): void =>
      fail(straight, new DeputizeError("payload_too_large", `the body may hold ${MAX_BYTES} bytes`));
    if (!hosts.has((request.headers.host ?? "").toLowerCase())) {
      fail(straight, new DeputizeError("forbidden", "this host is not served here"));
      return;
    }
    if (Number(request.headers["content-length"] ?? 0) > MAX_BYTES) {
      tooLarge();
      return;
    }
    if (request.method === "GET") {
      request.resume();
      answer(straight, "");
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
      answer(straight, whole?.toString("utf8") ?? "");
    });
  }

  return (request, response) => {
    const { method = "", url = "" } = request;
    const path = pathOf(request);
    const route = routes.get(`${method} ${path}`);
    const plain = route !== undefined && (path === url || (route.query === true && !url.includes("%00")));
    const bearer = headerOf(request, "authorization");
    if (
      !plain ||
      CREDENTIALS.some((name) => request.headers[name] !== undefined) ||
      (bearer === undefined) !== (route.bearer === undefined)
    ) {
      otherwise(request, response);
      return;
    }
    const began = clock.monotonicMs();
    const begin = (caller: BrokerCaller | undefined): void => {
      const requestId = requestIdOf(headerOf(request, "x-request-id"));
      const straight = { route, path, request, response, requestId, caller };
      observe(straight, began);
      serve(straight);
    };
    const scope = route.bearer;
    if (scope === undefined) {
      begin(undefined);
      return;
    }
    const token = isOnce(request, "authorization") ? BEARER.exec(bearer ?? "")?.[1] : undefined;
    if (token === undefined || !hosts.has((request.headers.host ?? "").toLowerCase())) {
      otherwise(request, response);
      return;
    }
    void options.verify(token).then(
      (caller) => {
        // A token that is bound to a key is no plain bearer.
        if (caller.jkt !== undefined || (scope !== "" && !scopeIsSubset([scope], caller.scopes))) {
          otherwise(request, response);
          return;
        }
        telemetry.count("validations", { outcome: "valid" });
        begin(caller);
      },
      () => otherwise(request, response),
    );
  };
}

/** Node keeps the first of repeated `Authorization` headers and says nothing of the others. */
function isOnce(request: IncomingMessage, name: string): boolean {
  let times = 0;
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    const sent = request.rawHeaders[i] ?? "";
    if (sent.length === name.length && sent.toLowerCase() === name) times += 1;
  }
  return times === 1;
}
