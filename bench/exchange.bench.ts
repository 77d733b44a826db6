/** Token exchange, with permission check, attenuation, log entry and signature, against a bare durable insert. */
import { generateKeyPairSync } from "node:crypto";
import { auditMigrations, createAuditLog, refusalCounter } from "@deputize/audit";
import {
  authorityMigrations,
  createDelegation,
  createGrantCore,
  generateSigningKey,
} from "@deputize/authority";
import type { VerifiedToken } from "@deputize/client";
import { type PrincipalId, newId } from "@deputize/core";
import { openTestStore } from "@deputize/store/testing";
import {
  AUDIENCE,
  ISSUER,
  POLICY,
  TENANT,
  WHO,
  seedPermissions,
} from "../packages/authority/src/testing/test-core.ts";
import { measure, report } from "./harness.ts";

export async function run(): Promise<void> {
  const store = await openTestStore([auditMigrations, authorityMigrations]);
  const { privateKey } = generateKeyPairSync("ed25519");
  const audit = createAuditLog({
    store,
    signingKey: String(privateKey.export({ format: "pem", type: "pkcs8" })),
    origin: "bench/audit",
  });
  await audit.start();
  const core = await createGrantCore({
    store,
    audit,
    issuer: ISSUER,
    signingKeys: [generateSigningKey()],
    policy: POLICY,
  });
  try {
    await store.transaction("authority", async (tx) => {
      for (const [name, id] of Object.entries(WHO)) {
        const kind = id === WHO.alice ? "user" : "agent";
        await core.principals.ensure(tx, { tenant: TENANT, id, kind, name });
      }
    });
    const { exchange } = createDelegation(core, {
      store,
      audit,
      refusals: refusalCounter({ log: audit, clock: core.clock, tenant: TENANT }),
      policy: POLICY,
      issuer: ISSUER,
      authenticateClient: async () => undefined,
    });
    const sessionOf = async (person: PrincipalId) => {
      const root = await store.transaction("authority", async (tx) => {
        await core.principals.ensure(tx, { tenant: TENANT, id: person, kind: "user", name: "a person" });
        await seedPermissions(tx, [person]);
        return core.grants.createRoot(tx, {
          kind: "session",
          tenant: TENANT,
          subject: person,
          actor: person,
          clientId: "bench",
          scopes: ["read:orders:*", "cancel:orders:*"],
          audiences: [AUDIENCE.api],
          ttlSeconds: 3600,
        });
      });
      return core.tokens.read((await core.issue(root, "oauth")).token);
    };
    const session = await sessionOf(WHO.alice);
    const sessions: VerifiedToken[] = [];
    for (let i = 0; i < 64; i += 1) sessions.push(await sessionOf(newId() as PrincipalId));
    let turn = 0;
    const request = { exchanger: WHO.shopApi, actor: WHO.support, audiences: [AUDIENCE.orders] };
    const measured = await measure([
      {
        name: "bare: BEGIN; INSERT; COMMIT",
        run: () =>
          store.transaction("authority", (tx) =>
            tx.query("INSERT INTO authority.revoked_tokens (token, expires_at) VALUES ($1, now())", [
              newId(),
            ]),
          ),
      },
      {
        name: "token exchange, 64 people's sessions",
        run: () => exchange.token(sessions[(turn += 1) % sessions.length] ?? session, request),
      },
      // The hardest case: every exchange locks the same rows.
      { name: "token exchange, one session", run: () => exchange.token(session, request) },
    ]);
    report(`token exchange, 16 in flight (${store.kind}; budget 500/s, p99 < 25 ms on Postgres)`, measured);
  } finally {
    core.keys.close();
    await core.revocation.close();
    await audit.close();
    await store.close();
  }
}
