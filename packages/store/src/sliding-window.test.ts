import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { manualClock, randomHex } from "@deputize/core";
import { type Ephemeral, openEphemeral } from "./ephemeral.ts";
import { type SlidingWindow, windowInProcess, windowOverRedis } from "./sliding-window.ts";
import { openTestEphemeral } from "./testing.ts";

const MINUTE = { name: "test", points: 10, windowSeconds: 60 };
/** The start of a window. */
const START = 1_800_000_000_000;

async function taken(window: SlidingWindow, times: number, key = "a"): Promise<number> {
  let allowed = 0;
  for (let i = 0; i < times; i += 1) if ((await window.take(key)).allowed) allowed += 1;
  return allowed;
}

describe("a sliding window", () => {
  it("refuses the burst that two fixed windows would let pass at their seam [AA-F03]", async () => {
    const clock = manualClock(START + 59_000);
    const window = windowInProcess(MINUTE, clock);
    expect(await taken(window, 12)).toBe(10);
    clock.advance(2_000); // the next fixed window has begun
    expect(await taken(window, 12)).toBe(0);
    clock.advance(29_000); // half of the old window is behind us
    expect(await taken(window, 12)).toBe(5);
  });

  it("says when to come back, and is right about it [AA-F03]", async () => {
    for (const into of [0, 20_000, 59_000]) {
      const clock = manualClock(START + into);
      const window = windowInProcess(MINUTE, clock);
      await taken(window, 10);
      const refused = await window.take("a");
      expect(refused).toMatchObject({ allowed: false, remaining: 0 });
      clock.advance((refused.retryAfterSeconds - 2) * 1000);
      expect((await window.take("a")).allowed).toBe(false);
      clock.advance(2_000);
      expect((await window.take("a")).allowed).toBe(true);
    }
  });

  it("does not count what it refuses or what only looks", async () => {
    const window = windowInProcess(MINUTE, manualClock(START));
    for (let i = 0; i < 50; i += 1) expect((await window.peek("a")).allowed).toBe(true);
    expect(await taken(window, 50)).toBe(10);
    expect((await window.peek("a")).allowed).toBe(false);
    expect((await window.peek("b")).remaining).toBe(9);
  });

  it("is not wired with a limit that allows nothing", () => {
    expect(() => windowInProcess({ ...MINUTE, points: 0 }, manualClock(START))).toThrow(
      expect.objectContaining({ code: "config_invalid" }),
    );
  });

  it("goes on in this process while Redis is away [AA-F03]", async () => {
    const redis = { eval: () => Promise.reject(new Error("away")) };
    const window = windowOverRedis(MINUTE, redis, "p:", windowInProcess(MINUTE, manualClock(START)));
    expect(await taken(window, 12)).toBe(10);
    expect((await window.peek("a")).allowed).toBe(false);
  });
});

describe("the window of the ephemeral store", () => {
  let here: Ephemeral;
  let there: Ephemeral;
  beforeAll(async () => {
    [here, there] = [await openTestEphemeral(), await openTestEphemeral()];
  });
  afterAll(() => Promise.all([here?.close(), there?.close()]));

  it("keeps one count for all replicas where there is Redis, and one a process where there is none [AA-F03]", async () => {
    const options = { ...MINUTE, name: randomHex(8), windowSeconds: 3600 };
    const [one, other] = [here.slidingWindow(options), there.slidingWindow(options)];
    const counts = [await taken(one, 6), await taken(other, 6)];
    expect(counts).toEqual(here.kind === "redis" ? [6, 4] : [6, 6]);
    expect((await one.peek("a")).allowed).toBe(here.kind !== "redis");
    expect(await taken(one, 12, "another key")).toBe(10);
  });

  it("is the same in one process for whoever opens it twice", async () => {
    const one = await openEphemeral();
    const options = { ...MINUTE, name: "twice" };
    expect(await taken(one.slidingWindow(options), 6)).toBe(6);
    expect(await taken(one.slidingWindow(options), 6)).toBe(4);
  });
});
