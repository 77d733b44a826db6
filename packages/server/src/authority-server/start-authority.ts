/**
 * Starts the authority as a server: takes the port, makes or reads the secrets, opens the database, serves, and ends
 * cleanly.
 *
 * Guarantees: a start that cannot work says so in one line with the fix, and leaves nothing running. The port is taken
 * first, so that a second start does not touch the data; until everything stands it answers 503. An operator's secret
 * that is made here is told once and kept only as a hash. `close` takes no new requests, lets open ones finish, flushes
 * the log, and is done within ten seconds.
 */
import { getRequestListener } from "@hono/node-server";
import { type Clock, DeputizeError, systemClock } from "@deputize/core";
import { auditMigrations } from "@deputize/audit";
import { type Broker, authorityMigrations } from "@deputize/authority";
import { type Store, openEphemeral, openStore } from "@deputize/store";
import {
  type AuthoritySettings,
  type Secrets,
  initConfig,
  loadOrCreateSecrets,
  readConfigFile,
} from "../config/index.ts";
import { explainStart, listen, stopListening, undoAll } from "../lifecycle/index.ts";
import manifest from "../../package.json" with { type: "json" };
import { type Logger, startTraces } from "../telemetry/index.ts";
import { type AuthorityApp, createAuthorityApp } from "./create-authority-app.ts";
import { type NodeHandler, createAuthorityServer, stillStarting } from "./http-server.ts";
import { withStraightRoutes } from "./straight-routes.ts";
import { sourceAddress } from "./source-address.ts";

export interface StartAuthorityOptions {
  readonly settings: AuthoritySettings;
  /** Made or read from `settings.secretsFile` unless given. */
  readonly secrets?: Secrets;
  /** An open database with the authority's migrations, which stays open; opened from the settings unless given. */
  readonly store?: Store;
  readonly logger?: Logger;
  readonly clock?: Clock;
  /** Where `OTEL_…` variables are read, for traces; none unless given. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Told when the log turns out to be tampered with; effects are refused from then on, and the server should end. */
  readonly onFatal?: (error: unknown) => void;
  /** Told when a step is done, and how long it took. */
  readonly onStep?: (step: string, milliseconds: number) => void;
}

export interface StartedAuthority {
  /** The public address. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly broker: Broker;
  /** What is really served, for the documentation's test. */
  readonly routes: AuthorityApp["routes"];
  /** The operator's secret when this start made it: the only time that it is told. */
  readonly madeAdminSecret?: string;
  close(): Promise<void>;
}

/** Migrations of a database that an authority alone lives in. */
export const authorityServerMigrations = [auditMigrations, authorityMigrations] as const;

/** Requests that are still open when we go down get this long; the rest of the ten seconds is for the log. */
const GRACE_MS = 5_000;

const silent: Logger = { error: () => {}, warn: () => {}, info: () => {} };

/** Throws a `DeputizeError` whose message is the line to print. */
export async function startAuthority(options: StartAuthorityOptions): Promise<StartedAuthority> {
  const { settings, clock = systemClock, logger = silent, onStep = () => {} } = options;
  const undo: (() => Promise<unknown>)[] = [];
  const step = async <T>(name: string, work: () => T | Promise<T>): Promise<T> => {
    const began = clock.monotonicMs();
    const result = await work();
    onStep(name, Math.round(clock.monotonicMs() - began));
    return result;
  };

  try {
    const secure = settings.publicUrl.startsWith("https://");
    let handle: NodeHandler = stillStarting(secure);
    const { server, endStreams } = createAuthorityServer(() => handle, secure);
    const port = await listen(server, settings);
    undo.push(() => stopListening(server, GRACE_MS));
    const publicUrl =
      settings.port === 0 ? settings.publicUrl.replace(/:0$/, `:${port}`) : settings.publicUrl;

    const secrets = await step(
      "secrets",
      () => options.secrets ?? loadOrCreateSecrets(settings.secretsFile).secrets,
    );
    const madeAdminSecret = await step("operator's secret", () => ensureAdminSecret(settings));
    const given = options.store;
    const store = await step("database", () => given ?? openDatabase(settings, secrets));
    if (!given) undo.push(() => store.close());
    const ephemeral = await step("ephemeral state", () =>
      openEphemeral({ clock, ...(settings.redisUrl !== undefined && { redisUrl: settings.redisUrl }) }),
    );
    undo.push(() => ephemeral.close());
    const allowedHosts = hostsOf(settings, publicUrl, port);
    const source = sourceAddress(settings.trustedProxies);
    const traces = await startTraces({
      env: options.env ?? {},
      service: "deputize",
      version: manifest.version,
    });
    if (traces) undo.push(() => traces.close());
    const app = await step("authority", () =>
      createAuthorityApp({
        settings,
        publicUrl,
        store,
        ephemeral,
        secrets,
        clock,
        logger,
        allowedHosts,
        source,
        onFatal: options.onFatal ?? (() => {}),
      }),
    );
    undo.push(() => app.close());
    await step("audit log", () => app.start());
    const listener = getRequestListener(app.fetch);
    handle = withStraightRoutes({
      routes: app.straight,
      verify: app.verify,
      source,
      allowedHosts,
      secure,
      logger,
      metrics: app.metrics,
      clock,
      otherwise: (request, response) => void listener(request, response),
    });

    // Open requests finish before what they stand on goes; streams would not, and their readers come back by themselves.
    undo.push(() => {
      endStreams();
      return stopListening(server, GRACE_MS);
    });
    let closing: Promise<void> | undefined;
    return {
      url: publicUrl,
      host: settings.host,
      port,
      broker: app.broker,
      routes: app.routes,
      ...(madeAdminSecret !== undefined && { madeAdminSecret }),
      close: () => (closing ??= undoAll(undo)),
    };
  } catch (error) {
    await undoAll(undo).catch(() => {});
    throw explainStart(error, settings);
  }
}

function openDatabase(settings: AuthoritySettings, secrets: Secrets): Promise<Store> {
  return openStore({
    secrets: secrets.store,
    migrations: authorityServerMigrations,
    ...(settings.databaseUrl === undefined
      ? { dataDir: settings.databaseDir }
      : { url: settings.databaseUrl }),
    ...(settings.rolePrefix !== undefined && { rolePrefix: settings.rolePrefix }),
  });
}

/** Makes the operator's secret where there is none; answers it when it was made now. */
function ensureAdminSecret(settings: AuthoritySettings): string | undefined {
  if (settings.adminSecret !== undefined) return undefined;
  const config = readConfigFile(settings.configFile);
  if (config?.admin_secret !== undefined || config?.admin_secret_hash !== undefined) return undefined;
  if (config) {
    throw new DeputizeError(
      "config_invalid",
      `${settings.configFile} holds no admin secret; make one with deputize init --force, or set DEPUTIZE_ADMIN_SECRET`,
    );
  }
  return initConfig({ mode: "prod", file: settings.configFile }).secret;
}

/** Names by which the server may be reached: the public one, and on loopback every name of this machine. */
function hostsOf(settings: AuthoritySettings, publicUrl: string, port: number): string[] {
  const local = settings.loopback ? ["localhost", "127.0.0.1", "[::1]"].map((name) => `${name}:${port}`) : [];
  return [...new Set([new URL(publicUrl).host, ...local])];
}
