import { expect, it } from "vitest";
import { createBatch } from "./batch.ts";

const failure = (code: string): Error => Object.assign(new Error(code), { code });

/** A database that notes the groups it was asked, and answers when told or at once. */
function recorder(answer: (group: readonly string[]) => Promise<readonly string[]>) {
  const groups: string[][] = [];
  const send = createBatch<string>({
    run: (items) => {
      groups.push([...items]);
      return answer(items);
    },
    maxItems: 3,
    maxUnderWay: 1,
  });
  return { groups, send };
}

it("sends what comes in one turn together, in groups of no more than asked, and answers each its own", async () => {
  const { groups, send } = recorder(async (items) => items.map((item) => `did ${item}`));
  expect(await Promise.all(["a", "b", "c", "d"].map(send))).toEqual(["did a", "did b", "did c", "did d"]);
  expect(groups).toEqual([["a", "b", "c"], ["d"]]);
  expect(await send("e")).toBe("did e");
});

it("one item that the database refuses leaves the others", async () => {
  const { groups, send } = recorder(async (items) => {
    if (items.includes("bad")) throw failure("23514");
    return items;
  });
  const results = await Promise.allSettled(["a", "bad", "c"].map(send));
  expect(results.map((one) => one.status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(groups).toEqual([["a", "bad", "c"], ["a"], ["bad"], ["c"]]);
});

it("never repeats what may have been done: a broken connection fails all [SR-21]", async () => {
  const { groups, send } = recorder(async () => {
    throw failure("08006");
  });
  const results = await Promise.allSettled(["a", "b"].map(send));
  for (const one of results)
    expect(one).toMatchObject({ status: "rejected", reason: { code: "unavailable" } });
  expect(groups).toEqual([["a", "b"]]);
});

it("tries again after a dead-lock, and gives up in the end", async () => {
  let left = 2;
  const twice = recorder(async (items) => {
    if (left-- > 0) throw failure("40P01");
    return items;
  });
  expect(await twice.send("a")).toBe("a");
  const always = recorder(async () => {
    throw failure("40P01");
  });
  await expect(always.send("a")).rejects.toThrow("40P01");
  expect(always.groups).toHaveLength(3);
});
