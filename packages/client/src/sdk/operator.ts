/**
 * The operator's connection to the broker: apps, launch tokens, revocation, the audit log, and any other operator's route.
 *
 * Guarantees: signs in when first needed, once for parallel calls. The secret leaves in the body of the sign-in only. What
 * changes something is never sent twice.
 */
import { type Clock, type Constraint, DeputizeError, systemClock } from "@deputize/core";
import { z } from "zod";
import { type BrokerHttpOptions, createBrokerHttp } from "./broker-http.ts";
import { type BrokerSession, createBrokerSession } from "./broker-session.ts";
import { fromEnvironment } from "./environment.ts";
import { TransportError } from "./errors.ts";

export interface OperatorClientOptions extends BrokerHttpOptions {
  readonly adminSecret: string;
  readonly clock?: Clock;
}

const App = z.object({
  app_id: z.string(),
  name: z.string().default(""),
  client_id: z.string().default(""),
  scopes: z
    .array(z.string())
    .nullish()
    .transform((scopes) => scopes ?? []),
  token_ttl: z.number().default(0),
  status: z.string().default(""),
  created_at: z.string().optional(),
  updated_at: z.string().optional(),
  deregistered_at: z.string().optional(),
});
const NewApp = App.extend({ client_secret: z.string() });
const Secret = z.object({ client_secret: z.string() });
const AppPage = z.object({ apps: z.array(App), total: z.number(), next: z.string().optional() });
const LaunchToken = z.object({
  launch_token: z.string(),
  expires_at: z.string(),
  policy: z.object({ allowed_scope: z.array(z.string()), max_ttl: z.number() }),
});
const Revoked = z.looseObject({ count: z.number() });
const Event = z.looseObject({
  id: z.string(),
  timestamp: z.string(),
  event_type: z.string(),
  detail: z.unknown(),
  hash: z.string(),
  prev_hash: z.string(),
  agent_id: z.string().optional(),
  task_id: z.string().optional(),
  orch_id: z.string().optional(),
  resource: z.string().optional(),
  outcome: z.string().optional(),
});
const EventPage = z.object({
  events: z.array(Event),
  total: z.number(),
  offset: z.number(),
  limit: z.number(),
  next: z.union([z.string(), z.number()]).nullish(),
});

/** Times are RFC 3339 text. */
export interface RegisteredApp {
  readonly appId: string;
  readonly name: string;
  readonly clientId: string;
  readonly scopes: readonly string[];
  /** Seconds that the app's own sign-in lives. */
  readonly tokenTtl: number;
  readonly status: string;
  readonly createdAt?: string;
  readonly updatedAt?: string;
  readonly deregisteredAt?: string;
}

/** One event of the broker protocol's audit log, names as on the wire. */
export type BrokerEvent = z.infer<typeof Event>;
export interface EventPage {
  readonly events: readonly BrokerEvent[];
  readonly total: number;
  readonly offset: number;
  readonly limit: number;
}

export type RevocationLevel = "token" | "agent" | "task" | "chain" | "app" | "tenant" | "user";

export interface EventFilter {
  readonly agentId?: string;
  readonly taskId?: string;
  readonly eventType?: string;
  readonly outcome?: "success" | "denied";
  /** RFC 3339. */
  readonly since?: string;
  readonly until?: string;
  /** `oldest` unless told, as the protocol has it. */
  readonly order?: "newest" | "oldest";
}

export interface AppChange {
  readonly scopes?: readonly string[];
  readonly tokenTtl?: number;
  /** Registrations of this app's workers must sign the whole transcript. */
  readonly requireTranscript?: boolean;
}

interface CallOptions {
  readonly signal?: AbortSignal;
}

function read<S extends z.ZodType>(schema: S, answer: unknown): z.output<S> {
  const parsed = schema.safeParse(answer);
  if (!parsed.success) throw new TransportError("the broker's answer cannot be read", parsed.error);
  return parsed.data;
}

function toApp(app: z.infer<typeof App>): RegisteredApp {
  return {
    appId: app.app_id,
    name: app.name,
    clientId: app.client_id,
    scopes: app.scopes,
    tokenTtl: app.token_ttl,
    status: app.status,
    ...(app.created_at !== undefined && { createdAt: app.created_at }),
    ...(app.updated_at !== undefined && { updatedAt: app.updated_at }),
    ...(app.deregistered_at !== undefined && { deregisteredAt: app.deregistered_at }),
  };
}

