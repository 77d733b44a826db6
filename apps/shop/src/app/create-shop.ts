/**
 * The composition root: one process that serves the authority, the agents, the tool servers, the shop's API and the page.
 *
 * Guarantees: nothing here is shared between processes but the store and the ephemeral state, so any number of them can
 * stand behind one public URL. Every request passes the same order: request id, Host, one credential (SR-26); headers
 * that keep the page to itself; then its room. Hops between rooms are requests to public addresses and pass the
 * same doors as those from outside.
 */
import { createHmac } from "node:crypto";
import {
  type Agent,
  type AgentAuthority,
  type CacheBackend,
  type Embedder,
  type ResolvedModel,
  hopAuthority,
  observe as observeTurns,
  prometheusTransport,
  usageLedger,
} from "@deputize/agent";
import { type AuditLog, type ReceiptNames, createAuditLog } from "@deputize/audit";
import { type Authority, createAuthority } from "@deputize/authority";
import {
  type TokenVerifier,
  createVerifier,
  problemHandler,
  requestContext,
  requireScope,
  tracedFetch,
} from "@deputize/client";
import { type Caller, type Clock, systemClock } from "@deputize/core";
import { GUARDRAIL_PARTS, type GuardrailPart } from "@deputize/guardrails";
import { authorityAuth, ephemeralSessions } from "@deputize/mcp";
import {
  type BackgroundAgent,
  type PersonKeeper,
  agentApp,
  backgroundRoutes,
  chatRoutes,
  databaseKeepers,
  memoryRoutes,
  ownerKeeper,
  personRoutes,
} from "@deputize/server";
import { type Secrets, type Settings, tokenKeys } from "@deputize/server/config";
import { docsRoutes } from "@deputize/server/docs";
import type { Ephemeral, Store } from "@deputize/store";
import { type Context, Hono } from "hono";
import { decideRoutes } from "../http/approvals.ts";
import { docsText } from "../http/docs.ts";
import { healthRoutes } from "../http/health.ts";
import { orderRoutes } from "../http/orders.ts";
import { productRoutes } from "../http/products.ts";
import { profileRoutes } from "../http/profile.ts";
import { ROUTES } from "../http/route-table.ts";
import { checkpointRoutes, receiptRoutes } from "../http/receipts.ts";
import { usageRoutes } from "../http/usage.ts";
import { securityHeaders, staticFiles } from "../http/static.ts";
import { artRoutes } from "../art/routes.ts";
import { demoAccounts } from "../seed/seed-shop.ts";
import { ordersServer } from "../tools/orders-server.ts";
import { productsServer } from "../tools/products-server.ts";
import { SKILLS, shopAgents } from "./agents.ts";
import { approvalGate, withPresentApprovals } from "./approval-gate.ts";
import { backgroundOffers } from "./background-offers.ts";
import { type LastingPaceOptions, closeBackground, openBackground } from "./background.ts";
import { openKept } from "./kept.ts";
import { localFetch } from "./local-fetch.ts";
import {
  type Logger,
  createMetrics,
  metricSources,
  metricsRoutes,
  observe,
} from "@deputize/server/telemetry";
import {
  AGENTS,
  AGENT_SCOPES,
  type AgentName,
  ORCHESTRATOR,
  SERVICES,
  TOOL_SERVERS,
  addressesUnder,
  agentId,
  serviceId,
  shopPolicy,
} from "./policy.ts";
import { prune } from "./prune.ts";
import { maybeSignedIn, ownActOnly, signedIn, watchSignIn } from "./signed-in.ts";
import { agentAdmission, chatThrottle } from "./throttle.ts";

export const VERSION = "0.1.0";

