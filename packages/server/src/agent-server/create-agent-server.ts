/**
 * The composition of an agent server: agents, who may ask them, and every route, from options that are resolved already.
 *
 * Guarantees: it starts only with a rule for each route [AF-F06]; each request passes the same door; without authentication it is
 * served on loopback alone, unless that was said twice. Nothing is shared between processes but the stores that were handed in.
 */
import type { BuiltAgent } from "@deputize/agent";
import { type AuditLog, refusalCounter } from "@deputize/audit";
import { type Clock, DeputizeError, systemClock } from "@deputize/core";
import { type Ephemeral, type Store, openEphemeral } from "@deputize/store";
import { Hono } from "hono";
import manifest from "../../package.json" with { type: "json" };
import { type SourceAddress, sourceAddress } from "../authority-server/source-address.ts";
import { documentedRoutes, serverDocs } from "./documentation.ts";
import {
  type Authorization,
  type AuthorizationSetting,
  authorizationOf,
} from "./authorization/authorization.ts";
import { type CorsOptions, assertHost, assertOrigin, corsRules, door } from "./door.ts";
import { ApiError, type ErrorOptions, errorResponse } from "./errors.ts";
import { type ReadinessCheck, healthRoutes } from "./health-routes.ts";
import { playgroundRoutes } from "../playground/playground-routes.ts";
import { type AgentRoute, METHODS, assertRoutes, inMatchingOrder } from "./route.ts";
import {
  type RunEngine,
  type RunLimits,
  type SignInWatches,
  approvalRoutes,
  memoryRunStore,
  postgresRunStore,
  runEngine,
  runRoutes,
  signInWatches,
} from "./runs/index.ts";
import { type Limiter, serveRoute } from "./serve-route.ts";
import { type GraphSocket, type SocketLimits, graphSocket } from "./socket/graph-socket.ts";
import { ticketRoute } from "./socket/ticket-route.ts";
import { socketTickets } from "./socket/tickets.ts";
import { FILE_BYTES, fileRoutes } from "./files/file-routes.ts";
import { memoryFileStore } from "./files/file-store.ts";
import { postgresFileStore } from "./files/postgres-file-store.ts";
import { graphRoutes } from "./graph/graph-routes.ts";
import { memoryRoutes } from "./memories/memory-routes.ts";
import { guideRoutes } from "./threads/guide-routes.ts";
import { messageRoutes } from "./threads/message-routes.ts";
import { type ThreadKeeper, threadKeeper } from "./threads/thread-keeper.ts";
import { threadRoutes } from "./threads/thread-routes.ts";
import { type ServerAuth, type SignIn, signInBy } from "./sign-in.ts";
import { type Logger, type Metrics, observe } from "../telemetry/index.ts";

export interface ServerLimits {
  /** Bytes of a body, unless its route says less or more. 1 MiB unless set. */
  readonly bodyBytes?: number;
  /** Bytes of an uploaded file. 10 MiB unless set. */
  readonly fileBytes?: number;
  /** How long a request may take that is no stream. 120,000 unless set. */
  readonly timeMs?: number;
  /** Requests at work at one moment; more answer 503. 1,000 unless set. */
  readonly concurrent?: number;
  /** How long runs get to end when the server goes down, in milliseconds. 10,000 unless set. */
  readonly drainMs?: number;
  readonly runs?: Partial<RunLimits>;
  /** How long a replica's runs stay its own without a sign of life, in milliseconds. 10,000 unless set; the same for all replicas. */
  readonly leaseMs?: number;
  readonly sockets?: Partial<SocketLimits>;
}

export interface AgentServerOptions {
  /** The first is asked where a request names none. */
  readonly agents: readonly BuiltAgent[];
  /** Who signs people in; `null` is the mode without authentication. */
  readonly auth: ServerAuth | null;
  /** `ownership` unless set. */
  readonly authorization?: AuthorizationSetting;
  readonly audit: Pick<AuditLog, "append">;
  /** The origin that clients use. */
  readonly publicUrl: string;
  /** Values of `Host` to answer to; that of `publicUrl` unless set. */
  readonly allowedHosts?: readonly string[];
  /** `auth: null` beyond loopback: say so here as well. */
  readonly allowAnonymous?: boolean;
  readonly cors?: CorsOptions;
  /** Serves clients of the original: its statuses, codes and envelopes. */
  readonly compat?: "agentflow";
  /** `success`: answers under `/v1` are `{success, data, message, timestamp}`. */
  readonly envelope?: "data" | "success";
  readonly limits?: ServerLimits;
  readonly limiter?: Limiter;
  /** Where requests come from: `sourceAddress(proxies)`; the socket's address unless set. */
  readonly source?: SourceAddress;
  /** More of what `/ready` asks. */
  readonly ready?: Readonly<Record<string, ReadinessCheck>>;
  /** Opened with `agentMigrations` and `serverMigrations`. Without it runs are kept in this process. */
  readonly store?: Store;
  readonly ephemeral?: Ephemeral;
  /** Serves `/playground`, a page for trying the agents. Off unless set. */
  readonly playground?: boolean;
  /** Routes beside those of the server; they stand under the same rules. */
  readonly routes?: (parts: AgentServerParts) => readonly AgentRoute[];
  readonly title?: string;
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly metrics?: Pick<Metrics, "request">;
}

