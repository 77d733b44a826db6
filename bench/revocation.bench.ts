/**
 * How long after a revocation committed a hundred verifiers still accept the token. They ask the authority over
 * loopback HTTP, each with a feed of its own, while tokens are exchanged beside them. All share one process.
 */
import { generateKeyPairSync } from "node:crypto";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { serve } from "@hono/node-server";
import { auditMigrations, createAuditLog, refusalCounter } from "@deputize/audit";
import {
  authorityMigrations,
  createDelegation,
  createGrantCore,
  generateSigningKey,
} from "@deputize/authority";
import { createVerifier, problemHandler } from "@deputize/client";
import { Hono } from "hono";
import { openTestStore } from "@deputize/store/testing";
import {
  AUDIENCE,
  ISSUER,
  POLICY,
  TENANT,
  WHO,
  seedPermissions,
} from "../packages/authority/src/testing/test-core.ts";

const VERIFIERS = 100;
const ROUNDS = 10;
const LOAD_IN_FLIGHT = 4;
/** Past this a verifier has missed it, and the measurement says so instead of waiting for ever. */
const GIVE_UP_MS = 5_000;

export async function run(): Promise<void> {
  const store = await openTestStore([auditMigrations, authorityMigrations]);
  const signingKey = String(
    generateKeyPairSync("ed25519").privateKey.export({ format: "pem", type: "pkcs8" }),
  );
  const audit = createAuditLog({ store, signingKey, origin: "bench/audit" });
  await audit.start();
  const core = await createGrantCore({
    store,
    audit,
    issuer: ISSUER,
    signingKeys: [generateSigningKey()],
    policy: POLICY,
  });
  await store.transaction("authority", async (tx) => {
    for (const [name, id] of Object.entries(WHO)) {
      const kind = id === WHO.alice ? "user" : "agent";
      await core.principals.ensure(tx, { tenant: TENANT, id, kind, name });
    }
    await seedPermissions(tx, [WHO.alice]);
  });
  const { exchange, routes } = createDelegation(core, {
    store,
    audit,
    refusals: refusalCounter({ log: audit, clock: core.clock, tenant: TENANT }),
    policy: POLICY,
    issuer: ISSUER,
    authenticateClient: async () => undefined,
  });
  const app = new Hono();
  problemHandler(app, { log: () => {} });
  app.route("/", routes);
  const server = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }) as Server;
  await new Promise<void>((resolve) => server.once("listening", resolve));
  const authorityUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const verifiers = await Promise.all(
    Array.from({ length: VERIFIERS }, () => createVerifier({ issuer: ISSUER, authorityUrl })),
  );
  const root = () =>
    store.transaction("authority", (tx) =>
      core.grants.createRoot(tx, {
        kind: "session",
        tenant: TENANT,
        subject: WHO.alice,
        actor: WHO.alice,
        clientId: "bench",
        scopes: ["read:orders:*"],
        audiences: [AUDIENCE.api],
        ttlSeconds: 3600,
      }),
    );
  let measuring = true;
  const session = await core.tokens.read((await core.issue(await root(), "oauth")).token);
  let exchanged = 0;
  const load = Array.from({ length: LOAD_IN_FLIGHT }, async () => {
    const request = { exchanger: WHO.shopApi, actor: WHO.support, audiences: [AUDIENCE.orders] };
    while (measuring) {
      await exchange.token(session, request);
      exchanged += 1;
    }
  });
  try {
    const seen: number[] = [];
    let outages = 0;
    const began = performance.now();
    for (let round = 0; round < ROUNDS; round += 1) {
      const grant = await root();
      const { token } = await core.issue(grant, "oauth");
      await Promise.all(verifiers.map((verifier) => verifier.verify(token, { audience: AUDIENCE.api })));
      await wait(300);
      let revokedAt = Number.POSITIVE_INFINITY;
      const watching = verifiers.map(async (verifier) => {
        for (;;) {
          const before = performance.now();
          try {
            await verifier.verify(token, { audience: AUDIENCE.api });
          } catch (error) {
            if ((error as { code?: string }).code !== "invalid_token") outages += 1;
            // Refused from here on: an outage refuses too, and is counted.
            if (Number.isFinite(revokedAt)) return before - revokedAt;
          }
          if (before - revokedAt > GIVE_UP_MS) return Number.POSITIVE_INFINITY;
          await wait(10);
        }
      });
      await store.transaction("authority", (tx) =>
        core.grants.revoke(tx, { tenant: TENANT, id: grant.id }, "bench"),
      );
      revokedAt = performance.now();
      seen.push(...(await Promise.all(watching)).map((ms) => Math.max(0, ms)));
    }
    const sorted = seen.toSorted((a, b) => a - b);
    const at = (q: number): string =>
      `${Math.round(sorted[Math.floor((sorted.length - 1) * q)] ?? Number.NaN)} ms`;
    const rate = Math.round((exchanged * 1000) / (performance.now() - began));
    console.log(
      `\na revocation seen by ${VERIFIERS} verifiers, ${ROUNDS} times, beside ${rate} exchanges/s (${store.kind}; budget 1 s)`,
    );
    console.log(
      `  median ${at(0.5)}  p99 ${at(0.99)}  last ${at(1)}; refused for want of an answer: ${outages}`,
    );
  } finally {
    measuring = false;
    await Promise.allSettled(load);
    await Promise.all(verifiers.map((verifier) => verifier.close()));
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    core.keys.close();
    await core.revocation.close();
    await audit.close();
    await store.close();
  }
}
