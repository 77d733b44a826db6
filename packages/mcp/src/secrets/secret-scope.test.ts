import { inspect } from "node:util";
import { manualClock } from "@deputize/core";
import { describe, expect, it } from "vitest";
import { createSecretScope } from "./secret-scope.ts";

const KEY = "sk-live-0123456789/+=?";
const scopeOf = (options: Partial<Parameters<typeof createSecretScope>[0]> = {}) => {
  const scope = createSecretScope({ ttlMs: 60_000, ...options });
  scope.set("billing", KEY);
  return scope;
};

describe("a secret scope", () => {
  it("lends a secret as bytes, which are zeros afterwards, however the work ends [PR-D47]", async () => {
    const scope = scopeOf();
    const kept: Buffer[] = [];
    await scope.use("billing", (secret) => {
      kept.push(secret);
      expect(secret.toString()).toBe(KEY);
    });
    const broken = scope.use("billing", (secret) => {
      kept.push(secret);
      throw new Error("upstream is down");
    });
    await expect(broken).rejects.toThrow("upstream is down");
    expect(kept.map((bytes) => bytes.every((byte) => byte === 0))).toEqual([true, true]);
    await scope.use("billing", (secret) => expect(secret.toString()).toBe(KEY));
  });

  it("lends nothing after it is closed, and takes nothing in [PR-D47]", async () => {
    const scope = scopeOf();
    scope.close();
    await expect(scope.use("billing", () => 1)).rejects.toMatchObject({ code: "not_found" });
    expect(() => scope.set("other", KEY)).toThrow(/closed/);
    expect(scope.names()).toEqual([]);
  });

  it("closes at the end of its block", async () => {
    let after: ReturnType<typeof scopeOf>;
    {
      using scope = scopeOf();
      after = scope;
    }
    await expect(after.use("billing", () => 1)).rejects.toMatchObject({ code: "not_found" });
  });

  it("lets a secret go when its time is over", async () => {
    const clock = manualClock(0);
    const scope = scopeOf({ clock, ttlMs: 1_000 });
    clock.advance(999);
    expect(await scope.use("billing", () => "used")).toBe("used");
    clock.advance(1);
    await expect(scope.use("billing", () => 1)).rejects.toMatchObject({ code: "not_found" });
    expect(scope.names()).toEqual([]);
  });

  it("tells each use by name before it happens, and refuses when it cannot be told", async () => {
    const uses: unknown[] = [];
    const clock = manualClock(7);
    const scope = scopeOf({ clock, onUse: (use) => void uses.push(use) });
    await scope.use("billing", () => 1);
    expect(uses).toEqual([{ name: "billing", at: 7 }]);
    let ran = false;
    const unlogged = scopeOf({ onUse: () => Promise.reject(new Error("disk full")) });
    await expect(unlogged.use("billing", () => (ran = true))).rejects.toThrow("disk full");
    expect(ran).toBe(false);
  });

  it("shows nothing of it when printed, inspected or serialised", () => {
    const scope = scopeOf();
    for (const shown of [
      String(scope),
      inspect(scope, { depth: 9, showHidden: true }),
      JSON.stringify(scope),
    ])
      expect(shown).not.toContain("sk-live");
  });

  it("takes every spelling of its secrets out of what leaves, in keys and values", () => {
    const scope = scopeOf();
    const bytes = Buffer.from(KEY);
    const spelled = [
      KEY,
      `Bearer ${KEY}!`,
      bytes.toString("base64"),
      bytes.toString("base64url"),
      bytes.toString("hex"),
      encodeURIComponent(KEY),
    ];
    const masked = JSON.stringify(
      scope.mask({ spelled, [`key ${KEY}`]: { deep: [KEY] }, count: 3, none: null }),
    );
    expect(masked).not.toMatch(/sk-live|c2stbGl2ZS|736b2d6c/);
    expect(masked).toContain("[secret billing]");
    expect(masked).toContain('"count":3,"none":null');
  });

  it("leaves ordinary text alone, also when a secret is short", () => {
    const scope = createSecretScope({ ttlMs: 1_000 });
    scope.set("pin", "1234");
    expect(scope.mask({ order: "1234" })).toEqual({ order: "1234" });
  });

  it.each([
    ["a name with a blank", () => scopeOf().set("my key", KEY)],
    ["an empty secret", () => scopeOf().set("other", "")],
    ["a lifetime of nothing", () => createSecretScope({ ttlMs: 0 })],
    ["a lifetime of a day", () => createSecretScope({ ttlMs: 86_400_000 })],
  ])("refuses %s", (_what, make) => {
    expect(make).toThrow(expect.objectContaining({ code: "config_invalid" }));
  });

  it("quotes no name that is not one, which may be the secret itself", async () => {
    const refused = await scopeOf()
      .use(`${KEY} oops`, () => 1)
      .catch((error: unknown) => String(error));
    expect(refused).not.toContain("sk-live");
  });
});