function changeBody(change: AppChange): Record<string, unknown> {
  return {
    ...(change.scopes && { scopes: change.scopes }),
    ...(change.tokenTtl !== undefined && { token_ttl: change.tokenTtl }),
    ...(change.requireTranscript !== undefined && { require_transcript: change.requireTranscript }),
  };
}

export class OperatorClient implements AsyncDisposable {
  readonly brokerUrl: string;
  readonly #session: BrokerSession;

  /** Sends nothing yet. Throws `config_invalid`. */
  constructor(options: OperatorClientOptions) {
    if (!options.adminSecret) throw new DeputizeError("config_invalid", "an operator needs `adminSecret`");
    const http = createBrokerHttp(options);
    this.brokerUrl = http.brokerUrl;
    this.#session = createBrokerSession({
      http,
      clock: options.clock ?? systemClock,
      path: "/v1/admin/auth",
      body: { secret: options.adminSecret },
    });
  }

  /** From `DEPUTIZE_URL` and `DEPUTIZE_ADMIN_SECRET` (or `AGENTWRIT_…`). Throws `config_invalid`. */
  static fromEnv(options: Partial<OperatorClientOptions> = {}, env = process.env): OperatorClient {
    return new OperatorClient({
      ...options,
      brokerUrl: options.brokerUrl ?? fromEnvironment("brokerUrl", env),
      adminSecret: options.adminSecret ?? fromEnvironment("adminSecret", env),
    });
  }

  /**
   * Any operator's route, signed in: the parsed answer, `undefined` for an empty one. A GET is repeated when its answer is
   * lost. Throws `AuthenticationError`, `AuthorizationError`, `RateLimitError`, `ProblemResponseError`, `TransportError`,
   * as all methods here do.
   */
  request(method: string, path: string, body?: unknown, options: CallOptions = {}): Promise<unknown> {
    return this.#session.send({
      method,
      path,
      ...(body !== undefined && { body }),
      repeatable: method === "GET",
      signal: options.signal,
    });
  }

  /** A new app; its secret is shown here and never again. 409 when the name is taken. */
  async registerApp(
    request: AppChange & { readonly name: string; readonly scopes: readonly string[] },
    options: CallOptions = {},
  ): Promise<RegisteredApp & { readonly clientSecret: string }> {
    const body = { name: request.name, ...changeBody(request) };
    const app = read(NewApp, await this.request("POST", "/v1/admin/apps", body, options));
    return {
      ...toApp({ ...app, name: app.name || request.name, status: app.status || "active" }),
      clientSecret: app.client_secret,
    };
  }

  /** Every app, page by page. */
  async *apps(options: CallOptions = {}): AsyncGenerator<RegisteredApp, void, undefined> {
    for (let cursor: string | undefined; ;) {
      const query = cursor === undefined ? "" : `?${new URLSearchParams({ cursor }).toString()}`;
      const page = read(AppPage, await this.request("GET", `/v1/admin/apps${query}`, undefined, options));
      for (const app of page.apps) yield toApp(app);
      if (page.next === undefined) return;
      cursor = page.next;
    }
  }

  /** One app. 404 when there is none. */
  async app(appId: string, options: CallOptions = {}): Promise<RegisteredApp> {
    return toApp(read(App, await this.request("GET", this.#appPath(appId), undefined, options)));
  }

  /** All or nothing. What exceeds a narrowed ceiling ends. */
  async updateApp(appId: string, change: AppChange, options: CallOptions = {}): Promise<RegisteredApp> {
    return toApp(read(App, await this.request("PUT", this.#appPath(appId), changeBody(change), options)));
  }

  /** Ends the app, its launch tokens and its workers at once. */
  async removeApp(appId: string, options: CallOptions = {}): Promise<RegisteredApp> {
    return toApp(read(App, await this.request("DELETE", this.#appPath(appId), undefined, options)));
  }

  /** A second secret for the app; the old one works for `overlapSeconds` more. */
  async rotateAppSecret(
    appId: string,
    overlapSeconds: number,
    options: CallOptions = {},
  ): Promise<{ readonly clientSecret: string }> {
    const body = { overlap_seconds: overlapSeconds };
    const path = `${this.#appPath(appId)}/secret`;
    return {
      clientSecret: read(Secret, await this.request("POST", path, body, options)).client_secret,
    };
  }

  /** A launch token to give to a worker, which uses it in `registerAgent`. Times are seconds. */
  async createLaunchToken(
    request: {
      readonly agentName: string;
      readonly allowedScope: readonly string[];
      readonly maxTtl?: number;
      readonly singleUse?: boolean;
      readonly ttl?: number;
      /** What workers, and whoever they delegate to, are held to when they call tools. */
      readonly constraints?: Readonly<Record<string, Constraint>>;
      /** Whose ceiling holds; the operator's own policy otherwise. */
      readonly appId?: string;
    },
    options: CallOptions = {},
  ): Promise<{
    readonly launchToken: string;
    /** RFC 3339. */
    readonly expiresAt: string;
    readonly allowedScope: readonly string[];
    readonly maxTtl: number;
  }> {
    const body = {
      agent_name: request.agentName,
      allowed_scope: request.allowedScope,
      ...(request.maxTtl !== undefined && { max_ttl: request.maxTtl }),
      ...(request.singleUse !== undefined && { single_use: request.singleUse }),
      ...(request.ttl !== undefined && { ttl: request.ttl }),
      ...(request.appId !== undefined && { app_id: request.appId }),
      ...(request.constraints && { constraints: request.constraints }),
    };
    const made = read(LaunchToken, await this.request("POST", "/v1/admin/launch-tokens", body, options));
    return {
      launchToken: made.launch_token,
      expiresAt: made.expires_at,
      allowedScope: made.policy.allowed_scope,
      maxTtl: made.policy.max_ttl,
    };
  }

  /**
   * Ends what the target names (jti, SPIFFE id, task id, root SPIFFE id, app id, …) and everything below it. `count` says
   * how many grants ended; `dryRun` only counts. 409 when several apps use the task id: give `appId`.
   */
  async revoke(
    request: {
      readonly level: RevocationLevel;
      readonly target: string;
      readonly appId?: string;
      readonly reason?: string;
      readonly dryRun?: boolean;
    },
    options: CallOptions = {},
  ): Promise<{ readonly count: number }> {
    const { level, target, appId, reason, dryRun } = request;
    const body = {
      level,
      target,
      ...(appId !== undefined && { app_id: appId }),
      ...(reason !== undefined && { reason }),
      ...(dryRun !== undefined && { dry_run: dryRun }),
    };
    return { count: read(Revoked, await this.request("POST", "/v1/revoke", body, options)).count };
  }

  /** One page of the audit log; `limit` 100 unless told, 1,000 at most. */
  async eventPage(
    filter: EventFilter & { readonly limit?: number; readonly offset?: number } = {},
    options: CallOptions = {},
  ): Promise<EventPage> {
    const { next: _next, ...page } = await this.#events(filter, undefined, options);
    return page;
  }

  /** Every event that the filter takes, page by page: what was committed before each page was asked for. */
  async *events(
    filter: EventFilter & { readonly pageSize?: number } = {},
    options: CallOptions = {},
  ): AsyncGenerator<BrokerEvent, void, undefined> {
    const { pageSize: limit = 500, ...rest } = filter;
    for (let cursor: string | undefined, offset = 0; ;) {
      const page = await this.#events({ ...rest, limit, offset }, cursor, options);
      yield* page.events;
      if (page.next !== undefined && page.next !== null) cursor = String(page.next);
      else if (cursor !== undefined || page.events.length < page.limit) return;
      // A broker without cursors pages by offset.
      else offset += page.events.length;
    }
  }

  /** Forgets the sign-in. */
  async close(): Promise<void> {
    this.#session.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #appPath(appId: string): string {
    return `/v1/admin/apps/${encodeURIComponent(appId)}`;
  }

  async #events(
    filter: EventFilter & { readonly limit?: number; readonly offset?: number },
    cursor: string | undefined,
    options: CallOptions,
  ): Promise<z.infer<typeof EventPage>> {
    const query = new URLSearchParams();
    const pairs = {
      agent_id: filter.agentId,
      task_id: filter.taskId,
      event_type: filter.eventType,
      outcome: filter.outcome,
      since: filter.since,
      until: filter.until,
      order: filter.order,
      limit: filter.limit,
      ...(cursor === undefined ? { offset: filter.offset || undefined } : { cursor }),
    };
    for (const [name, value] of Object.entries(pairs)) {
      if (value !== undefined) query.set(name, String(value));
    }
    return read(
      EventPage,
      await this.request("GET", `/v1/audit/events?${query.toString()}`, undefined, options),
    );
  }
}
