/** A chain around the authority: every credential stands on a grant, and ends with it. */
import { createSecretKey } from "node:crypto";
import { SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { agentMigrations } from "@deputize/agent";
import { linkedCallers } from "@deputize/authority";
import { type TestAuthority, openTestAuthority } from "../../../authority/src/testing/test-authority.ts";
import { newId, randomHex } from "@deputize/core";
import { externalSubject } from "@deputize/mcp/auth";
import type { Ephemeral } from "@deputize/store";
import { openTestEphemeral } from "@deputize/store/testing";
import { serverMigrations } from "../a2a/task-store.ts";
import { type ApiKeyStore, apiKeyStore } from "./api-key-store.ts";
import { apiKeyAuthenticator } from "./api-key.ts";
import { chainCallers } from "./callers.ts";
import { authenticatorChain } from "./chain.ts";
import { jwtAuthenticator } from "./jwt.ts";
import { bearing } from "./provider.fixture.ts";

const ISSUER = "https://login.example";
const ADA = { issuer: ISSUER, userId: "ada" };
const SECRET = randomHex(32);
const AUDIENCE = "http://localhost:3000/mcp/desk";
let world: TestAuthority;
let ephemeral: Ephemeral;
let keys: ApiKeyStore;
let auth: ReturnType<typeof chainCallers>;

beforeAll(async () => {
  world = await openTestAuthority({ migrations: [agentMigrations, serverMigrations] });
  ephemeral = await openTestEphemeral();
  const { store, clock } = world;
  await world.people.create({
    id: externalSubject(ISSUER, "ada"),
    email: "ada@login.example",
    name: "Ada",
    role: "customer",
  });
  keys = apiKeyStore({ store, pepper: randomHex(32), clock });
  const chain = authenticatorChain([
    jwtAuthenticator({ secret: SECRET, issuer: ISSUER, audience: AUDIENCE, clock }),
    apiKeyAuthenticator({ keys, ephemeral }),
  ]);
  auth = linkedCallers(
    chainCallers(chain, {
      issuers: { [ISSUER]: { roles: { allow: ["editor"] } } },
      peerOf: () => "10.9.8.7",
    }),
    { store, authority: world, audience: AUDIENCE, scopes: { read: "read:orders:*" } },
  );
});
afterAll(async () => {
  await ephemeral?.close();
  await world?.close();
});

const tokenOf = (sub: string) =>
  new SignJWT({ iss: ISSUER, aud: AUDIENCE, sub, roles: ["editor", "admin"], jti: newId(world.clock) })
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .setExpirationTime(Math.floor(world.clock.nowMs() / 1000) + 600)
    .sign(createSecretKey(SECRET, "utf8"));

describe("[SR-09] identities on grants of the authority", () => {
  it("a token and an API key of one user are one person, each on a grant of its own", async () => {
    const { key } = await keys.create(ADA, { name: "ci", roles: ["editor", "admin"], scopes: ["read"] });
    const byToken = await auth.authenticate(bearing(await tokenOf("ada")));
    const byKey = await auth.authenticate(bearing(key));
    for (const caller of [byToken, byKey])
      expect(caller).toMatchObject({ subject: externalSubject(ISSUER, "ada"), roles: ["editor"] });
    expect([byToken.grants.length, byKey.grants.length]).toEqual([1, 1]);
    expect(byToken.grants[0]).not.toBe(byKey.grants[0]);
    expect((await auth.authenticate(bearing(key))).grants).toEqual(byKey.grants);
    const { rows } = await world.store.ownerQuery(
      "SELECT scopes FROM authority.grants WHERE id = $1",
      byKey.grants,
    );
    expect(rows).toEqual([{ scopes: ["read:orders:*"] }]);
  });

  it("what links to nobody is nobody", async () => {
    await expect(auth.authenticate(bearing(await tokenOf("stranger")))).rejects.toMatchObject({
      code: "invalid_token",
    });
    const { key } = await keys.create({ issuer: ISSUER, userId: "stranger" }, { name: "x" });
    await expect(auth.authenticate(bearing(key))).rejects.toMatchObject({ code: "invalid_token" });
  });

  it("a revoked grant ends its key here, and a suspended person both", async () => {
    const { key } = await keys.create(ADA, { name: "second" });
    const token = await tokenOf("ada");
    const caller = await auth.authenticate(bearing(key));
    await auth.authenticate(bearing(token));
    const [id] = caller.grants;
    if (!id) throw new Error("no grant");
    await world.store.transaction("authority", (tx) =>
      world.grants.revoke(tx, { tenant: "default", id }, "test"),
    );
    await expect(auth.authenticate(bearing(key))).rejects.toMatchObject({ code: "invalid_token" });
    await auth.authenticate(bearing(token));
    await world.store.transaction("authority", (tx) =>
      world.principals.suspend(tx, { tenant: "default", id: externalSubject(ISSUER, "ada") }, "test"),
    );
    await expect(auth.authenticate(bearing(token))).rejects.toMatchObject({ code: "invalid_token" });
  });
});
