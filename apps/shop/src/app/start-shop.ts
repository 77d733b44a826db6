/**
 * Starts the shop as a server: takes the port, opens the database, seeds, serves, and ends cleanly.
 *
 * Guarantees: a start that cannot work says so in one line with the fix, and leaves nothing running. The port is taken
 * first, so that a second start does not touch the data; until everything stands it answers 503. Demo passwords exist
 * only while nobody but this machine can come in [SR-26]. `close` ends runs and streams, and flushes the log, before the database closes.
 */
import { createHmac } from "node:crypto";
import type { Server } from "node:http";
import {
  type CacheBackend,
  prepareLastingWork,
  redisCache,
  resolveEmbedder,
  resolveModel,
} from "@deputize/agent";
import { type Clock, DeputizeError, type PrincipalId, systemClock, toProblem } from "@deputize/core";
import { type Secrets, type Settings, loadOrCreateSecrets } from "@deputize/server/config";
import { explainStart, listen, stopListening, undoAll } from "@deputize/server/lifecycle";
import {
  DEFAULT_ROLE_PREFIX,
  type Ephemeral,
  type Store,
  openEphemeral,
  openStore,
  roleName,
} from "@deputize/store";
import { createAdaptorServer } from "@hono/node-server";
import { createShop } from "./create-shop.ts";
import { type Shop, VERSION } from "./shop-options.ts";
import { endDemoSignIns, withdrawDemoPasswords } from "./demo-passwords.ts";
import { type Logger, createLogger, startTraces } from "@deputize/server/telemetry";
import { allMigrations } from "./migrations.ts";
import { type SeedPlan, seedPeople, seedRows } from "./seeding.ts";

export interface StartOptions {
  readonly settings: Settings;
  /** Where the model's setting and keys are read, and where traces go. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Made or read from `settings.secretsFile` unless given. */
  readonly secrets?: Secrets;
  /** The built page. */
  readonly webRoot?: string;
  readonly logger?: Logger;
  readonly clock?: Clock;
  /** Told when a step is done, and how long it took. */
  readonly onStep?: (step: string, milliseconds: number) => void;
  /** Write the demo's rows and people. On unless told; off for replicas that find them there. */
  readonly seed?: boolean;
}

export interface StartedShop {
  /** The public address. */
  readonly url: string;
  /** Where it listens. */
  readonly host: string;
  readonly port: number;
  readonly shop: Shop;
  readonly model: { readonly name: string; readonly offline: boolean };
  readonly secretsCreated: boolean;
  readonly demoAccounts: boolean;
  close(): Promise<void>;
}

/** Requests that are still open when we go down get this long. */
const GRACE_MS = 3_000;

