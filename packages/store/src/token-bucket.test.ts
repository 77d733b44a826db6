import { DeputizeError, manualClock, randomHex } from "@deputize/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Ephemeral } from "./ephemeral.ts";
import { openTestEphemeral } from "./testing.ts";
import { bucketInProcess, bucketOverRedis } from "./token-bucket.ts";

let ephemeral: Ephemeral;
beforeAll(async () => {
  ephemeral = await openTestEphemeral();
});
afterAll(() => ephemeral?.close());

describe("a token bucket", () => {
  it("gives a burst at once, then one whenever one came back [PR-F18]", async () => {
    const clock = manualClock(0);
    const bucket = bucketInProcess({ name: "b", points: 2, durationSeconds: 1, burst: 3 }, clock);
    const take = async () => (await bucket.take("k")).allowed;
    expect([await take(), await take(), await take(), await take()]).toEqual([true, true, true, false]);
    clock.advance(499);
    expect(await take()).toBe(false);
    clock.advance(1);
    expect([await take(), await take()]).toEqual([true, false]);
    clock.advance(60_000);
    expect([await take(), await take(), await take(), await take()]).toEqual([true, true, true, false]);
  });

  it("says when to come back, and what is left", async () => {
    const bucket = bucketInProcess({ name: "b", points: 1, durationSeconds: 60 }, manualClock(0));
    expect(await bucket.take("k")).toEqual({ allowed: true, retryAfterSeconds: 0, remaining: 0 });
    expect(await bucket.take("k")).toEqual({ allowed: false, retryAfterSeconds: 60, remaining: 0 });
    expect((await bucket.take("other")).allowed).toBe(true);
  });

  it("is one count for all who share a store, in Redis where there is one", async () => {
    const options = { name: `bucket-${randomHex(6)}`, points: 2, durationSeconds: 60 };
    const [one, two] = [ephemeral.tokenBucket(options), ephemeral.tokenBucket(options)];
    const answers = [await one.take("k"), await two.take("k"), await one.take("k"), await two.take("k")];
    expect(answers.map(({ allowed }) => allowed)).toEqual([true, true, false, false]);
    expect(answers[0]?.remaining).toBe(1);
    expect(answers[2]?.retryAfterSeconds).toBeGreaterThan(0);
  });

  it("goes on in this process while Redis is away", async () => {
    const options = { name: "b", points: 1, durationSeconds: 60 };
    const away = { eval: () => Promise.reject(new Error("gone")) };
    const bucket = bucketOverRedis(options, away, "", bucketInProcess(options, manualClock(0)));
    expect([(await bucket.take("k")).allowed, (await bucket.take("k")).allowed]).toEqual([true, false]);
  });

  it.each([
    { points: 0, durationSeconds: 1 },
    { points: 1.5, durationSeconds: 1 },
    { points: 1, durationSeconds: 1, burst: 0 },
  ])("refuses a bucket that holds nothing: %j", (options) => {
    expect(() => bucketInProcess({ name: "b", ...options }, manualClock(0))).toThrow(DeputizeError);
  });
});
