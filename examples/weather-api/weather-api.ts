/**
 * An authority for registered agents and an API that they call, in one process at one address.
 *
 * Guarantees: nobody but this machine can come in; every route of the API declares its permission, or the API does not
 * start; each decision is in the audit log before the answer. The database is embedded: in a folder, or gone at the end.
 */
import { createHmac, createPrivateKey } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import type { Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createAdaptorServer } from "@hono/node-server";
import { type AuditLog, auditEvent, auditMigrations, createAuditLog, refusalCounter } from "deputize/audit";
import { AUTHORITY_ROUTES, type PrivateJwk, authorityMigrations, createAuthority } from "deputize/authority";
import {
  type RouteDoc,
  assertEveryRouteDeclares,
  createVerifier,
  permissionGuard,
  problemHandler,
  requestContext,
} from "deputize/client";
import {
  DeputizeError,
  type PrincipalId,
  actingPrincipal,
  requireCaller,
  stableId,
  systemClock,
} from "deputize/core";
import { type Store, openEphemeral, openStore } from "deputize/store";
import { loadOrCreateSecrets } from "@deputize/server/config";
import { DOCS_ROUTES, docsRoutes } from "@deputize/server/docs";
import { type Context, Hono } from "hono";
import { z } from "zod";

export const OWNER_EMAIL = "owner@test.com";

export interface WeatherApiOptions {
  /** Keeps database and secrets; a folder that is removed at the end unless told. */
  readonly dataDir?: string;
  /** 8000 unless told; 0 takes a free one. */
  readonly port?: number;
  readonly redisUrl?: string;
  /** For tests: a database that is open already. */
  readonly store?: Store;
}

export interface WeatherApi extends AsyncDisposable {
  readonly url: string;
  /** Of the owner, who is also the administrator here. Made from the secrets: the same at each start on one folder. */
  readonly owner: { readonly email: string; readonly password: string };
  readonly audit: AuditLog;
}

const Answer = z.object({ message: z.string(), agent_id: z.uuid() });

const DATA_ROUTES: readonly RouteDoc[] = (["weather", "stock"] as const).map((name) => ({
  method: "GET",
  path: `/data/${name}`,
  group: "Protected data",
  summary: `For agents with the permission \`read_${name}\`; 403 for others.`,
  access: "signed in",
  scope: `read:${name}:*`,
  answer: Answer,
  curl: `$URL/data/${name} -H "Authorization: Bearer $TOKEN"`,
}));

function addressOf(c: Context): string {
  const { incoming } = (c.env ?? {}) as { incoming?: { socket: { remoteAddress?: string } } };
  return incoming?.socket.remoteAddress ?? "this process";
}

/** Starts it. Throws when the port is taken or the folder is in use. */
export async function startWeatherApi(options: WeatherApiOptions = {}): Promise<WeatherApi> {
  await using undo = new AsyncDisposableStack();
  const clock = systemClock;
  const tenant = "default";

  const outer = new Hono();
  const server = createAdaptorServer({ fetch: (request, env) => outer.fetch(request, env) }) as Server;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) =>
      reject(
        new DeputizeError("config_invalid", "the port cannot be used; name another with --port", { cause }),
      ),
    );
    server.listen(options.port ?? 8000, "127.0.0.1", resolve);
  });
  undo.defer(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;

  const folder = options.dataDir ?? mkdtempSync(join(tmpdir(), "deputize-weather-"));
  if (options.dataDir === undefined) undo.defer(() => rmSync(folder, { recursive: true, force: true }));
  const { secrets } = loadOrCreateSecrets(join(folder, "secrets.json"));
  const store =
    options.store ??
    (await openStore({
      dataDir: join(folder, "database"),
      secrets: secrets.store,
      migrations: [auditMigrations, authorityMigrations],
    }));
  if (!options.store) undo.defer(() => store.close());
  const ephemeral = await openEphemeral(options.redisUrl === undefined ? {} : { redisUrl: options.redisUrl });
  undo.defer(() => ephemeral.close());
  const audit = createAuditLog({ store, signingKey: secrets.auditKey, origin: "weather.example/audit" });
  undo.defer(() => audit.close());

  const service = stableId("service:weather-api") as PrincipalId;
  const authority = await createAuthority({
    store,
    audit,
    ephemeral,
    issuer: url,
    secrets: {
      signingKeys: [createPrivateKey(secrets.tokenKey).export({ format: "jwk" }) as unknown as PrivateJwk],
      rootSecret: Buffer.from(secrets.authorityRoot, "hex"),
    },
    policy: {
      roles: { admin: [] },
      audiences: { [url]: { kind: "api", principal: service } },
      edges: {},
      agentRoles: { reporter: ["read_weather", "read_stock"] },
    },
    // Strangers may register: what they make is powerless until its owner has confirmed it.
    agentRegistration: "open",
    sourceOf: addressOf,
  });
  undo.defer(() => authority.close());
  const derive = (use: string): Buffer =>
    createHmac("sha256", Buffer.from(secrets.agentRoot, "hex")).update(use).digest();
  await authority.agents.ensureBuiltIn("weather-api", derive("weather-api").toString("hex"), "service");
  const owner = { email: OWNER_EMAIL, password: derive("owner").toString("base64url").slice(0, 24) };
  await authority.people.create({
    id: stableId(`user:${OWNER_EMAIL}`) as PrincipalId,
    name: "Owner",
    role: "admin",
    ...owner,
  });

  const verifier = await createVerifier({
    issuer: url,
    authorityUrl: url,
    // The authority is in this process; elsewhere this would be the network, and no database.
    fetch: async (input, init) => outer.fetch(new Request(input, init)),
  });
  undo.defer(() => verifier.close());
  const refusals = refusalCounter({ log: audit, clock, tenant });
  undo.defer(() => refusals.close());
  const guard = permissionGuard({
    verifier,
    audience: url,
    admit: (caller, c) => authority.agentThrottle.request(caller, addressOf(c)),
    onDecision: ({ caller, allowed, reason, resource, permission }) =>
      audit.append(
        auditEvent(caller, {
          action: "api.request",
          outcome: allowed ? "allowed" : "refused",
          ...(reason !== undefined && { reason }),
          resource,
          detail: { permission },
        }),
      ),
    onRefused: (code, c) => refusals.count(code, addressOf(c)),
  });

  const data = new Hono();
  problemHandler(data);
  data.get("/data/weather", guard.needs("read_weather"), (c) =>
    c.json({ message: "Protected weather data", agent_id: actingPrincipal(requireCaller()) }),
  );
  data.get("/data/stock", guard.needs("read_stock"), (c) =>
    c.json({ message: "Protected stock data", agent_id: actingPrincipal(requireCaller()) }),
  );
  assertEveryRouteDeclares(data);

  problemHandler(outer);
  outer.use(requestContext({ allowedHosts: [`127.0.0.1:${port}`, `localhost:${port}`] }));
  outer.route("/", data);
  outer.route("/", authority.routes);
  outer.route(
    "/",
    docsRoutes({
      title: "Weather API",
      version: "1",
      publicUrl: url,
      routes: [...DATA_ROUTES, ...AUTHORITY_ROUTES, ...DOCS_ROUTES],
    }),
  );
  await audit.start();

  const kept = undo.move();
  return { url, owner, audit, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}
