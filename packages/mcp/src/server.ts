/**
 * A guarded MCP server: `fetch(request)` from a web request to an answer, in the order authenticate → rate limit →
 * find among what this caller may see → guards, then the call itself (call.ts).
 *
 * Guarantees: nothing runs for a caller that is not known; two credentials, a foreign Host or Origin, and a
 * body past its limit are refused before anything is parsed (SR-26); each operation leaves one audit entry;
 * open streams end when their token expires or is revoked. Speaks the protocol revisions 2026-07-28 and
 * 2025-11-25 over streamable HTTP.
 * Does not: terminate TLS, or read forwarding headers; the host in front does.
 */
import type { Server as HttpServer } from "node:http";
import { randomBytes } from "node:crypto";
import {
  type Clock,
  DeputizeError,
  currentContext,
  freezeCaller,
  isDeputizeError,
  newId,
  systemClock,
  withCaller,
  withContext,
} from "@deputize/core";
import { type RefusalCounter, refusalCounter } from "@deputize/audit";
import { openEphemeral } from "@deputize/store";
import {
  type AuthInfo,
  createMcpHandler,
  createRequestStateCodec,
  localhostAllowedHostnames,
  originValidationResponse,
  readRequestBody,
  validateHostHeader,
} from "@modelcontextprotocol/server";
import { type Asker, Catalogue, RateLimits, decide, stepUpScopes } from "./admission.ts";
import { memoryAudit } from "./audit-sink.ts";
import type { Authenticator } from "./auth/authenticator.ts";
import { type CallServices, type Visit, closeRefused } from "./visit.ts";
import { clientContext, deepFreeze } from "./client-context.ts";
import { type Definition, NO_ARGUMENTS } from "./definition.ts";
import { type Explanation, explainTool } from "./explain.ts";
import { serveNode } from "./http/listen.ts";
import { LegacySessions } from "./http/legacy-sessions.ts";
import {
  metadataPath,
  metadataUrl,
  problemResponse,
  rpcErrorResponse,
  scopeChallenge,
  unauthenticatedChallenge,
} from "./http/responses.ts";
import { endWith, onEnd } from "./http/streams.ts";
import { type Operation, protocolOperation, readInbound } from "./inbound.ts";
import type { Middleware } from "./middleware.ts";
import { type Arrival, type ProtocolHost, protocolServer } from "./protocol.ts";
import { META } from "./results.ts";
import { MCPRouter } from "./router.ts";
import type { FetchInfo, MCPServerOptions } from "./server-options.ts";

const DEFAULT_URL = "http://localhost/mcp";
/** Larger arguments belong in a file; bounds the parsing that a request can cost. */
const DEFAULT_MAX_BODY_BYTES = 1024 * 1024;
/** What fits a model's context several times over. */
const DEFAULT_MAX_RESULT_BYTES = 256 * 1024;
/** Failed sign-ins from one address before it has to wait (SR-19). */
const STRANGER_LIMIT = { points: 60, durationSeconds: 60 };

export class MCPServer extends MCPRouter {
  readonly name: string;
  readonly #options: MCPServerOptions;
  readonly #auth: Authenticator;
  readonly #clock: Clock;
  readonly #catalogue = new Catalogue();
  readonly #serverMiddleware: Middleware[];
  readonly #refusals: RefusalCounter;
  readonly #arrivals = new WeakMap<AuthInfo, Arrival>();
  readonly #services: CallServices;
  readonly #limits: RateLimits;
  readonly #host: ProtocolHost;
  readonly #handler: ReturnType<typeof createMcpHandler>;
  readonly #sessions: LegacySessions | undefined;
  #url: URL;
  #http: HttpServer | undefined;