/** What rooms that bring routes are given. */
export interface AgentServerParts {
  readonly agents: ReadonlyMap<string, BuiltAgent>;
  readonly defaultAgent: BuiltAgent;
  readonly threads: ThreadKeeper;
  readonly audit: Pick<AuditLog, "append">;
  readonly clock: Clock;
  readonly publicUrl: string;
  readonly signIn: SignIn;
  readonly authorization: Authorization;
  readonly store: Store | undefined;
  readonly ephemeral: Ephemeral | undefined;
  readonly logger: Logger | undefined;
  /** Begins, follows and ends runs; every turn that lasts goes through it. */
  readonly runs: RunEngine;
  /** Tells when the sign-in of a request has ended. */
  readonly watches: SignInWatches;
  readonly compat: "agentflow" | undefined;
  /** How errors are told, for those inside of streams. */
  readonly errors: Omit<ErrorOptions, "requestId">;
  /** Ends when the server goes down. */
  readonly closing: AbortSignal;
}

export interface AgentServer {
  readonly fetch: Hono["fetch"];
  /** For `server.on("upgrade", …)` of the HTTP server in front: sockets. */
  readonly upgrade: GraphSocket["upgrade"];
  /** Everything that is served. */
  readonly routes: readonly AgentRoute[];
  readonly parts: AgentServerParts;
  /** `/ready` answers no from here on. */
  drain(): void;
  /** Ends what is at work, and closes authenticators and backends; agents and stores stay the maker's. */
  close(): Promise<void>;
}

