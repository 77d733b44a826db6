/**
 * An app's connection to the broker: creates workers with credentials of one task.
 *
 * Guarantees: signs in when first needed, once for all parallel calls, and again 60 seconds before the sign-in runs out or
 * when the broker no longer knows it. May be shared by everything in a process. The client secret leaves in the body of the
 * sign-in only.
 */
import { type Clock, type Constraint, DeputizeError, systemClock } from "@deputize/core";
import { z } from "zod";
import type { Agent } from "./agent.ts";
import { type BrokerHttp, type BrokerHttpOptions, createBrokerHttp } from "./broker-http.ts";
import { fromEnvironment } from "./environment.ts";
import { TransportError } from "./errors.ts";
import { type AgentRequest, readTask, register } from "./register-agent.ts";
import { type BrokerSession, createBrokerSession } from "./broker-session.ts";
import { type ValidateResult, askBroker } from "./validate.ts";

export interface DeputizeAppOptions extends BrokerHttpOptions {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly clock?: Clock;
}

export interface CreateAgentRequest extends AgentRequest {
  /** Seconds that the credential lives at most. 300 unless told. */
  readonly maxTtl?: number;
  /** What the agent, and whoever it delegates to, is held to when it calls tools. */
  readonly constraints?: Readonly<Record<string, Constraint>>;
  /** How the agent is called in the audit log; orchestration and task unless told. */
  readonly label?: string;
}

export interface HealthStatus {
  readonly status: string;
  readonly version: string;
  /** Seconds. */
  readonly uptime: number;
  readonly dbConnected: boolean;
  readonly auditEventsCount: number;
}

const LaunchToken = z.object({ launch_token: z.string().min(1) });

const Health = z.object({
  status: z.string(),
  version: z.string(),
  uptime: z.number(),
  db_connected: z.boolean(),
  audit_events_count: z.number(),
});

export class DeputizeApp implements AsyncDisposable {
  readonly brokerUrl: string;
  readonly #http: BrokerHttp;
  readonly #clock: Clock;
  readonly #session: BrokerSession;
  readonly #closing = new AbortController();

  /** Sends nothing yet. Throws `config_invalid`. */
  constructor(options: DeputizeAppOptions) {
    const { clientId, clientSecret } = options;
    if (!clientId || !clientSecret) {
      throw new DeputizeError("config_invalid", "an app needs `clientId` and `clientSecret`");
    }
    this.#http = createBrokerHttp(options);
    this.#clock = options.clock ?? systemClock;
    this.brokerUrl = this.#http.brokerUrl;
    this.#session = createBrokerSession({
      http: this.#http,
      clock: this.#clock,
      path: "/v1/app/auth",
      body: { client_id: clientId, client_secret: clientSecret },
    });
  }

  /**
   * From `DEPUTIZE_URL`, `DEPUTIZE_CLIENT_ID`, `DEPUTIZE_CLIENT_SECRET` (or `AGENTWRIT_BROKER_URL`, `AGENTWRIT_CLIENT_ID`,
   * `AGENTWRIT_CLIENT_SECRET`). Throws `config_invalid`, naming what is missing.
   */
  static fromEnv(options: Partial<DeputizeAppOptions> = {}, env = process.env): DeputizeApp {
    return new DeputizeApp({
      ...options,
      brokerUrl: options.brokerUrl ?? fromEnvironment("brokerUrl", env),
      clientId: options.clientId ?? fromEnvironment("clientId", env),
      clientSecret: options.clientSecret ?? fromEnvironment("clientSecret", env),
    });
  }

  /**
   * A worker with a credential for one task. Release it when the task is done: `await using agent = await
   * app.createAgent({ … })` does so on every way out. Throws `AuthenticationError` (credentials),
   * `AuthorizationError` (scope above the app's ceiling), `RateLimitError`, `ProblemResponseError`, `TransportError`,
   * `CryptoError` (key).
   */
  async createAgent(request: CreateAgentRequest): Promise<Agent> {
    const { orchId, taskId, scope } = readTask(request);
    const answer = LaunchToken.safeParse(
      await this.#session.send({
        method: "POST",
        path: "/v1/app/launch-tokens",
        body: {
          agent_name: request.label ?? `${orchId}/${taskId}`,
          allowed_scope: scope,
          max_ttl: request.maxTtl ?? 300,
          single_use: true,
          ttl: 30,
          ...(request.constraints && { constraints: request.constraints }),
        },
        repeatable: false,
        signal: request.signal,
      }),
    );
    if (!answer.success) throw new TransportError("the broker's answer holds no launch token");
    const launchToken = answer.data.launch_token;
    return register(this.#http, this.#clock, { ...request, launchToken }, this.#closing.signal);
  }

  /** Whether a token stands. Never throws for a bad token. */
  validate(token: string, options: { readonly signal?: AbortSignal } = {}): Promise<ValidateResult> {
    return askBroker(this.#http, token, { clock: this.#clock, signal: options.signal });
  }

  /** How the broker is. Throws `ProblemResponseError` 503 when it is not ready, `TransportError`. */
  async health(options: { readonly signal?: AbortSignal } = {}): Promise<HealthStatus> {
    const parsed = Health.safeParse(
      await this.#http.send({
        method: "GET",
        path: "/v1/health",
        repeatable: true,
        signal: options.signal,
      }),
    );
    if (!parsed.success) throw new TransportError("the broker's health cannot be read");
    const { db_connected, audit_events_count, ...rest } = parsed.data;
    return { ...rest, dbConnected: db_connected, auditEventsCount: audit_events_count };
  }

  /** Forgets the sign-in and stops renewing agents; their tokens run out by themselves unless released. */
  async close(): Promise<void> {
    this.#session.close();
    this.#closing.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
