/**
 * The composition of an authority that is served alone: the broker protocol, OAuth, people and agents, from one process.
 *
 * Guarantees: nothing here is shared between processes but the store and the ephemeral state, so any number of them can
 * stand behind one public URL. Every request passes the same door: request id, headers, Host, one credential.
 */
import type { HttpBindings } from "@hono/node-server";
import { type AuditLog, createAuditLog, refusalCounter } from "@deputize/audit";
import {
  type Authority,
  type AuthorityPolicy,
  type Broker,
  type BrokerRoutes,
  brokerProblemResponse,
  brokerRequest,
  AUTHORITY_ROUTES,
  BROKER_ROUTES,
  OPERATOR_ROUTES,
  REGISTRY_ROUTES,
  brokerRoutes,
  createAuthority,
  meteredBroker,
  operatorRoutes,
  registryRoutes,
  renderEvent,
  unknownRoute,
} from "@deputize/authority";
import { problemResponse } from "@deputize/client";
import { type Clock, DeputizeError, type PrincipalId, stableId } from "@deputize/core";
import type { Ephemeral, Store } from "@deputize/store";
import { type Context, Hono } from "hono";
import manifest from "../../package.json" with { type: "json" };
import {
  type AuthoritySettings,
  adminSecretCheck,
  type Secrets,
  tokenKeyStore,
  tokenKeys,
} from "../config/index.ts";
import { DOCS_ROUTES, docsRoutes } from "../docs/index.ts";
import {
  type Logger,
  METRICS_ROUTES,
  METRICS_SCOPE,
  type Metrics,
  createMetrics,
  metricSources,
  metricsRoutes,
  observe,
} from "../telemetry/index.ts";
import { pruneAuthority } from "./prune-authority.ts";
import { checkProofs } from "./check-proofs.ts";
import type { SourceAddress } from "./source-address.ts";

export interface AuthorityAppOptions {
  readonly settings: AuthoritySettings;
  /** The origin that clients use: issuer of OAuth tokens, and what proofs name. */
  readonly publicUrl: string;
  readonly store: Store;
  readonly ephemeral: Ephemeral;
  readonly secrets: Secrets;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Values of `Host` to answer to. */
  readonly allowedHosts: readonly string[];
  readonly source: SourceAddress;
  /** The log was tampered with: nothing may go on. */
  readonly onFatal: (error: unknown) => void;
}

export interface AuthorityApp {
  readonly fetch: Hono["fetch"];
  readonly authority: Authority;
  readonly broker: Broker;
  readonly audit: AuditLog;
  readonly metrics: Metrics;
  /** What is really served, for the documentation's test. */
  readonly routes: readonly { readonly method: string; readonly path: string }[];
  /** Routes that the server may answer without the framework. */
  readonly straight: BrokerRoutes["straight"];
  /** As `broker.verify`, but not counted. */
  readonly verify: Broker["verify"];
  /** Starts what works in the background: the log's sequencer and pruning. */
  start(): Promise<void>;
  /** Ends the background work and flushes the log. The store stays open. */
  close(): Promise<void>;
}

const PRUNE_MS = 60_000;
const TENANT = "default";

/** Nobody but the authority itself answers here: no edges, no agents, until an operator makes some. */
function standalonePolicy(publicUrl: string): AuthorityPolicy {
  return {
    roles: { admin: ["read:audit:*", "open:cases:*"] },
    audiences: {
      [publicUrl]: { kind: "api", principal: stableId("service:authority-api") as PrincipalId },
    },
    edges: {},
  };
}

