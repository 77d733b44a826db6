/**
 * A guarded MCP server: `fetch(request)` from a web request to an answer. Host, Origin and sender are looked at here; what comes
 * after them is admission-desk.ts, then the call itself (call.ts).
 *
 * Guarantees: nothing runs for a caller that is not known; two credentials, a foreign Host or Origin, and a
 * body past its limit are refused before anything is parsed (SR-26); each operation leaves one audit entry;
 * open streams end when their token expires or is revoked. Speaks the protocol revisions 2026-07-28 and
 * 2025-11-25 over streamable HTTP.
 * Does not: terminate TLS, or read forwarding headers; the host in front does.
 */
import type { Server as HttpServer } from "node:http";
import { createHmac, createSecretKey, randomBytes } from "node:crypto";
import {
  type Clock,
  DeputizeError,
  currentContext,
  newId,
  systemClock,
  withCaller,
  withContext,
} from "@deputize/core";
import { type RefusalCounter, refusalCounter } from "@deputize/audit";
import { openEphemeral } from "@deputize/store";
import {
  localhostAllowedHostnames,
  originValidationResponse,
  validateHostHeader,
} from "@modelcontextprotocol/server";
import { Catalogue } from "./admission.ts";
import { AdmissionDesk } from "./admission-desk.ts";
import { Arrivals } from "./arrivals.ts";
import { memoryAudit } from "./audit-sink.ts";
import { type Authenticator, CREDENTIAL_HEADERS } from "./auth/authenticator.ts";
import { type DevTokenOptions, type DevTokens, devTokens, refuseInProduction } from "./auth/dev-tokens.ts";
import { isLoopbackHost } from "./auth/fetch-json.ts";
import { inOrder } from "./auth/in-order.ts";
import type { JwtAuth, TokenClaims } from "./auth/jwt-auth.ts";
import { Background } from "./background.ts";
import type { CallServices } from "./visit.ts";
import { type Definition, mayAsk } from "./definition.ts";
import { ErrorMap, type ErrorType } from "./error-map.ts";
import { type Explanation, explainTool } from "./explain.ts";
import { type Health, HealthCheck } from "./http/health.ts";
import { serveNode } from "./http/listen.ts";
import { LegacySessions } from "./http/legacy-sessions.ts";
import { metadataPath, metadataUrl, problemResponse, rpcErrorResponse } from "./http/responses.ts";
import { MANIFEST, manifestOf } from "./manifest.ts";
import { assertOptions } from "./options.ts";
import { ResultCache } from "./middleware/cache.ts";
import { type Middleware, checkedMiddleware } from "./middleware/middleware.ts";
import { RateLimits } from "./middleware/rate-limit.ts";
import type { ProtocolHost } from "./protocol.ts";
import { ephemeralSessions } from "./session-stores.ts";
import { MCPRouter } from "./router.ts";
import { SignIn } from "./sign-in.ts";
import { StatedCallers, signFor } from "./stdio/principal.ts";
import { type StdioConnection, type StdioOptions, serveStdio } from "./stdio/serve-stdio.ts";
import { type FetchInfo, type MCPServerOptions, SERVER_OPTIONS } from "./server-options.ts";

const DEFAULT_URL = "http://localhost/mcp";
/** Larger arguments belong in a file; bounds the parsing that a request can cost. */
const DEFAULT_MAX_BODY_BYTES = 1024 * 1024;
/** What fits a model's context several times over. */
const DEFAULT_MAX_RESULT_BYTES = 256 * 1024;
/** Long enough to try something out. */
const DEV_TOKEN_SECONDS = 15 * 60;
export class MCPServer extends MCPRouter {
  readonly name: string;
  readonly #options: MCPServerOptions;
  readonly #auth: Authenticator;
  readonly #clock: Clock;
  readonly #catalogue = new Catalogue();
  readonly #serverMiddleware: Middleware[];
  readonly #refusals: RefusalCounter;
  readonly #services: CallServices;
  readonly #host: ProtocolHost;
  readonly #desk: AdmissionDesk;
  readonly #health: HealthCheck;
  readonly #signIn: SignIn;
  readonly #stated = new StatedCallers();
  #sessions: LegacySessions | undefined;
  #stdio: Promise<StdioConnection> | undefined;
  #url: URL;
  #http: HttpServer | undefined;
  #devTokens: DevTokens | undefined;

