import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ManualClock, manualClock } from "@deputize/core";
import { AUDIENCE, TENANT, type TestCore, openTestCore } from "../testing/test-core.ts";
import { createKeys } from "./keys.ts";
import { generateSigningKey, importSigningKey } from "./private-key.ts";

let clock: ManualClock;
let core: TestCore;
beforeEach(async () => {
  clock = manualClock(Date.UTC(2026, 10, 22));
  core = await openTestCore({ clock });
});
afterEach(() => core.close());

const token = async (): Promise<string> => (await core.issue(await core.root(), "oauth")).token;
const stands = async (t: string): Promise<boolean> => (await core.tokens.stands(t)) !== undefined;

describe("rotation", () => {
  it("publishes the next key first, and the old one until its last token has expired [AW-D37]", async () => {
    const next = generateSigningKey();
    const old = await token();
    const kid = await core.tx((tx) => core.keys.prepare(tx, next));
    await core.keys.refresh();
    expect((await core.keys.jwks()).keys).toHaveLength(2);
    expect((await core.keys.signer()).kid).not.toBe(kid);

    await core.tx((tx) => core.keys.rotate(tx));
    await core.keys.refresh();
    expect((await core.keys.signer()).kid).toBe(kid);
    expect(await stands(old)).toBe(true);
    expect(await stands(await token())).toBe(true);

    clock.advance(3_600_000 + 240_000);
    expect((await core.keys.jwks()).keys.map((key) => key.kid)).toEqual([kid]);
  });

  it("is refused when no next key waits", async () => {
    await expect(core.tx((tx) => core.keys.rotate(tx))).rejects.toMatchObject({ code: "conflict" });
  });
});

describe("after a restore", () => {
  it("every token is void, every grant ended, and the feed begins a new epoch [SR-21]", async () => {
    const grant = await core.root();
    const old = (await core.issue(grant, "oauth")).token;
    const before = await core.revocation.ping();

    await core.tx(async (tx) => {
      await core.revocation.restart(tx, "restored_from_backup");
      await core.keys.voidAll(tx, generateSigningKey());
    });
    await core.keys.refresh();

    expect(await stands(old)).toBe(false);
    expect((await core.tx((tx) => core.grants.get(tx, grant)))?.state).toBe("revoked");
    expect((await core.revocation.ping()).epoch).not.toBe(before.epoch);
    expect((await core.keys.jwks()).keys).toHaveLength(1);
    expect(await stands(await token())).toBe(true);
    expect(core.events.some(({ action }) => action === "authority.restarted")).toBe(true);
  });
});

describe("secrets", () => {
  it("that lack the active key stop the start", async () => {
    const keys = createKeys({
      store: core.store,
      clock,
      audit: { record: async () => "x" },
      privateKeys: [generateSigningKey()],
      tenant: TENANT,
      overlapSeconds: 60,
    });
    await expect(keys.start()).rejects.toMatchObject({ code: "config_invalid" });
  });

  it("that are malformed are refused without being quoted", () => {
    const key = generateSigningKey();
    for (const bad of [{}, { ...key, d: "short" }, { ...key, x: generateSigningKey().x }]) {
      expect(() => importSigningKey(bad)).toThrow(/signing key/);
      expect(() => importSigningKey(bad)).not.toThrow(new RegExp(key.d));
    }
  });

  it("never enter the database", async () => {
    const { rows } = await core.store.ownerQuery<{ all: string }>(
      `SELECT string_agg(k::text, '') AS all FROM authority.signing_keys k`,
    );
    expect(rows[0]?.all).not.toContain(core.signingKey.d);
  });
});

describe("issue", () => {
  it("refuses a grant that was not read just now, or only looks like one [SR-25]", async () => {
    const grant = await core.root();
    await expect(core.issue({ ...grant }, "oauth")).rejects.toMatchObject({ code: "internal" });
    clock.advance(5_001);
    await expect(core.issue(grant, "oauth")).rejects.toMatchObject({ code: "internal" });
  });

  it("never outlives the grant, the longest lifetime, or the grant's audiences", async () => {
    const short = await core.root({ ttlSeconds: 30 });
    expect((await core.issue(short, "oauth", { lifetimeSeconds: 9000 })).expiresIn).toBe(30);
    const long = await core.root({ ttlSeconds: 90_000 });
    expect((await core.issue(long, "oauth", { lifetimeSeconds: 90_000 })).expiresIn).toBe(3600);
    await expect(core.issue(long, "oauth", { audiences: [AUDIENCE.orderTools] })).rejects.toMatchObject({
      code: "invalid_target",
    });
  });

  it("refuses a grant that ended", async () => {
    const root = await core.root();
    await core.tx((tx) => core.grants.revoke(tx, root, "test"));
    const dead = await core.tx((tx) => core.grants.get(tx, root));
    if (!dead) throw new Error("no grant");
    await expect(core.issue(dead, "oauth")).rejects.toMatchObject({ code: "grant_revoked" });
  });
});
