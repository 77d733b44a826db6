import { expect, it } from "vitest";
import { alice, bob } from "../agent.fixture.ts";
import { InMemoryProvider } from "./in-memory-provider.ts";
import { memoryProviderContract } from "./memory-provider.contract.ts";

memoryProviderContract("in memory", async (clock) => ({
  provider: new InMemoryProvider({ clock }),
  sharing: new InMemoryProvider({ clock, shared: true }),
  close: async () => {},
}));

const turn = { act: "turn" } as const;

it("makes room among what turns left, and never among what a person asked to keep", async () => {
  const provider = new InMemoryProvider({ maxPerPerson: 2 });
  await provider.add(alice, { text: "asked for" });
  await provider.add(alice, { text: "left by a turn", origin: turn });
  await provider.add(alice, { text: "left later", origin: turn });
  const kept = async () => (await provider.list(alice)).memories.map(({ text }) => text).toSorted();
  expect(await kept()).toEqual(["asked for", "left later"]);
  await provider.add(alice, { text: "asked for too" });
  await expect(provider.add(alice, { text: "one more" })).rejects.toMatchObject({ code: "limit_exceeded" });
  expect(await kept()).toEqual(["asked for", "asked for too"]);
});

it("lets go of whoever added nothing for longest when there are too many people", async () => {
  const provider = new InMemoryProvider({ maxPeople: 1 });
  await provider.add(alice, { text: "first" });
  await provider.add(bob, { text: "second" });
  expect((await provider.list(alice)).memories).toEqual([]);
  expect((await provider.list(bob)).memories).toHaveLength(1);
});