  /** Throws `config_invalid` for options that cannot be kept. */
  constructor(options: MCPServerOptions) {
    super({
      ...(options.guards && { guards: options.guards }),
      ...(options.owned && { owned: options.owned }),
    });
    if (!options.auth)
      throw new DeputizeError("config_invalid", "MCPServer needs `auth`; there is no anonymous access");
    assertOptions("MCPServer", options, SERVER_OPTIONS);
    this.name = options.name;
    this.#options = options;
    this.#auth = inOrder([options.auth].flat());
    this.#clock = options.clock ?? systemClock;
    this.#url = new URL(options.url ?? DEFAULT_URL);
    this.#serverMiddleware = [...checkedMiddleware(options.middleware ?? [])];
    let ephemeral = options.ephemeral && Promise.resolve(options.ephemeral);
    const openOnce = () => (ephemeral ??= openEphemeral({ clock: this.#clock }));
    const key = options.stateKey ?? randomBytes(32);
    const macKey = createSecretKey(Buffer.from(key as string));
    const mac = (purpose: string, text: string) =>
      createHmac("sha256", macKey).update(`deputize ${purpose}\0${text}`).digest("hex");
    const version = options.version ?? "1.0.0";
    this.#services = {
      server: options.name,
      store: options.store,
      audit: options.audit ?? memoryAudit({ clock: this.#clock }),
      approvals: options.approvals,
      runGate: options.runGate,
      approvalUrl: options.approvalUrl,
      clock: this.#clock,
      middleware: () => this.#serverMiddleware,
      secrets: options.secrets ?? {},
      sessions: options.sessionStore ?? ephemeralSessions(openOnce),
      sessionTtlMs: options.sessionTtlMs,
      maxResultBytes: options.maxResultBytes ?? DEFAULT_MAX_RESULT_BYTES,
      results: new ResultCache({
        server: options.name,
        version,
        ephemeral: openOnce,
        clock: this.#clock,
        mac,
        inUse: () => this.#catalogue.all().some((definition) => definition.cache !== undefined),
      }),
      background: new Background(),
      credentialHeaders: new Set(
        [...CREDENTIAL_HEADERS, ...(this.#auth.credentialHeaders ?? [])].map((one) => one.toLowerCase()),
      ),
      errors: new ErrorMap(),
      mac,
    };
    this.#refusals = refusalCounter({
      log: this.#services.audit,
      clock: this.#clock,
      tenant: options.tenant ?? "default",
    });
    const limits = new RateLimits({
      server: options.name,
      ephemeral: openOnce,
      declared: () => [
        ...this.#serverMiddleware,
        ...this.#catalogue.all().flatMap((definition) => definition.middleware),
      ],
    });
    this.#signIn = new SignIn({
      server: options.name,
      auth: this.#auth,
      stated: this.#stated,
      onAuthenticate: options.onAuthenticate,
      clock: this.#clock,
      refusals: this.#refusals,
      limits,
      middleware: () => this.#serverMiddleware,
      metadataUrl: () => metadataUrl(this.#url),
    });
    const arrivals = new Arrivals();
    this.#host = {
      name: options.name,
      version,
      instructions: options.instructions,
      hideUnauthorized: options.hideUnauthorized ?? true,
      catalogue: this.#catalogue,
      services: this.#services,
      stateCodec: arrivals.stateCodec(key),
      arrivalOf: (auth) => arrivals.of(auth),
    };
    this.#sessions = options.sessions ? new LegacySessions(this.#host, this.#clock) : undefined;
    this.#desk = new AdmissionDesk({
      host: this.#host,
      arrivals,
      limits,
      middleware: () => this.#serverMiddleware,
      sessions: () => this.#sessions,
      stated: this.#stated,
      signIn: this.#signIn,
      url: () => this.#url,
      stepUp: options.stepUp,
      maxBodyBytes: this.#maxBodyBytes(),
      clock: this.#clock,
    });
    const { store, audit } = this.#services;
    this.#health = new HealthCheck({ server: options.name, store, audit, clock: this.#clock });
    if (options.manifest)
      this.resource("manifest", MANIFEST, (_request, context) =>
        manifestOf({ name: options.name, version }, this.#catalogue, context),
      );
  }

  /** Adds middleware to everything on this server. */
  override use(...middleware: readonly Middleware[]): this {
    this.#serverMiddleware.push(...checkedMiddleware(middleware));
    return this;
  }

  /**
   * Says how an error of a handler's own libraries is told: `fn` makes a `DeputizeError` of it, whose message callers
   * see. Any other error stays a generic `internal`. The first declared type that fits is used.
   */
  onError<E extends Error>(type: ErrorType<E>, fn: (error: E) => DeputizeError): this {
    this.#services.errors.add(type, fn);
    return this;
  }

  /** Forgets the kept results of a tenant, after a write that no tool of this server made. */
  async forgetResults(tenant = this.#options.tenant ?? "default"): Promise<void> {
    await this.#services.results.forget(tenant);
  }

  /** The order of checks of each tool, resource and prompt, for people who review them. */
  explain(): Explanation[] {
    return this.#catalogue.all().map((definition) =>
      explainTool(definition, {
        auth: this.#auth.name,
        middleware: this.#serverMiddleware,
        audit: this.#options.audit ? "log" : "memory",
        maxResultBytes: this.#services.maxResultBytes,
      }),
    );
  }

