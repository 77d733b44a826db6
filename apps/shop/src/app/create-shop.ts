/**
 * The composition root: one process that serves the authority, the agents, the tool servers, the shop's API and the page.
 *
 * Guarantees: nothing here is shared between processes but the store and the ephemeral state, so any number of them can
 * stand behind one public URL. Every request passes the same order: request id, Host, one credential (SR-26); headers
 * that keep the page to itself; then its room. Hops between rooms are requests to public addresses and pass the
 * same doors as those from outside.
 */
import {
  type AgentAuthority,
  hopAuthority,
  observe as observeTurns,
  prometheusTransport,
  usageLedger,
} from "@deputize/agent";
import { createAuditLog } from "@deputize/audit";
import { createAuthority } from "@deputize/authority";
import { createVerifier, problemHandler, requestContext, tracedFetch } from "@deputize/client";
import { type Caller, systemClock } from "@deputize/core";
import { GUARDRAIL_PARTS } from "@deputize/guardrails";
import { type BackgroundAgent, agentApp } from "@deputize/server";
import { tokenKeys } from "@deputize/server/config";
import { docsRoutes } from "@deputize/server/docs";
import {
  type Logger,
  createMetrics,
  metricSources,
  metricsRoutes,
  observe,
} from "@deputize/server/telemetry";
import { Hono } from "hono";
import { docsText } from "../http/docs.ts";
import { healthRoutes } from "../http/health.ts";
import { ROUTES } from "../http/route-table.ts";
import { securityHeaders, staticFiles } from "../http/static.ts";
import { demoAccounts } from "../seed/seed-shop.ts";
import { SKILLS, shopAgents } from "./agents.ts";
import { backgroundOffers } from "./background-offers.ts";
import { closeBackground, openBackground } from "./background.ts";
import { ensureBuiltIns } from "./built-in-agents.ts";
import { openKept } from "./kept.ts";
import { localFetch } from "./local-fetch.ts";
import { mountPersonApi } from "./person-api.ts";
import {
  AGENTS,
  AGENT_SCOPES,
  ORCHESTRATOR,
  addressesUnder,
  agentId,
  serviceId,
  shopPolicy,
} from "./policy.ts";
import { prune } from "./prune.ts";
import { type Shop, type ShopOptions, VERSION } from "./shop-options.ts";
import { sourceOf } from "./source-of.ts";
import { agentAdmission, chatThrottle } from "./throttle.ts";
import { mountToolServers } from "./tool-servers.ts";

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
  const apiKeys = await ensureBuiltIns(authority, secrets);

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

  let background: readonly BackgroundAgent[] = [];
  const throttle = chatThrottle(ephemeral);
  mountPersonApi(app, {
    authority,
    audit,
    store,
    ephemeral,
    clock,
    kept,
    usage,
    throttle,
    front,
    fromPerson,
    background: () => background,
    offers: () => backgroundOffers(toolServers, at),
  });

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
      accountsTo: ({ actors: [asking] }) =>
        asking !== undefined && AGENTS.some((one) => agentId(one) === asking),
      onFault: fault,
    });
    app.route(`/agents/${name}`, routes);
  }

  const toolServers = mountToolServers(app, {
    addresses: at,
    authority,
    verifier,
    store,
    audit,
    ephemeral,
    clock,
  });

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
          approvals: authority.approvals,
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