/** Puts everything together. Throws `config_invalid`. */
export async function createAuthorityApp(options: AuthorityAppOptions): Promise<AuthorityApp> {
  const { settings, publicUrl, store, ephemeral, secrets, clock, logger, source } = options;
  const fault = (error: unknown, requestId: string): void =>
    logger.error({ err: error, request_id: requestId }, "a request failed");
  const socketOf = (c: Context): string | undefined =>
    (c.env as Partial<HttpBindings> | undefined)?.incoming?.socket.remoteAddress;
  const sourceOf = (c: Context): string => source(socketOf(c), c.req.header("x-forwarded-for"));

  const audit = createAuditLog({
    store,
    clock,
    signingKey: secrets.auditKey,
    origin: settings.auditOrigin,
    anchorFile: settings.auditAnchorFile,
    ...(settings.auditSecret !== undefined && { secret: settings.auditSecret }),
    verifyAtStart: true,
    onError: (error, fatal) => {
      logger.error({ err: error, fatal }, "the audit log could not be written");
      if (fatal) options.onFatal(error);
    },
  });
  const rootSecret = Buffer.from(secrets.authorityRoot, "hex");
  const authority = await createAuthority({
    store,
    audit,
    ephemeral,
    clock,
    issuer: publicUrl,
    secrets: {
      signingKeys: tokenKeys(secrets),
      signingKeyStore: tokenKeyStore(settings.secretsFile),
      rootSecret,
    },
    policy: standalonePolicy(publicUrl),
    sourceOf,
    tenant: TENANT,
    broker: settings.broker,
    agentRegistration: settings.agentRegistration,
  });
  if (!authority.broker) throw new DeputizeError("internal", "the authority was made without its broker");
  const unmetered = authority.broker;
  const broker = meteredBroker(unmetered);
  const metrics = createMetrics(metricSources({ store, audit, broker }));

  const refusals = refusalCounter({ log: audit, clock, tenant: TENANT });
  const { routes, guard, straight } = brokerRoutes({
    broker,
    audit,
    refusals,
    ephemeral,
    clock,
    tenant: TENANT,
    rootSecret,
    publicUrl,
    pages: audit.view(renderEvent),
    checkProof: checkProofs({ ephemeral, clock }),
    adminSecretMatches: adminSecretCheck(settings, clock),
    sourceOf,
    health: {
      version: manifest.version,
      ping: () => store.pool("authority").query("SELECT 1"),
      auditEvents: async () => {
        const { entries, pending } = await audit.counts();
        return entries + pending;
      },
    },
  });

  const app = new Hono();
  app.onError((error, c) => refuse(c, error));
  app.notFound((c) => refuse(c, unknownRoute(app, c)));
  app.use(
    observe({ metrics, logger }),
    brokerRequest({
      allowedHosts: options.allowedHosts,
      secure: publicUrl.startsWith("https://"),
      sourceOf,
    }),
  );
  app.route("/", routes);
  app.route(
    "/",
    operatorRoutes({
      guard,
      store,
      clock,
      audit,
      grants: authority.grants,
      keys: authority.keys,
      revocation: authority.revocation,
      agents: authority.agents,
      onEnded: (grants) => authority.broker?.ended(grants),
      sourceOf,
      version: manifest.version,
    }),
  );
  app.route("/", registryRoutes({ registry: broker.registry, guard }));
  app.route(
    "/",
    metricsRoutes({
      metrics,
      addressOf: (c) => socketOf(c) ?? "",
      guard: guard.bearer(METRICS_SCOPE),
    }),
  );
  app.route(
    "/",
    docsRoutes({
      title: "Deputize authority",
      version: manifest.version,
      publicUrl,
      routes: [
        ...BROKER_ROUTES,
        ...REGISTRY_ROUTES,
        ...OPERATOR_ROUTES,
        ...AUTHORITY_ROUTES,
        ...METRICS_ROUTES,
        ...DOCS_ROUTES,
      ],
    }),
  );
  app.route("/", authority.routes);

  /** The protocol's form under its own paths, ours everywhere else. */
  function refuse(c: Context, error: unknown): Response {
    if (c.req.path.startsWith("/v1/")) return brokerProblemResponse(c, error, { log: fault });
    const made = problemResponse(c, error, { log: fault });
    return c.newResponse(made.body, made);
  }

  let pruning: NodeJS.Timeout | undefined;
  return {
    fetch: app.fetch,
    authority,
    broker,
    audit,
    metrics,
    routes: app.routes.map(({ method, path }) => ({ method, path })),
    straight,
    verify: (token) => unmetered.verify(token),
    async start() {
      await audit.start();
      pruning = setInterval(() => {
        void pruneAuthority({
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
      metrics.close();
      await refusals.close();
      await authority.close();
      await audit.close();
    },
  };
}