  /** Throws `config_invalid` for options that cannot be kept. */
  constructor(options: MCPServerOptions) {
    super({ ...(options.guards && { guards: options.guards }) });
    if (!options.auth)
      throw new DeputizeError("config_invalid", "MCPServer needs `auth`; there is no anonymous access");
    this.name = options.name;
    this.#options = options;
    this.#auth = options.auth;
    this.#clock = options.clock ?? systemClock;
    this.#url = new URL(options.url ?? DEFAULT_URL);
    this.#serverMiddleware = [...(options.middleware ?? [])];
    let ephemeral = options.ephemeral && Promise.resolve(options.ephemeral);
    const openOnce = () => (ephemeral ??= openEphemeral({ clock: this.#clock }));
    this.#services = {
      server: options.name,
      store: options.store,
      audit: options.audit ?? memoryAudit({ clock: this.#clock }),
      approvals: options.approvals,
      ephemeral: openOnce,
      clock: this.#clock,
      middleware: () => this.#serverMiddleware,
      sessionTtlMs: options.sessionTtlMs,
      maxResultBytes: options.maxResultBytes ?? DEFAULT_MAX_RESULT_BYTES,
    };
    this.#refusals = refusalCounter({
      log: this.#services.audit,
      clock: this.#clock,
      tenant: options.tenant ?? "default",
    });
    this.#limits = new RateLimits(options.name, openOnce);
    const stateCodec = createRequestStateCodec({
      key: options.stateKey ?? randomBytes(32),
      bind: (context) => {
        const visit = this.#arrivals.get(context.http?.authInfo as AuthInfo)?.visit;
        if (!visit) throw new DeputizeError("unauthenticated", "state without a caller");
        const { caller, operation } = visit;
        return JSON.stringify([
          caller.tenant,
          caller.subject,
          caller.clientId,
          operation.method,
          operation.target,
        ]);
      },
    });
    this.#host = {
      name: options.name,
      version: options.version ?? "1.0.0",
      instructions: options.instructions,
      hideUnauthorized: options.hideUnauthorized ?? true,
      catalogue: this.#catalogue,
      services: this.#services,
      stateCodec,
      arrivalOf: (auth) => (auth ? this.#arrivals.get(auth) : undefined),
    };
    this.#handler = createMcpHandler(() => protocolServer(this.#host), {
      maxRequestBodySize: this.#maxBodyBytes(),
    });
    this.#sessions = options.sessions ? new LegacySessions(this.#host, this.#clock) : undefined;
  }

  /** Adds middleware to everything on this server. */
  override use(...middleware: readonly Middleware[]): this {
    this.#serverMiddleware.push(...middleware);
    return this;
  }

