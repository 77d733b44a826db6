import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { AuditEvent, AuditLog } from "@deputize/audit";
import { DeputizeError, type ManualClock, manualClock } from "@deputize/core";
import type { TestStore } from "@deputize/store/testing";
import { AUDIENCE, TENANT, type TestCore, WHO, openCoreStore, openTestCore } from "../testing/test-core.ts";
import { type Keys, type SigningKeyStore, createKeys } from "./keys.ts";
import { type PrivateJwk, generateSigningKey, importSigningKey } from "./private-key.ts";

let clock: ManualClock;
let core: TestCore;
let store: TestStore;
let back: () => Promise<void>;
beforeAll(async () => {
  store = await openCoreStore();
  back = await store.mark();
});
afterAll(() => store.close());
beforeEach(async () => {
  await back();
  clock = manualClock(Date.UTC(2026, 10, 22));
  core = await openTestCore({ clock, store });
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

/** A secrets file that several processes read. */
function sharedStore(): SigningKeyStore & { readonly keys: PrivateJwk[] } {
  const keys = [core.signingKey];
  return {
    keys,
    load: () => [...keys],
    add(key, retired) {
      keys.splice(0, keys.length, ...keys.filter((one) => !retired.has(one.x)), key);
    },
  };
}

function node(
  keyStore?: SigningKeyStore,
  audit: Pick<AuditLog, "record"> = { record: async () => "x" },
): Keys {
  return createKeys({
    store: core.store,
    clock,
    audit,
    privateKeys: keyStore?.load() ?? [core.signingKey],
    tenant: TENANT,
    overlapSeconds: 3720,
    ...(keyStore && { keyStore }),
  });
}

describe("a rotation that begins at one node", () => {
  it("is kept, published, and then signs on every node, once [AW-D37] [AW-F30]", async () => {
    const shared = sharedStore();
    const [one, two] = [node(shared), node(shared)];
    await one.start();
    await two.start();
    const old = await one.signer();
    clock.advance(1);

    const begun = await core.tx((tx) => one.begin(tx, 60));
    expect(begun).toMatchObject({ state: "next", activatesAt: clock.nowMs() + 60_000 });
    expect(shared.keys.map((key) => importSigningKey(key).kid)).toEqual([old.kid, begun.kid]);
    expect((await core.tx((tx) => two.begin(tx, 30))).kid).toBe(begun.kid);
    await two.refresh();
    expect(await two.verifier(begun.kid)).toBeDefined();
    expect((await two.signer()).kid).toBe(old.kid);

    clock.advance(30_000);
    // Both notice in the same moment; a restarted one notices as well.
    const restarted = node(shared);
    await Promise.all([one.start(), two.start(), restarted.start()]);
    for (const keys of [one, two, restarted]) {
      expect((await keys.signer()).kid).toBe(begun.kid);
      expect(await keys.verifier(old.kid)).toBeDefined();
    }
    expect((await one.list()).map(({ kid, state }) => [kid, state])).toEqual([
      [old.kid, "retired"],
      [begun.kid, "active"],
    ]);

    // The next rotation forgets the private half of the retired key; its tokens verify on.
    clock.advance(11_000);
    const third = await core.tx((tx) => one.begin(tx, 0));
    expect(third.state).toBe("active");
    expect(shared.keys.map((key) => importSigningKey(key).kid)).toEqual([begun.kid, third.kid]);
    await two.refresh();
    expect((await two.signer()).kid).toBe(third.kid);
    expect(await two.verifier(old.kid)).toBeDefined();
    for (const keys of [one, two, restarted]) keys.close();
  });

  it("begins nowhere when the key cannot be kept, and changes nothing", async () => {
    const failing: SigningKeyStore = {
      load: () => [core.signingKey],
      add() {
        throw new DeputizeError("config_invalid", "the disk is full");
      },
    };
    for (const [keys, code] of [
      [node(failing), "config_invalid"],
      [node(), "conflict"],
    ] as const) {
      await keys.start();
      await expect(core.tx((tx) => keys.begin(tx, 0))).rejects.toMatchObject({ code });
      expect((await keys.list()).map(({ state }) => state)).toEqual(["active"]);
      keys.close();
    }
  });

  it("is not put off for longer than a day", async () => {
    const keys = node(sharedStore());
    await keys.start();
    for (const seconds of [-1, 1.5, 86_401]) {
      await expect(core.tx((tx) => keys.begin(tx, seconds))).rejects.toMatchObject({
        code: "invalid_request",
      });
    }
    keys.close();
  });

  it("leaves the other node unable to sign, never unable to verify, when it cannot read the key", async () => {
    const shared = sharedStore();
    const blind = node({
      ...shared,
      load() {
        if (shared.keys.length > 1) throw new DeputizeError("config_invalid", "damaged");
        return [...shared.keys];
      },
    });
    await blind.start();
    const keys = node(shared);
    await keys.start();
    const { kid } = await core.tx((tx) => keys.begin(tx, 0));
    await blind.refresh();
    await expect(blind.signer()).rejects.toMatchObject({ code: "unavailable" });
    expect(await blind.verifier(kid)).toBeDefined();
    keys.close();
    blind.close();
  });

  it("is not carried on by a node that does not hold the waiting key", async () => {
    const keys = node(sharedStore());
    const apart = node(sharedStore());
    await apart.start();
    await keys.start();
    const { kid } = await core.tx((tx) => keys.begin(tx, 60));
    await expect(core.tx((tx) => apart.begin(tx, 0))).rejects.toMatchObject({ code: "conflict" });
    expect((await apart.list()).find((key) => key.kid === kid)?.state).toBe("next");
    keys.close();
    apart.close();
  });

  it("says in the log who began it", async () => {
    const events: AuditEvent[] = [];
    const keys = node(sharedStore(), { record: async (_tx, event) => `entry-${events.push(event)}` });
    await keys.start();
    await core.tx((tx) => keys.begin(tx, 0, WHO.alice));
    expect(events.map(({ action, subject }) => [action, subject])).toEqual([
      ["signing_key.published", WHO.alice],
      ["signing_key.rotated", WHO.alice],
    ]);
    keys.close();
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