/** Throws a `DeputizeError` whose message is the line to print. */
export async function startShop(options: StartOptions): Promise<StartedShop> {
  const { settings, clock = systemClock, onStep = () => {} } = options;
  const logger = options.logger ?? createLogger(settings.logLevel);
  const undo: (() => Promise<unknown>)[] = [];
  let stop: (() => Promise<void>) | undefined;
  const end = async (): Promise<void> => {
    // No new requests while the rest closes; open ones end when their runs and streams do.
    const stopped = stop?.() ?? Promise.resolve();
    await undoAll([() => stopped, ...undo]);
  };
  const step = async <T>(name: string, work: () => T | Promise<T>): Promise<T> => {
    const began = clock.monotonicMs();
    const result = await work();
    onStep(name, Math.round(clock.monotonicMs() - began));
    return result;
  };

  try {
    const model = resolveModel(options.env);
    let handle: Shop["fetch"] = starting;
    const server = createAdaptorServer({ fetch: (request, env) => handle(request, env) }) as Server;
    const port = await listen(server, settings);
    stop = () => stopListening(server, GRACE_MS);
    const publicUrl =
      settings.port === 0 ? settings.publicUrl.replace(/:0$/, `:${port}`) : settings.publicUrl;

    const { secrets, created } = await step("secrets", () =>
      options.secrets
        ? { secrets: options.secrets, created: false }
        : loadOrCreateSecrets(settings.secretsFile),
    );
    let plan: SeedPlan | undefined;
    let withdrawn: readonly PrincipalId[] = [];
    const store: Store = await step("database", () =>
      openStore({
        secrets: secrets.store,
        migrations: allMigrations,
        ...(settings.databaseUrl === undefined
          ? { dataDir: settings.databaseDir }
          : { url: settings.databaseUrl }),
        ...(settings.rolePrefix !== undefined && { rolePrefix: settings.rolePrefix }),
        prepare: async (owner) => {
          await prepareLastingWork(owner, roleName(settings.rolePrefix ?? DEFAULT_ROLE_PREFIX, "workflow"));
          if (!settings.demoAccounts) withdrawn = await withdrawDemoPasswords(owner);
          if (options.seed ?? true)
            plan = await seedRows(owner, { demoAccounts: settings.demoAccounts, clock });
        },
      }),
    );
    undo.push(() => store.close());
    const ephemeral: Ephemeral = await step("ephemeral state", () =>
      openEphemeral({ clock, ...(settings.redisUrl !== undefined && { redisUrl: settings.redisUrl }) }),
    );
    undo.push(() => ephemeral.close());
    let answers: CacheBackend | undefined;
    if (settings.redisUrl !== undefined) {
      const secret = createHmac("sha256", secrets.agentRoot).update("kept answers").digest("hex");
      answers = redisCache({ url: settings.redisUrl, secret });
      undo.push(async () => answers?.close());
    }
    const traces = await startTraces({ env: options.env, service: "deputize-shop", version: VERSION });
    if (traces) undo.push(() => traces.close());
    const shop = await step("authority, agents, tools", () =>
      createShop({
        publicUrl,
        store,
        ephemeral,
        secrets,
        model,
        clock,
        logger,
        demoAccounts: settings.demoAccounts,
        agentRegistration: settings.agentRegistration,
        budgets: settings.budgets,
        ...(answers && { answers }),
        // By meaning where that was set: a model of one's own machine costs memory, and the first question a second.
        ...(options.env["DEPUTIZE_EMBEDDER"] && { embedder: resolveEmbedder(options.env) }),
        guardrails: settings.guardrails,
        allowedHosts: hostsOf(settings, port),
        auditOrigin: settings.auditOrigin,
        background: {},
        anchorFile: settings.auditAnchorFile,
        ...(settings.auditSecret !== undefined && { auditSecret: settings.auditSecret }),
        ...(options.webRoot !== undefined && { webRoot: options.webRoot }),
      }),
    );
    undo.push(() => shop.close());
    await endDemoSignIns(shop.authority, withdrawn);
    const seedPlan = plan;
    if (seedPlan) await step("people and permissions", () => seedPeople(shop.authority, seedPlan));
    await step("audit log", () => shop.start());
    handle = shop.fetch;

    let closing: Promise<void> | undefined;
    return {
      url: publicUrl,
      host: settings.host,
      port,
      shop,
      model: { name: model.name, offline: model.offline },
      secretsCreated: created,
      demoAccounts: settings.demoAccounts,
      close: () => (closing ??= end()),
    };
  } catch (error) {
    await end().catch(() => {});
    throw explainStart(error, settings);
  }
}

function starting(): Response {
  const error = new DeputizeError("unavailable", "the shop is starting; try again in a moment");
  return Response.json(toProblem(error, "none"), {
    status: error.status,
    headers: { "Content-Type": "application/problem+json", "Retry-After": "2" },
  });
}

/** Names by which a loopback server may be reached; beyond loopback only the public one. */
function hostsOf(settings: Settings, port: number): string[] {
  return settings.loopback ? ["localhost", "127.0.0.1", "[::1]"].map((name) => `${name}:${port}`) : [];
}
