/**
 * The way of one request through a tool server, once its sender is known: size → rate limit → the target among what the caller
 * may see → guards → the call, by the SDK or straight.
 *
 * Guarantees: the order is this one for tools, resources, prompts and completions alike; an unknown target and a forbidden one
 * go the same way and cost the same; each refusal leaves its entry; open streams end with the sign-in behind them.
 */
import { type Caller, type Clock, DeputizeError } from "@deputize/core";
import { type ServerContext, createMcpHandler } from "@modelcontextprotocol/server";
import { type Asker, decide, stepUpScopes } from "./admission.ts";
import type { Arrivals } from "./arrivals.ts";
import { performCall } from "./call.ts";
import { type Definition, NO_ARGUMENTS, SUGGESTIONS } from "./definition.ts";
import type { GuardDecision } from "./guards.ts";
import type { LegacySessions } from "./http/legacy-sessions.ts";
import { readBody } from "./http/read-body.ts";
import { metadataUrl, problemResponse, rpcErrorResponse, scopeChallenge } from "./http/responses.ts";
import { endWith, onEnd } from "./http/streams.ts";
import { type Operation, protocolOperation, readInbound } from "./inbound.ts";
import type { Middleware } from "./middleware/middleware.ts";
import type { RateLimits } from "./middleware/rate-limit.ts";
import { type Arrival, type ProtocolHost, protocolServer, toolResult } from "./protocol.ts";
import { META, isContentResult } from "./results.ts";
import type { MCPServerOptions } from "./server-options.ts";
import type { SignIn } from "./sign-in.ts";
import type { StatedCallers } from "./stdio/principal.ts";
import { type StraightCall, readStraightCall, straightResult, straightWire } from "./straight-call.ts";
import { type Visit, closeRefused } from "./visit.ts";

export interface AdmissionDeskOptions {
  readonly host: ProtocolHost;
  readonly arrivals: Arrivals;
  readonly limits: RateLimits;
  readonly middleware: () => readonly Middleware[];
  readonly sessions: () => LegacySessions | undefined;
  readonly stated: StatedCallers;
  readonly signIn: Pick<SignIn, "callerOf">;
  readonly url: () => URL;
  readonly stepUp: MCPServerOptions["stepUp"];
  readonly maxBodyBytes: number;
  readonly clock: Clock;
}

export class AdmissionDesk {
  readonly #options: AdmissionDeskOptions;
  readonly #host: ProtocolHost;
  readonly #handler: ReturnType<typeof createMcpHandler>;

