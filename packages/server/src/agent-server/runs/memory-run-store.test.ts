import { describe, expect, it } from "vitest";
import { manualClock } from "@deputize/core";
import { testCaller } from "../../testing.ts";
import { memoryRuns, memoryRunStore } from "./memory-run-store.ts";
import { newRun, runStoreContract } from "./run-store.contract.ts";

runStoreContract("memory", async () => {
  const runs = memoryRuns();
  return { open: (options) => memoryRunStore({ ...options, runs }), close: async () => {} };
});

describe("the memory store's bounds", () => {
  const alice = testCaller("alice");

  it("drops the oldest run that has ended, and refuses when all are open", async () => {
    const clock = manualClock(0);
    const store = memoryRunStore({ clock, maxRuns: 2 });
    const [first, second, third] = [newRun(), newRun(), newRun()];
    for (const run of [first, second]) {
      await store.create(alice, run);
      clock.advance(10);
    }
    await expect(store.create(alice, third)).rejects.toMatchObject({ code: "unavailable" });
    await store.write(first.replica, [{ id: first.id, after: 0, events: [], status: "succeeded" }]);
    await store.create(alice, third);
    await expect(store.get(alice, first.id)).rejects.toMatchObject({ code: "not_found" });
    expect((await store.get(alice, second.id)).status).toBe("running");
  });

  it("forgets what ended a week ago", async () => {
    const clock = manualClock(0);
    const store = memoryRunStore({ clock });
    const [ended, open] = [newRun(), newRun()];
    for (const run of [ended, open]) await store.create(alice, run);
    await store.write(ended.replica, [{ id: ended.id, after: 0, events: [], status: "failed" }]);
    expect(await store.prune()).toBe(0);
    clock.advance(8 * 86_400_000);
    expect(await store.prune()).toBe(1);
    expect((await store.list(alice, { limit: 9 })).runs.map(({ id }) => id)).toEqual([open.id]);
  });
});
