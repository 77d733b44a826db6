/** API keys of users over a real store. */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { agentMigrations } from "@deputize/agent";
import { type ManualClock, manualClock, randomHex } from "@deputize/core";
import type { Ephemeral } from "@deputize/store";
import { type TestStore, openTestEphemeral, openTestStore } from "@deputize/store/testing";
import { serverMigrations } from "../a2a/task-store.ts";
import { type ApiKeyStore, apiKeyStore } from "./api-key-store.ts";
import { readKey } from "./api-key-text.ts";
import { type ApiKeyOptions, apiKeyAuthenticator } from "./api-key.ts";
import { type AuthenticatorChain, authenticatorChain } from "./chain.ts";

const PEPPER = randomHex(32);
const ADA = { issuer: "https://login.example", userId: "ada" };
const BOB = { issuer: "https://login.example", userId: "bob" };
let store: TestStore;
let ephemeral: Ephemeral;
let clock: ManualClock;
let keys: ApiKeyStore;
/** One of its own for each test, since limits count by it. */
let here: string;

beforeAll(async () => {
  store = await openTestStore([agentMigrations, serverMigrations]);
  ephemeral = await openTestEphemeral();
});
afterAll(async () => {
  await ephemeral?.close();
  await store?.close();
});
beforeEach(() => {
  clock = manualClock(Date.now());
  keys = apiKeyStore({ store, pepper: PEPPER, clock });
  here = `10.${[...randomBytes(3)].join(".")}`;
});

const chainOf = (options: Partial<ApiKeyOptions> = {}) =>
  authenticatorChain([apiKeyAuthenticator({ keys, ephemeral, ...options })]);
const send = (key: string, header = "authorization") =>
  new Request("http://localhost:8000/threads", {
    headers: { [header]: header === "authorization" ? `Bearer ${key}` : key },
  });
const ask = async (
  key: string,
  options: Partial<ApiKeyOptions> | AuthenticatorChain = {},
  peerAddress: string | undefined = here,
) => {
  const chain = "authenticate" in options ? options : chainOf(options);
  const outcome = await chain.authenticate(send(key), { ...(peerAddress && { peerAddress }) });
  return outcome.ok ? outcome.identity.userId : outcome.code;
};

