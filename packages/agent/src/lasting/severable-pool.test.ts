import { afterAll, beforeAll, expect, it } from "vitest";
import { type TestStore, openTestStore } from "@deputize/store/testing";
import { severablePool } from "./severable-pool.ts";

let store: TestStore;
beforeAll(async () => {
  store = await openTestStore([]);
});
afterAll(() => store?.close());

it("lets what is under way end, refuses what comes later, and leaves the pool to others", async () => {
  const pool = store.pool("app");
  const { pool: face, sever } = severablePool(pool);
  expect((await face.query("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
  const client = await face.connect();
  let severed = false;
  const done = sever().then(() => (severed = true));
  expect((await client.query("SELECT 2 AS two")).rows).toEqual([{ two: 2 }]);
  expect(severed).toBe(false);
  client.release();
  await done;
  await expect(face.query("SELECT 3")).rejects.toThrow("stopped");
  await expect(face.connect()).rejects.toThrow("stopped");
  expect((await pool.query("SELECT 4 AS four")).rows).toEqual([{ four: 4 }]);
});