  constructor(options: AdmissionDeskOptions) {
    this.#options = options;
    this.#host = options.host;
    this.#handler = createMcpHandler(() => protocolServer(options.host), {
      maxRequestBodySize: options.maxBodyBytes,
    });
  }

  close(): Promise<void> {
    return this.#handler.close();
  }

  /** Answers a request of a caller that is known. */
  async serve(request: Request, asker: Asker, theirs: string | undefined): Promise<Response> {
    if (request.method !== "POST") return this.#dispatch(request, undefined, { ...asker });
    const read = await readBody(request, this.#options.maxBodyBytes);
    if (read.tooLarge)
      return this.#refuseRequest(
        asker,
        new DeputizeError("payload_too_large", "the request body is too large"),
      );
    let body: unknown;
    try {
      body = JSON.parse(read.text);
    } catch {
      return rpcErrorResponse(400, -32700, "the body is not JSON", null);
    }
    const inbound = readInbound(body);
    const id = (body as { id?: unknown } | null)?.id;
    try {
      await this.#options.limits.takeForCaller(asker.caller, this.#options.middleware());
    } catch (limited) {
      const visit = this.#visit(
        asker,
        inbound.kind === "operation" ? inbound.operation : protocolOperation("request"),
        request,
        theirs,
      );
      await closeRefused(this.#host.services, visit, limited as DeputizeError);
      return problemResponse(limited, asker.requestId);
    }
    if (inbound.kind === "malformed") {
      const method = (body as { method?: unknown } | null)?.method;
      const visit = this.#visit(
        asker,
        protocolOperation(typeof method === "string" ? method : "request"),
        request,
        theirs,
      );
      const entryId = await closeRefused(
        this.#host.services,
        visit,
        new DeputizeError("invalid_request", inbound.message),
      );
      return rpcErrorResponse(400, -32602, inbound.message, id, {
        code: "invalid_request",
        ...(entryId && { [META.entryId]: entryId }),
      });
    }
    if (inbound.kind === "plain") return this.#dispatch(request, body, { ...asker });
    return this.#admit(request, body, asker, inbound.operation, theirs);
  }

  /** Finds the target, asks its guards, and hands an admitted call to the protocol. */
  async #admit(
    request: Request,
    body: unknown,
    asker: Asker,
    operation: Operation,
    theirs: string | undefined,
  ): Promise<Response> {
    const definition = this.#host.catalogue.find(operation);
    const decision = definition && (await decide(definition, asker));
    const visible = decision?.allowed === true ? definition : undefined;
    const denial =
      decision && !decision.allowed ? { guard: decision.guard, text: decision.denial } : undefined;
    const admitted = visible && operation.kind === "completion" ? completionOf(visible, operation) : visible;
    const visit = this.#visit(asker, operation, request, theirs, admitted, denial);
    if (!admitted) {
      const scopes = decision && (await this.#withinReach(decision, asker.caller));
      if (scopes) return this.#askForScopes(visit, scopes);
      const code = denial && !this.#host.hideUnauthorized ? "forbidden" : "not_found";
      await closeRefused(
        this.#host.services,
        visit,
        new DeputizeError(denial ? "forbidden" : "not_found", code),
      );
      return this.#dispatch(request, body, { ...asker, visit });
    }
    try {
      await this.#options.limits.takeForTarget(asker.caller, admitted, this.#options.middleware());
    } catch (limited) {
      await closeRefused(this.#host.services, visit, limited as DeputizeError);
      return problemResponse(limited, asker.requestId);
    }
    const arrival: Arrival & { readonly visit: Visit } = { ...asker, visit };
    const straight = operation.kind === "tool" ? readStraightCall(request, body) : undefined;
    if (straight) return this.#answerStraight(straight, request, body, arrival, admitted);
    const response = await this.#dispatch(request, body, arrival);
    return onEnd(response, async () => {
      if (arrival.started) return;
      const error = new DeputizeError("invalid_request", "the protocol layer refused the message");
      await closeRefused(this.#host.services, visit, error, { protocol_status: response.status });
    });
  }

  /** The scopes to step up to. None where the author's own rule fails: then the tool does not exist, as without the rule. */
  async #withinReach(decision: GuardDecision, caller: Caller): Promise<readonly string[] | undefined> {
    if (decision.allowed || !this.#options.stepUp) return undefined;
    try {
      return stepUpScopes(decision, await this.#options.stepUp(caller));
    } catch {
      return undefined;
    }
  }

  /** The plain case of a tool call (straight-call.ts). What the client is asked for, and blocks of content, go the SDK's way. */
  async #answerStraight(
    call: StraightCall,
    request: Request,
    body: unknown,
    arrival: Arrival & { readonly visit: Visit },
    definition: Definition,
  ): Promise<Response> {
    const { visit } = arrival;
    const seal = (state: unknown) =>
      this.#host.stateCodec.mint(state, {
        http: { authInfo: this.#options.arrivals.authInfoOf(arrival) },
      } as ServerContext);
    const wire = straightWire(call, request.signal, seal);
    const outcome = await performCall(this.#host.services, visit, definition, wire);
    if (outcome.kind === "input_required" || (outcome.kind === "done" && isContentResult(outcome.value)))
      return this.#dispatch(request, body, { ...arrival, outcome });
    return straightResult(call, toolResult(visit, outcome), this.#host);
  }

  async #askForScopes(visit: Visit, scopes: readonly string[]): Promise<Response> {
    const error = new DeputizeError("insufficient_scope", "this needs more scopes", { detail: { scopes } });
    await closeRefused(this.#host.services, visit, error);
    const challenge = scopeChallenge(scopes, metadataUrl(this.#options.url()));
    return problemResponse(error, visit.requestId, { "www-authenticate": challenge });
  }

  async #refuseRequest(asker: Asker, error: DeputizeError): Promise<Response> {
    const request = new Request(this.#options.url());
    await closeRefused(
      this.#host.services,
      this.#visit(asker, protocolOperation("request"), request, undefined),
      error,
    );
    return problemResponse(error, asker.requestId);
  }

  #visit(
    asker: Asker,
    operation: Operation,
    request: Request,
    theirs: string | undefined,
    definition?: Definition,
    denial?: Visit["denial"],
  ): Visit {
    const session =
      operation.notes.conversationId ?? request.headers.get("mcp-session-id")?.slice(0, 128) ?? "default";
    const { headers } = request;
    return {
      ...asker,
      headers,
      clientRequestId: theirs,
      session,
      operation,
      definition,
      denial,
      closed: undefined,
    };
  }

  /** Hands a message to the SDK, which answers it with our handlers (protocol.ts). */
  async #dispatch(request: Request, parsedBody: unknown, arrival: Arrival): Promise<Response> {
    const { caller } = arrival;
    const authInfo = this.#options.arrivals.authInfoOf(arrival);
    const life = new AbortController();
    const signal = AbortSignal.any([request.signal, life.signal]);
    const { method, headers, url } = request;
    const forwarded = this.#options.stated.passOn(request, new Request(url, { method, headers, signal }));
    const passed = { authInfo, ...(parsedBody !== undefined && { parsedBody }) };
    const response =
      (await this.#options.sessions()?.fetch(forwarded, passed, arrival)) ??
      (await this.#handler.fetch(forwarded, passed));
    return endWith(response, life, {
      clock: this.#options.clock,
      expiresAt: caller.token?.expiresAt,
      stillGood: async () => void (await this.#options.signIn.callerOf(forwarded)),
    });
  }
}

/** Suggestions for one argument, as a definition of their own behind the same guards. */
function completionOf(definition: Definition, operation: Operation): Definition {
  const { argument = "", value = "" } = operation.completion ?? {};
  const suggest =
    definition.complete && Object.hasOwn(definition.complete, argument)
      ? definition.complete[argument]
      : undefined;
  return {
    ...definition,
    input: NO_ARGUMENTS,
    output: SUGGESTIONS,
    argumentGuards: [],
    run: async (_args, context) => (suggest ? suggest(value, context as Parameters<typeof suggest>[1]) : []),
  };
}