describe("[AF-F11] an API key", () => {
  it("says whose it is, in either header", async () => {
    const { key, id } = await keys.create(ADA, { name: "ci", scopes: ["graph:invoke"], roles: ["service"] });
    expect(key).toMatch(/^dp_live_[0-9a-f]{32}_[0-9a-f]{64}_[0-9a-f]{8}$/);
    for (const header of ["authorization", "x-api-key"]) {
      const outcome = await chainOf().authenticate(send(key, header), { peerAddress: here });
      expect(outcome).toMatchObject({
        ok: true,
        identity: {
          ...ADA,
          scopes: ["graph:invoke"],
          roles: ["service"],
          tokenId: `key:${id}`,
          claims: { name: "ci" },
        },
      });
    }
    expect(await chainOf().authenticate(send("eyJ.a.b"))).toMatchObject({ code: "INVALID_TOKEN" });
  });

  it("[AF-D25] is shown once, and kept as a hash that needs the pepper", async () => {
    const { key, id } = await keys.create(ADA, { name: "ci" });
    const secret = readKey(key)?.secret ?? "";
    const { rows } = await store.ownerQuery(
      "SELECT to_jsonb(k)::text AS row FROM authn.api_keys k WHERE id = $1",
      [id],
    );
    expect(JSON.stringify(rows) + JSON.stringify(await keys.list(ADA))).not.toContain(secret);
    const other = apiKeyStore({ store, pepper: randomHex(32), clock });
    expect(await ask(key, { keys: other })).toBe("INVALID_TOKEN");
    // Both peppers for a while.
    const both = apiKeyStore({ store, pepper: [randomHex(32), PEPPER], clock });
    expect(await ask(key, { keys: both })).toBe("ada");
    expect(() => apiKeyStore({ store, pepper: "short" })).toThrow(/32 bytes/);
  });

  it("is found by its id in one indexed read, and costs the same where there is none", async () => {
    const { key } = await keys.create(ADA, { name: "ci" });
    const statements: string[] = [];
    const counted = new Proxy(store, {
      get: (target, member, self) =>
        member === "pool" ? (statements.push("read"), target.pool) : Reflect.get(target, member, self),
    });
    const read = apiKeyStore({ store: counted, pepper: PEPPER, clock });
    const parts = readKey(key);
    if (!parts) throw new Error("no key");
    expect(await read.find(parts)).toMatchObject({ userId: "ada" });
    expect(await read.find({ ...parts, secret: "0".repeat(64) })).toBeUndefined();
    expect(await read.find({ ...parts, id: "00000000-0000-7000-8000-000000000000" })).toBeUndefined();
    expect(statements).toEqual(["read", "read", "read"]);
    const plan = await store.ownerQuery(
      "EXPLAIN SELECT * FROM authn.api_keys WHERE id = $1".replace("$1", `'${parts.id}'`),
    );
    expect(JSON.stringify(plan.rows)).toContain("api_keys_pkey");
  });

  it("cannot be had by putting its hash on another row", async () => {
    const [one, two] = [await keys.create(ADA, { name: "a" }), await keys.create(BOB, { name: "b" })];
    await store.ownerQuery(
      "UPDATE authn.api_keys SET hash = (SELECT hash FROM authn.api_keys WHERE id = $1) WHERE id = $2",
      [one.id, two.id],
    );
    const parts = readKey(one.key);
    const moved = { id: two.id, secret: parts?.secret ?? "" };
    expect(await keys.find(moved)).toBeUndefined();
  });

  it("has a check that tells a slip from a guess without the database", async () => {
    const { key } = await keys.create(ADA, { name: "ci" });
    const never: ApiKeyStore = { ...keys, find: () => Promise.reject(new Error("asked")) };
    const slipped = key.slice(0, 50) + (key[50] === "0" ? "1" : "0") + key.slice(51);
    expect(await ask(slipped, { keys: never })).toBe("INVALID_TOKEN");
    expect(await ask(key.toUpperCase().replace("DP_LIVE", "dp_live"), { keys: never })).toBe("INVALID_TOKEN");
  });

  it("ends at its time, and at once where it was revoked", async () => {
    const { key, id } = await keys.create(ADA, { name: "ci", lifetimeSeconds: 60 });
    const revoked = await keys.create(ADA, { name: "old" });
    expect(await ask(revoked.key)).toBe("ada");
    await keys.revoke(ADA, revoked.id);
    expect(await ask(revoked.key)).toBe("REVOKED_TOKEN");
    clock.advance(60_000);
    expect(await ask(key)).toBe("EXPIRED_TOKEN");
    await expect(keys.revoke(BOB, id)).rejects.toMatchObject({ code: "not_found" });
    await expect(keys.create(ADA, { name: "x", lifetimeSeconds: 400 * 86_400 })).rejects.toMatchObject({
      code: "validation_failed",
    });
  });

  it("is refused by another replica with its next request", async () => {
    const { key, id } = await keys.create(ADA, { name: "ci" });
    const other = apiKeyStore({ store: await store.sibling(), pepper: PEPPER, clock });
    expect(await ask(key, { keys: other })).toBe("ada");
    await keys.revoke(ADA, id);
    expect(await ask(key, { keys: other })).toBe("REVOKED_TOKEN");
  });

  it("is replaced by one with the same limits, and both work until the overlap ends", async () => {
    const old = await keys.create(ADA, { name: "ci", scopes: ["a"], addresses: ["10.0.0.0/8"] });
    const next = await keys.rotate(ADA, old.id, { overlapSeconds: 600 });
    expect([await ask(old.key), await ask(next.key)]).toEqual(["ada", "ada"]);
    clock.advance(600_000);
    expect([await ask(old.key), await ask(next.key)]).toEqual(["EXPIRED_TOKEN", "ada"]);
    await expect(keys.rotate(ADA, old.id)).rejects.toMatchObject({ code: "not_found" });
    await expect(keys.rotate(BOB, next.id)).rejects.toMatchObject({ code: "not_found" });
    const last = await keys.rotate(ADA, next.id, { overlapSeconds: 0 });
    expect([await ask(next.key), await ask(last.key)]).toEqual(["REVOKED_TOKEN", "ada"]);
    const views = await keys.list(ADA);
    expect(views.find(({ id }) => id === next.id)).toMatchObject({ replacedBy: last.id });
    expect(views.find(({ id }) => id === last.id)).toMatchObject({
      scopes: ["a"],
      addresses: ["10.0.0.0/8"],
    });
  });

  it.each([
    ["10.1.2.3", ["10.0.0.0/8"], "ada"],
    ["::ffff:10.1.2.3", ["10.0.0.0/8"], "ada"],
    ["11.1.2.3", ["10.0.0.0/8", "192.0.2.7"], "INVALID_TOKEN"],
    ["192.0.2.7", ["10.0.0.0/8", "192.0.2.7"], "ada"],
    ["2001:db8::1", ["2001:db8::/32"], "ada"],
    ["2001:db9::1", ["2001:db8::/32"], "INVALID_TOKEN"],
    ["unix", ["10.0.0.0/8"], "INVALID_TOKEN"],
    ["", ["10.0.0.0/8"], "INVALID_TOKEN"],
  ])("used from %s where %j may is %s's", async (address, addresses, answer) => {
    const { key } = await keys.create(BOB, { name: "ci", addresses });
    const said = await ask(key, {}, address);
    expect(said).toBe(answer === "ada" ? "bob" : answer);
    const [first] = await keys.list(BOB);
    await keys.revoke(BOB, first?.id ?? "");
  });

  it("takes no address list that is none", async () => {
    for (const bad of ["10.0.0.0/33", "everywhere", "10.0.0.0/8/8", "2001:db8::/129"])
      await expect(keys.create(ADA, { name: "x", addresses: [bad] })).rejects.toMatchObject({
        code: "validation_failed",
      });
  });

  it("remembers its last use, once a minute", async () => {
    const { key, id } = await keys.create(BOB, { name: "ci" });
    const seen = async () => (await keys.list(BOB)).find((one) => one.id === id)?.lastUsed;
    expect(await seen()).toBeUndefined();
    await ask(key);
    const first = await seen();
    expect(first).toBe(new Date(clock.nowMs()).toISOString());
    clock.advance(30_000);
    await ask(key);
    expect(await seen()).toBe(first);
    clock.advance(31_000);
    await ask(key);
    expect(await seen()).not.toBe(first);
  });

  it("is one of twenty at most, however many are asked for at once", async () => {
    const owner = { issuer: "https://many.example", userId: "many" };
    await keys.create(owner, { name: "first" });
    const made = await Promise.allSettled(
      Array.from({ length: 25 }, (_, at) => keys.create(owner, { name: `n${at}` })),
    );
    expect(made.filter(({ status }) => status === "fulfilled")).toHaveLength(19);
  });
});