const DEFAULTS = {
  bodyBytes: 1_048_576,
  fileBytes: FILE_BYTES,
  timeMs: 120_000,
  concurrent: 1_000,
  drainMs: 10_000,
} as const;
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** Throws `config_invalid`, with the fix in the text. */
export function createAgentServer(options: AgentServerOptions): AgentServer {
  const { auth, audit, clock = systemClock, compat, envelope = "data", logger } = options;
  const limits = { ...DEFAULTS, ...options.limits };
  const url = new URL(options.publicUrl);
  const allowedHosts = options.allowedHosts ?? [url.host];
  assertServable(options, url, allowedHosts);
  const authorization = authorizationOf(options.authorization);
  const stop = new AbortController();
  let draining = false;
  const errors = {
    clock,
    compat,
    log: (err: unknown, requestId: string) =>
      logger?.error({ err, request_id: requestId }, "a request failed"),
  };
  const [defaultAgent] = options.agents as readonly [BuiltAgent, ...BuiltAgent[]];
  const agents = new Map(options.agents.map((agent) => [agent.name, agent]));
  const signIn = signInBy(auth, authorization);
  const watches = signInWatches({ signIn, clock });
  const lease = limits.leaseMs === undefined ? {} : { leaseMs: limits.leaseMs };
  const runs = runEngine({
    store: options.store
      ? postgresRunStore({ store: options.store, ...lease })
      : memoryRunStore({ clock, ...lease }),
    agents: options.agents,
    clock,
    ...lease,
    onFault: (err) => logger?.error({ err }, "a run failed"),
    ...(limits.runs && { limits: limits.runs }),
  });
  let inProcess: Promise<Ephemeral> | undefined;
  const tickets = socketTickets(async () => options.ephemeral ?? (inProcess ??= openEphemeral()));
  const parts: AgentServerParts = {
    agents,
    defaultAgent,
    threads: threadKeeper(agents),
    audit,
    clock,
    publicUrl: options.publicUrl,
    signIn,
    runs,
    watches,
    authorization,
    store: options.store,
    ephemeral: options.ephemeral,
    logger,
    errors,
    compat,
    closing: stop.signal,
  };
  const routes = inMatchingOrder([
    ...healthRoutes({
      version: manifest.version,
      ready: options.ready ?? {},
      isClosing: () => draining,
    }),
    ...guideRoutes(parts),
    ...threadRoutes(parts),
    ...messageRoutes(parts),
    ...graphRoutes(parts),
    ...runRoutes({ ...parts, engine: runs }),
    ...approvalRoutes({ ...parts, engine: runs }),
    ticketRoute(tickets),
    ...memoryRoutes(parts),
    ...fileRoutes({
      files: options.store ? postgresFileStore({ store: options.store, clock }) : memoryFileStore({ clock }),
      maxBytes: limits.fileBytes,
    }),
    ...(options.playground ? playgroundRoutes() : []),
    ...(options.routes?.(parts) ?? []),
  ]);
  assertRoutes(routes);

  const refusals = refusalCounter({ log: audit, clock, tenant: "default" });
  const source = options.source ?? sourceAddress([]);
  const sockets = graphSocket({
    ...parts,
    engine: runs,
    tickets,
    refusals,
    source,
    allowedHosts,
    limiter: options.limiter,
    origins: options.cors?.origins ?? [],
    ...(limits.sockets && { limits: limits.sockets }),
  });
  const app = new Hono();
  const fail = (error: unknown, requestId: string): Response =>
    errorResponse(error, { ...errors, requestId });
  app.onError((error, c) => fail(error, c.get("requestId")));
  app.use(
    observe({ clock, ...(logger && { logger }), ...(options.metrics && { metrics: options.metrics }) }),
  );
  app.use(door({ allowedHosts, source, secure: url.protocol === "https:" }));
  if (options.cors) app.use(corsRules(options.cors));
  app.use(assertHost(allowedHosts));
  app.use(assertOrigin(allowedHosts, options.cors?.origins ?? []));
  app.use(concurrent(limits.concurrent));
  for (const route of routes) {
    const serve = serveRoute(route, {
      signIn: parts.signIn,
      authorization,
      limiter: options.limiter,
      audit,
      refusals,
      clock,
      envelope,
      compat,
      bodyBytes: limits.bodyBytes,
      timeMs: limits.timeMs,
      closing: stop.signal,
    });
    app.on(route.method, route.path.replaceAll(/\{(\w+)\}/g, ":$1"), serve);
  }
  app.route(
    "/",
    serverDocs(documentedRoutes(routes, auth !== null), {
      title: options.title,
      publicUrl: options.publicUrl,
    }),
  );
  app.notFound((c) => {
    const allow = METHODS.filter((method) =>
      app.router.match(method, c.req.path)[0].some(([[, one]]) => one.method === method),
    );
    const error =
      allow.length > 0 && !allow.some((method) => method === c.req.method)
        ? new DeputizeError("method_not_allowed", "this path knows other methods", {
            detail: { allow: allow.join(", ") },
          })
        : new DeputizeError("not_found", "there is nothing here");
    return fail(error, c.get("requestId"));
  });

  let closing: Promise<void> | undefined;
  return {
    fetch: app.fetch,
    upgrade: sockets.upgrade,
    routes,
    parts,
    drain: () => {
      draining = true;
    },
    close: () =>
      (closing ??= (async () => {
        draining = true;
        await runs.drain(limits.drainMs);
        await sockets.close();
        watches.close();
        stop.abort(new DeputizeError("unavailable", "the server is going down", { retryAfterSeconds: 5 }));
        await refusals.close();
        await authorization.close();
        await auth?.chain.close();
      })()),
  };
}

function assertServable(
  { agents, auth, allowAnonymous }: AgentServerOptions,
  url: URL,
  hosts: readonly string[],
): void {
  if (agents.length === 0)
    throw new DeputizeError("config_invalid", "an agent server serves one agent or more");
  const names = agents.map(({ name }) => name);
  if (new Set(names).size < names.length)
    throw new DeputizeError("config_invalid", "two agents have one name; give each its own");
  const local = [url.host, ...hosts].every((host) => LOOPBACK.test(host.replace(/:\d+$/, "")));
  if (auth === null && !local && allowAnonymous !== true)
    throw new DeputizeError(
      "config_invalid",
      "`auth` is null, so anybody who reaches this server is let in; serve it on 127.0.0.1, set `auth`, or also say `allow_anonymous`",
    );
}

/** Past so many at one moment, requests are told to come back: what is at work finishes. */
function concurrent(most: number): import("hono").MiddlewareHandler {
  let atWork = 0;
  return async function concurrent(_c, next) {
    if (atWork >= most)
      throw new ApiError("SERVER_BUSY", "unavailable", "the server is busy; try again shortly", {
        retryAfterSeconds: 1,
      });
    atWork += 1;
    try {
      await next();
    } finally {
      atWork -= 1;
    }
  };
}