  /** The RFC 9728 document of this server. */
  protectedResourceMetadata(): Record<string, unknown> {
    const scopes = this.#publishedScopes();
    const servers = this.#auth.authorizationServers ?? [];
    // Lists without elements are left out (RFC 9728 §3.2).
    return {
      resource: this.#url.href,
      resource_name: this.name,
      ...(servers.length > 0 && { authorization_servers: [...servers] }),
      bearer_methods_supported: ["header"],
      ...(scopes.length > 0 && { scopes_supported: scopes }),
    };
  }

  /** The scopes of a single tool would tell everybody that it is there, so they are published only where nothing is hidden. */
  #publishedScopes(): readonly string[] {
    const { scopesSupported, hideUnauthorized = true } = this.#options;
    if (scopesSupported) return scopesSupported;
    const guards = hideUnauthorized ? this.guards : this.#catalogue.all().flatMap((one) => one.guards);
    return [...new Set(guards.flatMap((one) => one.scopes ?? []))];
  }

  /** Whether store and audit log answer. Also at `GET /health` while the server listens. Never throws. */
  health(): Promise<Health> {
    return this.#health.ask();
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

  /**
   * Hands out tokens for whomever one asks to be, at `POST /dev/token`, to programs of this machine only. For
   * development. Throws `config_invalid` in production (`NODE_ENV`, `DEPUTIZE_ENV` or `ENVIRONMENT`) and on a server with a
   * public `url`; such a server does not `listen` beyond loopback either.
   */
  devTokenEndpoint(options: DevTokenOptions): this {
    if (!isLoopbackHost(this.#url.hostname)) this.#refuseDevTokens();
    this.#devTokens = devTokens(options);
    return this;
  }

  /**
   * A token for whomever one asks to be, made by the first of `auth` that can make one (`jwtAuth`); `expiresIn` is in seconds,
   * 900 unless told. For trying a server out. Throws `config_invalid` in production, and where none of `auth` can.
   */
  async devToken(claims: TokenClaims, { expiresIn = DEV_TOKEN_SECONDS } = {}): Promise<string> {
    refuseInProduction("devToken");
    const maker = [this.#options.auth].flat().find((one): one is JwtAuth => "createToken" in one);
    if (!maker)
      throw new DeputizeError(
        "config_invalid",
        `\`${this.#auth.name}\` makes no tokens; get one where this server's callers get theirs`,
      );
    return maker.createToken(claims, { expiresIn });
  }

  #refuseDevTokens(): never {
    throw new DeputizeError(
      "config_invalid",
      "devTokenEndpoint gives a token to anyone, so it needs a server on loopback; leave the call out, or bind to 127.0.0.1",
    );
  }

  /** Serves on a port of this machine, with Host and Origin checks. Resolves with the address. */
  async listen(options: {
    readonly port: number;
    readonly host?: string;
  }): Promise<{ url: string; close: () => Promise<void> }> {
    this.#refuseSecondUse();
    const { host = "127.0.0.1" } = options;
    if (this.#devTokens && !isLoopbackHost(host === "::1" ? "[::1]" : host)) this.#refuseDevTokens();
    const { http, origin } = await serveNode(this.fetch, options);
    this.#http = http;
    if (!this.#options.url) this.#url = new URL("/mcp", origin);
    return { url: this.#url.href, close: () => this.close() };
  }

  /**
   * Serves one principal over standard input and output, through the same checks as over HTTP. `closed` resolves when the
   * client left. Throws `config_invalid` without a principal, and what `auth` throws for a credential that does not hold.
   */
  async stdio(options: StdioOptions): Promise<StdioConnection> {
    this.#refuseSecondUse();
    const sign = signFor(options.principal, this.#stated);
    await this.#signIn.callerOf(sign(new Request(this.#url)));
    this.#sessions ??= new LegacySessions(this.#host, this.#clock);
    const host = {
      url: this.#url.href,
      sign,
      maxBytes: 4 * this.#maxBodyBytes(),
      fetch: this.fetch,
      end: () => this.close(),
    };
    this.#stdio = serveStdio(host, options);
    return this.#stdio;
  }

  #refuseSecondUse(): void {
    if (this.#http || this.#stdio)
      throw new DeputizeError("config_invalid", "this server is listening already, on a port or over stdio");
  }

  /** Ends open streams, stops listening, waits for work after answers, and writes what was counted. */
  async close(): Promise<void> {
    await this.#services.background.close();
    await this.#refusals.close();
    await this.#desk.close();
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

  /** A server is no router: mounted, its guards, its authentication and its log would be passed over. */
  override release(): never {
    throw new DeputizeError("config_invalid", `\`${this.name}\` is a server; mount an MCPRouter`);
  }

  protected override add(definition: Definition): this {
    const guarded: Definition = {
      ...this.ownership(definition),
      guards: [...this.guards, ...definition.guards],
    };
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
    if (this.#options.audit?.transactional === false)
      refuse("writes, so its entry must commit with its rows: use `auditLog({ secret, store })`");
    if (mayAsk(definition) && !this.#options.approvals) {
      refuse(
        "may have to wait for a person, so its server needs `approvals`; or write down why it never asks",
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
    if (this.#http && pathname === "/health" && (request.method === "GET" || request.method === "HEAD"))
      return this.#health.response();
    if (this.#devTokens && pathname === this.#devTokens.path)
      return this.#devTokens.answer(request, info, requestId);
    if (pathname !== this.#url.pathname) {
      return problemResponse(new DeputizeError("not_found", "there is nothing at this address"), requestId);
    }
    const known = await this.#signIn.ask(request, info, requestId);
    if (known instanceof Response) return known;
    return withCaller(known.caller, () => this.#desk.serve(request, known, theirs));
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

  #maxBodyBytes(): number {
    return this.#options.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES;
  }
}