export interface ShopOptions {
  /** The origin that people and agents use: issuer, and base of all audiences. */
  readonly publicUrl: string;
  readonly store: Store;
  readonly ephemeral: Ephemeral;
  readonly secrets: Secrets;
  readonly model: ResolvedModel;
  readonly clock?: Clock;
  /** The built page. */
  readonly webRoot?: string;
  /** Which parts of the guardrails scan what the agents are told and say; all unless told. */
  readonly guardrails?: readonly GuardrailPart[];
  readonly logger?: Logger;
  /** Further values of `Host` to answer to, such as `127.0.0.1:3000` beside `localhost:3000`. */
  readonly allowedHosts?: readonly string[];
  /** Offer the demo accounts at the sign-in page. Only while nobody but this machine can reach us [SR-26]. */
  readonly demoAccounts?: boolean;
  /** Who may register agents; people who are signed in unless told. */
  readonly agentRegistration?: "owner" | "open";
  /** The log's name in its checkpoints; the public host and `/audit` unless told. Never changes. */
  readonly auditOrigin?: string;
  /** Where the log keeps its own flushed checkpoints [SR-20]. */
  readonly anchorFile?: string;
  /** What the codes of the log's entries are made with; entries carry none unless told. */
  readonly auditSecret?: string;
  /**
   * Agents work in the background too, in one shop of a process; the store was prepared by `prepareLastingWork`. Absent: they do
   * not, and the routes say so.
   */
  readonly background?: LastingPaceOptions;
  /** Where answers that are given again lie; in this process unless told. */
  readonly answers?: CacheBackend;
  /** For memories and answers that are given again; one that knows spelling unless told. */
  readonly embedder?: Embedder;
  /** What the model may be used for in a day; without limits unless told. */
  readonly budgets?: Settings["budgets"];
  /** For addresses of other machines; the network unless told. */
  readonly fetch?: typeof fetch;
}

export interface Shop {
  readonly fetch: (request: Request, env?: unknown) => Response | Promise<Response>;
  readonly authority: Authority;
  readonly audit: AuditLog;
  readonly verifier: TokenVerifier;
  readonly agents: Readonly<Record<AgentName, Agent>>;
  /** The routes, for the documentation's test. */
  readonly routes: readonly { readonly method: string; readonly path: string }[];
  /** Starts what works in the background: the log's sequencer and pruning. */
  start(): Promise<void>;
  /** Ends runs and streams, waits for them, and flushes the log. The store stays open. */
  close(): Promise<void>;
}

const silent: Logger = { error: () => {}, warn: () => {}, info: () => {} };
const PRUNE_MS = 60_000;