describe("[AF-F19] wrong keys", () => {
  const wrongFor = (key: string) => {
    const parts = readKey(key);
    return import("./api-key-text.ts").then(({ keyText }) =>
      keyText({ id: parts?.id ?? "", secret: randomHex(32) }),
    );
  };

  it("are limited for a key and an address, whichever comes after", async () => {
    const { key } = await keys.create(BOB, { name: "ci" });
    const limits = chainOf({ failuresPerKey: 3, failuresPerAddress: 100 });
    for (let at = 0; at < 4; at += 1) expect(await ask(await wrongFor(key), limits)).toBe("INVALID_TOKEN");
    const outcome = await limits.authenticate(send(await wrongFor(key)), { peerAddress: here });
    expect(outcome).toMatchObject({ code: "RATE_LIMIT_EXCEEDED" });
    if (!outcome.ok) expect(outcome.retryAfterSeconds).toBeGreaterThan(0);
    // From elsewhere its holder is not kept out [SR-26].
    expect(await ask(key, limits, `${here}9`)).toBe("bob");
  });

  it("are limited for an address, and keep out nobody whom it knows", async () => {
    const known = await keys.create(BOB, { name: "known" });
    const unknown = await keys.create(BOB, { name: "unknown" });
    const limits = chainOf({ failuresPerKey: 100, failuresPerAddress: 3 });
    expect(await ask(known.key, limits)).toBe("bob");
    for (let at = 0; at < 4; at += 1) await ask("dp_live_nonsense", limits);
    expect(await ask("dp_live_nonsense", limits)).toBe("RATE_LIMIT_EXCEEDED");
    expect(await ask(unknown.key, limits)).toBe("RATE_LIMIT_EXCEEDED");
    expect(await ask(known.key, limits)).toBe("bob");
  });
});

it("[SR-03] the role of tools has no way to keys and second factors", async () => {
  for (const table of ["api_keys", "totp", "recovery_codes", "step_ups"])
    await expect(store.pool("app").query(`SELECT 1 FROM authn.${table}`)).rejects.toMatchObject({
      code: "42501",
    });
});
