import { expect, it } from "vitest";
import { coalesce } from "./coalesce.ts";

it("answers many with few reads, each begun after its question [SR-11]", async () => {
  let started = 0;
  const gates: (() => void)[] = [];
  const ask = coalesce(async () => {
    const mine = (started += 1);
    await new Promise<void>((resolve) => gates.push(resolve));
    return mine;
  });

  const first = ask();
  // These ask while the first read is under way: what it sees may be older than their question.
  const later = [ask(), ask(), ask()];
  gates.shift()?.();
  expect(await first).toBe(1);
  await new Promise((resolve) => setImmediate(resolve));
  gates.shift()?.();
  expect(await Promise.all(later)).toEqual([2, 2, 2]);
  expect(started).toBe(2);
});

it("a failed read is not remembered", async () => {
  let fail = true;
  const ask = coalesce(async () => {
    await Promise.resolve();
    if (fail) throw new Error("down");
    return "up";
  });
  const first = ask();
  await expect(first).rejects.toThrow("down");
  fail = false;
  expect(await ask()).toBe("up");
});
