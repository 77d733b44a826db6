/** What answers about orders rest on: told with them, and changed by whoever writes there. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { META } from "deputize/mcp";
import { idOf } from "./people.ts";
import { type TestDesk, openTestDesk } from "./testing.ts";

let desk: TestDesk;
beforeAll(async () => {
  desk = await openTestDesk();
});
afterAll(() => desk[Symbol.asyncDispose]());

const owner = "ann";

it("is told as versions, which end with a write to the person's orders, shipments or invoices", async () => {
  const { rows } = await desk.store.ownerQuery<{ id: string }>(
    "SELECT id FROM desk.orders WHERE owner_id = $1 ORDER BY id LIMIT 1",
    [idOf(owner)],
  );
  const client = await desk.as(owner);
  const told = async (): Promise<unknown> => {
    const result = await client.callTool("orders_get_order", { order_id: rows[0]?.id });
    expect(result.isError, JSON.stringify(result.content)).toBeFalsy();
    return result._meta?.[META.versions];
  };
  const seen = [await told()];
  expect(await told()).toEqual(seen[0]);
  for (const write of [
    "UPDATE desk.orders SET version = version + 1 WHERE owner_id = $1",
    "UPDATE desk.shipments SET carrier = carrier WHERE owner_id = $1",
    "UPDATE desk.invoices SET due_at = due_at WHERE owner_id = $1",
  ]) {
    await desk.store.ownerQuery(write, [idOf(owner)]);
    seen.push(await told());
  }
  expect(new Set(seen.map((one) => JSON.stringify(one))).size).toBe(seen.length);
  await desk.store.ownerQuery("UPDATE desk.orders SET version = version + 1 WHERE owner_id <> $1", [
    idOf(owner),
  ]);
  expect(await told()).toEqual(seen.at(-1));
});

it("is not told when a colleague reads under a case", async () => {
  const { rows } = await desk.store.ownerQuery<{ id: string }>(
    "SELECT id FROM desk.orders WHERE owner_id = $1 ORDER BY id LIMIT 1",
    [idOf(owner)],
  );
  const { assistant } = await desk.withCase("max", owner);
  const result = await assistant.callTool("orders_get_order", { order_id: rows[0]?.id });
  expect(result.isError, JSON.stringify(result.content)).toBeFalsy();
  expect(result._meta).toMatchObject({ [META.effect]: "read" });
  expect(result._meta).not.toHaveProperty([META.versions]);
});