  /** The order of checks of each tool, resource and prompt, for people who review them. */
  explain(): Explanation[] {
    return this.#catalogue.all().map((definition) =>
      explainTool(definition, {
        auth: this.#auth.name,
        middleware: this.#serverMiddleware,
        audit: this.#options.audit ? "log" : "memory",
      }),
    );
  }

  /** The RFC 9728 document of this server. */
  protectedResourceMetadata(): Record<string, unknown> {
    const scopes = this.#catalogue.all().flatMap((d) => d.guards.flatMap((g) => g.scopes ?? []));
    return {
      resource: this.#url.href,
      resource_name: this.name,
      authorization_servers: [...(this.#auth.authorizationServers ?? [])],
      bearer_methods_supported: ["header"],
      scopes_supported: [...new Set(scopes)],
    };
  }

  /** Answers a web request. Never throws. */
  readonly fetch = async (request: Request, info: FetchInfo = {}): Promise<Response> => {
    const requestId = newId(this.#clock);
    const theirs = request.headers.get("x-request-id")?.slice(0, 128);
    const traceparent = request.headers.get("traceparent")?.slice(0, 128) ?? currentContext()?.traceparent;
    const context = {
      requestId,
      ...(theirs && { clientRequestId: theirs }),
      ...(traceparent && { traceparent }),
    };
    try {
      return await withContext(context, () => this.#answer(request, info, requestId, theirs));
    } catch (error) {
      return problemResponse(error, requestId);
    }
  };

  /** Serves on a port of this machine, with Host and Origin checks. Resolves with the address. */
  async listen(options: {
    readonly port: number;
    readonly host?: string;
  }): Promise<{ url: string; close: () => Promise<void> }> {
    if (this.#http) throw new DeputizeError("config_invalid", "this server is listening already");
    const { http, origin } = await serveNode(this.fetch, options);
    this.#http = http;
    if (!this.#options.url) this.#url = new URL("/mcp", origin);
    return { url: this.#url.href, close: () => this.close() };
  }

  /** Ends open streams, stops listening, and writes what was counted. */
  async close(): Promise<void> {
    await this.#refusals.close();
    await this.#handler.close();
    await this.#sessions?.close();
    const http = this.#http;
    this.#http = undefined;
    if (http) {
      http.closeAllConnections();
      await new Promise<void>((resolve) => http.close(() => resolve()));
    }
  }

  /** Tells subscribed 2025 clients that a resource changed. */
  resourceUpdated(uri: string): void {
    this.#sessions?.resourceUpdated(uri);
  }

  protected override add(definition: Definition): this {
    const guarded: Definition = { ...definition, guards: [...this.guards, ...definition.guards] };
    this.#refuseUnkeepable(guarded);
    this.#catalogue.add(guarded);
    return this;
  }

  #refuseUnkeepable(definition: Definition): void {
    const { kind, name, effect } = definition;
    const refuse = (why: string): never => {
      throw new DeputizeError("config_invalid", `${kind} \`${name}\` ${why}`);
    };
    if (definition.guards.length === 0) refuse("has no guard; add one, or say `publicTool()` out loud");
    if (effect === "read") return;
    if (!this.#options.store || !this.#options.audit)
      refuse("writes, so its server needs a `store` and an `audit` log");
    if (!definition.exempt && !this.#options.approvals) {
      refuse(
        "may have to wait for a person, so its server needs `approvals`; or write down why it is exempt",
      );
    }
  }

  async #answer(
    request: Request,
    info: FetchInfo,
    requestId: string,
    theirs: string | undefined,
  ): Promise<Response> {
    const refused = this.#refuseForeign(request);
    if (refused) return refused;
    const { pathname } = new URL(request.url);
    if (pathname === metadataPath(this.#url) && (request.method === "GET" || request.method === "HEAD")) {
      return Response.json(this.protectedResourceMetadata(), { headers: { "cache-control": "max-age=300" } });
    }
    if (pathname !== this.#url.pathname) {
      return problemResponse(new DeputizeError("not_found", "there is nothing at this address"), requestId);
    }
    const known = await this.#authenticate(request, info, requestId);
    if (known instanceof Response) return known;
    return withCaller(known.caller, () => this.#serve(request, known, theirs));
  }

  /** DNS rebinding and cross-site requests end here (SR-26). */
  #refuseForeign(request: Request): Response | undefined {
    const own = this.#url.hostname;
    const loopback = localhostAllowedHostnames();
    const names = loopback.includes(own) ? loopback : [own];
    // A request made in this process has no Host header; its URL says where it meant to go.
    const asked = validateHostHeader(request.headers.get("host") ?? new URL(request.url).host, [
      ...(this.#options.allowedHosts ?? names),
    ]);
    if (!asked.ok) return rpcErrorResponse(403, -32000, "this server is not reached by that host name", null);
    return originValidationResponse(request, [...(this.#options.allowedOrigins ?? names)]);
  }

  async #authenticate(request: Request, info: FetchInfo, requestId: string): Promise<Asker | Response> {
    const source = info.ipAddress ?? "unknown";
    try {
      const caller = freezeCaller(await this.#auth.authenticate(request));
      const extra = deepFreeze(structuredClone((await this.#options.onAuthenticate?.(caller)) ?? {}));
      const client = clientContext(caller, {
        claims: this.#auth.claimsOf?.(caller),
        extra,
        ipAddress: info.ipAddress,
        userAgent: request.headers.get("user-agent") ?? undefined,
      });
      return { caller, client, requestId };
    } catch (thrown) {
      return this.#refuseStranger(thrown, source, requestId);
    }
  }

  async #refuseStranger(thrown: unknown, source: string, requestId: string): Promise<Response> {
    const known = isDeputizeError(thrown) && (thrown.status === 401 || thrown.status === 503);
    const error = known
      ? thrown
      : new DeputizeError("invalid_token", "the token is not valid here", { cause: thrown });
    this.#refusals.count(error.code, source);
    try {
      await this.#limits.take("strangers", STRANGER_LIMIT, [source]);
    } catch (limited) {
      return problemResponse(limited, requestId);
    }
    if (error.status !== 401) return problemResponse(error, requestId);
    const challenge = unauthenticatedChallenge(error, metadataUrl(this.#url));
    return problemResponse(error, requestId, { "www-authenticate": challenge });
  }

  async #serve(request: Request, asker: Asker, theirs: string | undefined): Promise<Response> {
    if (request.method !== "POST") return this.#dispatch(request, undefined, { ...asker });
    const read = await readRequestBody(request, this.#maxBodyBytes());
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
      await this.#limits.takeForCaller(asker.caller, this.#serverMiddleware);
    } catch (limited) {
      const visit = this.#visit(
        asker,
        inbound.kind === "operation" ? inbound.operation : protocolOperation("request"),
        request,
        theirs,
      );
      await closeRefused(this.#services, visit, limited as DeputizeError);
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
        this.#services,
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
    const definition = this.#catalogue.find(operation);
    const decision = definition && (await decide(definition, asker));
    const visible = decision?.allowed === true ? definition : undefined;
    const denial =
      decision && !decision.allowed ? { guard: decision.guard, text: decision.denial } : undefined;
    const admitted = visible && operation.kind === "completion" ? completionOf(visible, operation) : visible;
    const visit = this.#visit(asker, operation, request, theirs, admitted, denial);
    if (!admitted) {
      const reach =
        decision && !decision.allowed && this.#options.stepUp ? await this.#options.stepUp(asker.caller) : [];
      const scopes = decision && stepUpScopes(decision, reach);
      if (scopes) return this.#askForScopes(visit, scopes);
      const code = denial && !this.#host.hideUnauthorized ? "forbidden" : "not_found";
      await closeRefused(this.#services, visit, new DeputizeError(denial ? "forbidden" : "not_found", code));
      return this.#dispatch(request, body, { ...asker, visit });
    }
    try {
      await this.#limits.takeForTarget(asker.caller, admitted, this.#serverMiddleware);
    } catch (limited) {
      await closeRefused(this.#services, visit, limited as DeputizeError);
      return problemResponse(limited, asker.requestId);
    }
    const arrival: Arrival = { ...asker, visit };
    const response = await this.#dispatch(request, body, arrival);
    return onEnd(response, async () => {
      if (arrival.started) return;
      const error = new DeputizeError("invalid_request", "the protocol layer refused the message");
      await closeRefused(this.#services, visit, error, { protocol_status: response.status });
    });
  }

  async #askForScopes(visit: Visit, scopes: readonly string[]): Promise<Response> {
    const error = new DeputizeError("insufficient_scope", "this needs more scopes", { detail: { scopes } });
    await closeRefused(this.#services, visit, error);
    const challenge = scopeChallenge(scopes, metadataUrl(this.#url));
    return problemResponse(error, visit.requestId, { "www-authenticate": challenge });
  }

  async #refuseRequest(asker: Asker, error: DeputizeError): Promise<Response> {
    const request = new Request(this.#url);
    await closeRefused(
      this.#services,
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
    return { ...asker, clientRequestId: theirs, session, operation, definition, denial, closed: undefined };
  }

  /** Hands a message to the SDK, which answers it with our handlers (protocol.ts). */
  async #dispatch(request: Request, parsedBody: unknown, arrival: Arrival): Promise<Response> {
    const { caller } = arrival;
    // The token stays out: nothing behind this line may pass it on.
    const authInfo: AuthInfo = {
      token: "",
      clientId: caller.clientId,
      scopes: [...caller.scopes],
      ...(caller.token && { expiresAt: caller.token.expiresAt }),
    };
    this.#arrivals.set(authInfo, arrival);
    const life = new AbortController();
    const signal = AbortSignal.any([request.signal, life.signal]);
    const forwarded = new Request(request.url, { method: request.method, headers: request.headers, signal });
    const passed = { authInfo, ...(parsedBody !== undefined && { parsedBody }) };
    const response =
      (await this.#sessions?.fetch(forwarded, passed, arrival)) ??
      (await this.#handler.fetch(forwarded, passed));
    return endWith(response, life, {
      clock: this.#clock,
      expiresAt: caller.token?.expiresAt,
      stillGood: async () => void (await this.#auth.authenticate(forwarded)),
    });
  }

  #maxBodyBytes(): number {
    return this.#options.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES;
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
    output: undefined,
    argumentGuards: [],
    run: async (_args, context) => (suggest ? suggest(value, context as Parameters<typeof suggest>[1]) : []),
  };
}
