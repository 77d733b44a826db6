import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { randomHex } from "@deputize/core";
import { type Ephemeral, openEphemeral } from "./ephemeral.ts";
import { openTestEphemeral } from "./testing.ts";

let ephemeral: Ephemeral;
const key = (name: string): string => `${name}:${randomHex(8)}`;
beforeAll(async () => {
  ephemeral = await openTestEphemeral();
});
afterAll(() => ephemeral?.close());

describe("the ephemeral store", () => {
  it("keeps a value until its time is over", async () => {
    const k = key("value");
    await ephemeral.set(k, "x", 60);
    expect(await ephemeral.get(k)).toBe("x");
    await new Promise((resolve) => setTimeout(resolve, 120));
    expect(await ephemeral.get(k)).toBeUndefined();
  });

  it("lets one of many claim an absent key", async () => {
    const k = key("claim");
    const won = await Promise.all(Array.from({ length: 20 }, () => ephemeral.setIfAbsent(k, "mine", 5_000)));
    expect(won.filter(Boolean)).toHaveLength(1);
    await ephemeral.delete(k);
    expect(await ephemeral.setIfAbsent(k, "mine", 5_000)).toBe(true);
  });

  it("deletes a group's keys, and nobody else's [PR-D30]", async () => {
    const [group, other] = [key("group"), key("group")];
    const keys = [key("a"), key("b"), key("c")];
    await Promise.all(keys.map((k) => ephemeral.setInGroup(group, k, "mine", 60_000)));
    await ephemeral.setInGroup(group, keys[0] ?? "", "again", 60_000);
    await ephemeral.setInGroup(other, `${keys[0]}x`, "another's", 60_000);
    expect(await ephemeral.get(keys[0] ?? "")).toBe("again");
    expect(await ephemeral.deleteGroup(group)).toBe(3);
    for (const k of keys) expect(await ephemeral.get(k)).toBeUndefined();
    expect(await ephemeral.get(`${keys[0]}x`)).toBe("another's");
    expect(await ephemeral.deleteGroup(group)).toBe(0);
  });

  it("refuses past the budget and says when to come back, per key", async () => {
    const limiter = ephemeral.rateLimiter({ name: key("limit"), points: 2, durationSeconds: 60 });
    expect((await limiter.consume("a")).allowed).toBe(true);
    expect((await limiter.consume("a")).remaining).toBe(0);
    const refused = await limiter.consume("a");
    expect(refused.allowed).toBe(false);
    expect(refused.retryAfterSeconds).toBeGreaterThan(0);
    expect((await limiter.consume("b")).allowed).toBe(true);
    await limiter.reset("a");
    expect((await limiter.consume("a")).allowed).toBe(true);
  });

  it("wakes subscribers until they leave", async () => {
    const heard: string[] = [];
    const channel = key("channel");
    const stop = await ephemeral.subscribe(channel, (m) => heard.push(m));
    await ephemeral.publish(channel, "one");
    await new Promise((resolve) => setTimeout(resolve, 50));
    await stop();
    await ephemeral.publish(channel, "two");
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(heard).toEqual(["one"]);
  });

  it("says plainly that Redis does not answer", async () => {
    await expect(openEphemeral({ redisUrl: "redis://127.0.0.1:1" })).rejects.toMatchObject({
      code: "unavailable",
    });
  });
});