/** Puts everything together. Throws `config_invalid`. */
export async function createShop(options: ShopOptions): Promise<Shop> {
  const { store, ephemeral, secrets, model, clock = systemClock, logger = silent } = options;
  const at = addressesUnder(options.publicUrl);
  const app = new Hono();
  const fetch = tracedFetch(
    localFetch({
      origin: at.api,
      handle: (request) => app.fetch(request),
      ...(options.fetch && { fallback: options.fetch }),
    }),
  );
  const fault = (error: unknown, requestId: string): void =>
    logger.error({ err: error, request_id: requestId }, "a request failed");

  const audit = createAuditLog({
    store,
    clock,
    signingKey: secrets.auditKey,
    origin: options.auditOrigin ?? `${new URL(at.api).hostname}/audit`,
    ...(options.anchorFile !== undefined && { anchorFile: options.anchorFile }),
    ...(options.auditSecret !== undefined && { secret: options.auditSecret }),
    onError: (error, fatal) => logger.error({ err: error, fatal }, "the audit log could not be written"),
  });
  const authority = await createAuthority({
    store,
    audit,
    ephemeral,
    clock,
    issuer: at.api,
    secrets: {
      signingKeys: tokenKeys(secrets),
      rootSecret: Buffer.from(secrets.authorityRoot, "hex"),
    },
    policy: shopPolicy(at),
    ...(options.agentRegistration && { agentRegistration: options.agentRegistration }),
    sourceOf,
    sessionExtras: (caller) => ({
      model: { name: model.name, offline: model.offline },
      ...(options.demoAccounts && !caller && { demo_accounts: demoAccounts() }),
    }),
  });
  const apiKeys = new Map<AgentName, string>();
  for (const name of AGENTS) {
    const { apiKey } = await authority.agents.ensureBuiltIn(name, secretOf(secrets, name));
    apiKeys.set(name, apiKey);
  }
  for (const name of SERVICES) await authority.agents.ensureBuiltIn(name, secretOf(secrets, name), "service");

  const verifier = await createVerifier({ issuer: at.api, authorityUrl: at.api, fetch, clock });
  const usage = usageLedger({
    store,
    clock,
    onFault: (error) => logger.error({ err: error }, "a turn's usage was not written"),
  });
  const turns = observeTurns({ transporters: [prometheusTransport()] });
  const kept = openKept({
    store,
    ephemeral,
    clock,
    model,
    answers: options.answers,
    budgets: options.budgets,
    embedder: options.embedder,
  });
  const agents = shopAgents({
    kept,
    store,
    audit,
    clock,
    model,
    addresses: at,
    fetch,
    onFault: (error, { runId }) => logger.error({ err: error, run_id: runId }, "a turn failed"),
    observers: [usage.observer, turns],
    guardrails: options.guardrails ?? GUARDRAIL_PARTS,
  });
  const front = agents[ORCHESTRATOR];

  /** From the API to the front desk: the person's session or token, exchanged by the API for the agent. */
  const fromPerson = (caller: Caller): AgentAuthority =>
    hopAuthority({
      exchange: authority.exchange,
      caller,
      exchanger: serviceId("shop-api"),
      actor: agentId(ORCHESTRATOR),
      scopes: AGENT_SCOPES[ORCHESTRATOR],
    });

  problemHandler(app, { log: fault });
  const metrics = createMetrics(metricSources({ store, audit }));
  app.use(
    observe({ metrics, logger }),
    securityHeaders(at.api),
    requestContext({ allowedHosts: [new URL(at.api).host, ...(options.allowedHosts ?? [])] }),
    staticFiles(options.webRoot),
  );
  app.route(
    "/",
    healthRoutes({ store, ephemeral, model: { name: model.name, offline: model.offline }, version: VERSION }),
  );
  app.route("/", metricsRoutes({ metrics, addressOf: sourceOf }));
  app.route(
    "/",
    docsRoutes({
      title: "Deputize shop",
      description: "Agents that act for a person, and for nobody else.",
      version: VERSION,
      publicUrl: at.api,
      routes: ROUTES,
      ...docsText(at.api, model.offline),
    }),
  );

  // Decisions come before the authority's own route, because here they also carry the turn on.
  const { approvals, authenticate, authenticateForDecision } = authority;
  app.route(
    "/",
    decideRoutes({ approvals, authenticateForDecision, agent: front, authorityFor: fromPerson }),
  );
  app.route("/", checkpointRoutes({ audit }));
  app.route("/", authority.routes);
  let background: readonly BackgroundAgent[] = [];
  const toolSessions = ephemeralSessions(async () => ephemeral);
  app.route(
    "/",
    personRoutes({
      authority,
      audit,
      clock,
      keepers: async () => [
        ...withBackground(await databaseKeepers({ store, people: authority.people })),
        ownerKeeper("mcp.ephemeral", (owner) => toolSessions.eraseOwner(owner)),
        ownerKeeper("answers", (owner) => kept.cache.purgeUser(owner)),
      ],
    }),
  );

  /** Right after the person's access, and before the rows: what is under way here is let go of by its ids, which stand there. */
  function withBackground([access, ...rest]: readonly PersonKeeper[]): PersonKeeper[] {
    const [any] = background; // one engine for all
    const work = any && ownerKeeper("agent.background", (owner) => any.work.eraseOwner(owner));
    return [access, work, ...rest].filter((keeper) => keeper !== undefined);
  }

  const throttle = chatThrottle(ephemeral);
  const known = signedIn(authenticate);
  app.use("/api/products", maybeSignedIn(authenticate));
  app.use("/api/products/*", maybeSignedIn(authenticate));
  app.route("/api/products", productRoutes({ store }));
  app.route("/art", artRoutes({ store }));
  for (const path of [
    "background",
    "chat",
    "conversations",
    "orders",
    "profile",
    "receipts",
    "admin",
    "memories",
    "me/usage",
  ]) {
    app.use(`/api/${path}`, known);
    app.use(`/api/${path}/*`, known);
  }
  // A token says what its holder may do also where rows would be empty anyway: no scope, 403.
  app.use("/api/orders", requireScope("read:orders:*"));
  app.use("/api/orders/*", requireScope("read:orders:*"));
  app.use("/api/profile", requireScope("read:profile:*"));
  app.route("/api/orders", orderRoutes({ store, audit, cases: authority.cases }));
  app.route("/api/profile", profileRoutes({ store, people: authority.people }));
  app.route("/", receiptRoutes({ audit, names: namesOf(authority, store) }));
  app.route("/", usageRoutes({ usage, audit }));
  app.use("/api/memories", ownActOnly);
  app.use("/api/memories/*", ownActOnly);
  app.route("/api", memoryRoutes({ provider: kept.memory.provider }));
  app.route(
    "/api",
    chatRoutes({
      agent: front,
      authorityFor: (_c, caller) => fromPerson(caller),
      watch: (c, caller) => watchSignIn(authenticate, c, caller),
      present: (caller, conversation) => withPresentApprovals(approvals, caller, conversation),
      throttle: agentAdmission({ name: ORCHESTRATOR, throttle, audit }),
    }),
  );

  app.route(
    "/api",
    backgroundRoutes({
      agents: () => background,
      offers: () => backgroundOffers(toolServers, at),
      mandates: authority.mandates,
      authenticateForDecision,
      present: (caller, conversation) => withPresentApprovals(approvals, caller, conversation),
    }),
  );

  for (const name of AGENTS) {
    const routes = agentApp({
      agent: agents[name],
      verifier,
      audience: at.agent(name),
      store,
      clock,
      card: { version: VERSION, skills: SKILLS[name], documentationUrl: `${at.api}/docs` },
      authorityFor: (caller) =>
        hopAuthority({
          exchange: authority.exchange,
          caller,
          exchanger: agentId(name),
          scopes: AGENT_SCOPES[name],
        }),
      admit: agentAdmission({ name, throttle, audit }),
      onFault: fault,
    });
    app.route(`/agents/${name}`, routes);
  }

  const toolServers = { orders: toolServer("orders"), products: toolServer("products") };
  for (const name of TOOL_SERVERS) {
    const serve = (c: Context): Promise<Response> =>
      toolServers[name].fetch(c.req.raw, { ipAddress: sourceOf(c) });
    app.on(["GET", "POST", "DELETE"], `/mcp/${name}`, serve);
    app.get(`/.well-known/oauth-protected-resource/mcp/${name}`, serve);
  }

  function toolServer(name: "orders" | "products") {
    const url = at.tools(name);
    const deps = {
      auth: authorityAuth({ verifier, audience: url, issuer: at.api }),
      store,
      audit,
      ephemeral,
      url,
      clock,
      // An agent that acts for itself can be permitted what these tools need: it is told so by a 403 [SR-26].
      server: {
        stepUp: (caller: Caller) => (caller.subjectKind === "agent" ? AGENT_SCOPES[ORCHESTRATOR] : []),
      },
    };
    return name === "orders"
      ? ordersServer({
          ...deps,
          approvals: approvalGate(authority.approvals),
          people: authority.people,
          cases: authority.cases,
        })
      : productsServer(deps);
  }

  let pruning: NodeJS.Timeout | undefined;
  return {
    fetch: (request, env) => app.fetch(request, env as never),
    authority,
    audit,
    verifier,
    agents,
    routes: app.routes.map(({ method, path }) => ({ method, path })),
    async start() {
      await audit.start();
      if (options.background) {
        background = await openBackground({
          ...options.background,
          store,
          agents,
          addresses: at,
          approvals,
          verifier,
          fetch,
          apiKeys,
          clock,
          onFault: (error) => logger.error({ err: error }, "background work met a fault"),
        });
      }
      pruning = setInterval(() => {
        void prune({
          store,
          clock,
          authority,
          onFault: (error, room) => logger.warn({ err: error, room }, "a room was not pruned"),
        });
      }, PRUNE_MS);
      pruning.unref();
    },
    async close() {
      clearInterval(pruning);
      await closeBackground(background);
      await Promise.all(Object.values(agents).map((agent) => agent.close()));
      await usage.flush();
      await turns.close();
      metrics.close();
      await Promise.all(Object.values(toolServers).map((server) => server.close()));
      await verifier.close();
      await authority.close();
      await audit.close();
    },
  };
}

/** The address of whoever sent a request; requests of this process have none. */
function sourceOf(c: Context): string {
  const incoming = (c.env as { incoming?: { socket?: { remoteAddress?: string } } } | undefined)?.incoming;
  return incoming?.socket?.remoteAddress ?? "this process";
}

/** A secret of its own for each agent and service, from the installation's root. */
function secretOf(secrets: Secrets, name: string): string {
  return createHmac("sha256", Buffer.from(secrets.agentRoot, "hex")).update(`api-key:${name}`).digest("hex");
}

/** What receipts call people, agents and grants. */
function namesOf(authority: Authority, store: Store): ReceiptNames {
  const builtIn = new Map<string, string>([
    ...AGENTS.map((name) => [agentId(name), name] as const),
    ...SERVICES.map((name) => [serviceId(name), name] as const),
  ]);
  return {
    principal: async (id) => builtIn.get(id) ?? (await authority.people.get(id))?.name,
    async grant(id) {
      const grant = await authority.grants.get(
        { query: (text, params = []) => store.pool("authority").query(text, params as unknown[]) as never },
        { tenant: authority.tenant, id },
      );
      return grant && { scopes: grant.scopes, expires: new Date(grant.expiresAt).toISOString() };
    },
  };
}
