import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { manualClock, randomHex } from "@deputize/core";
import type { Ephemeral } from "./ephemeral.ts";
import { openTestEphemeral } from "./testing.ts";
import { counterInProcess, counterOverRedis } from "./window-counter.ts";

let ephemeral: Ephemeral;
beforeAll(async () => {
  ephemeral = await openTestEphemeral();
});
afterAll(() => ephemeral?.close());

// A window that does not end while a test runs.
const fresh = () => ephemeral.windowCounter({ name: randomHex(8), windowSeconds: 86_400 * 365 });

describe("a counter over a window", () => {
  it("grants until the limit is reached, and adds nothing to what it refuses", async () => {
    const counter = fresh();
    expect(await counter.reserve("a", 60, 100)).toMatchObject({ granted: true, used: 60 });
    expect(await counter.reserve("a", 60, 100)).toMatchObject({ granted: true, used: 120 });
    expect(await counter.reserve("a", 1, 100)).toMatchObject({ granted: false, used: 120 });
    expect(await counter.reserve("a", 1, 1_000)).toMatchObject({ granted: true, used: 121 });
    expect(await counter.reserve("b", 1, 100)).toMatchObject({ granted: true, used: 1 });
  });

  it("corrects a reservation, either way, and nothing of a window that is over", async () => {
    const counter = fresh();
    const { window } = await counter.reserve("a", 100, 100);
    await counter.settle("a", window, -40);
    await counter.settle("a", window - 1, -1_000);
    await counter.settle("never", window, 7);
    expect(await counter.reserve("a", 5, 100)).toMatchObject({ used: 65 });
    expect(await counter.reserve("never", 0, 100)).toMatchObject({ used: 0 });
  });

  it("grants no two of many at once on the same sum", async () => {
    const counter = fresh();
    const all = await Promise.all(Array.from({ length: 50 }, () => counter.reserve("a", 10, 100)));
    expect(all.filter(({ granted }) => granted)).toHaveLength(10);
  });

  it("is one for all who ask for the same name", async () => {
    const options = { name: randomHex(8), windowSeconds: 86_400 * 365 };
    await ephemeral.windowCounter(options).reserve("a", 100, 100);
    expect((await ephemeral.windowCounter(options).reserve("a", 1, 100)).granted).toBe(false);
  });

  it("begins anew at the next hour of the clock, and says when that is", async () => {
    const clock = manualClock(Date.UTC(2026, 0, 1, 10, 59, 59));
    const counter = counterInProcess({ name: "n", windowSeconds: 3_600 }, clock);
    await counter.reserve("a", 100, 100);
    const refused = await counter.reserve("a", 1, 100);
    expect(refused).toMatchObject({ granted: false, renewsAtMs: Date.UTC(2026, 0, 1, 11) });
    clock.advance(1_000);
    expect(await counter.reserve("a", 1, 100)).toMatchObject({ granted: true, used: 1 });
    await counter.settle("a", refused.window, -50);
    expect(await counter.reserve("a", 0, 100)).toMatchObject({ used: 1 });
  });

  it("grants nothing while Redis is away", async () => {
    const away = { eval: () => Promise.reject(new Error("connection refused")) };
    const counter = counterOverRedis({ name: "n", windowSeconds: 60 }, away, "p:");
    await expect(counter.reserve("a", 1, 100)).rejects.toMatchObject({ code: "unavailable" });
    await expect(counter.settle("a", 1, 1)).rejects.toMatchObject({ code: "unavailable" });
  });

  it("adds whole numbers only, over whole seconds", async () => {
    await expect(fresh().reserve("a", 0.5, 100)).rejects.toMatchObject({ code: "internal" });
    expect(() => ephemeral.windowCounter({ name: "n", windowSeconds: 0 })).toThrow(/window/);
  });
});
