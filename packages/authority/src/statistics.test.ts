import { expect, it, vi } from "vitest";
import { openTestBroker } from "./testing/test-broker.ts";
import { createStatistics } from "./statistics.ts";

const settled = () => new Promise((resolve) => setImmediate(resolve));

it("looks at the tables as they grow, one look at a time", async () => {
  const query = vi.fn(async () => ({}));
  const statistics = createStatistics({ pool: () => ({ query }) as never });
  statistics.wrote(99);
  expect(query).not.toHaveBeenCalled();
  statistics.wrote(1);
  statistics.wrote(50);
  expect(query).toHaveBeenCalledTimes(1);
  await settled();
  statistics.wrote(600);
  expect(query).toHaveBeenCalledTimes(1);
  statistics.wrote(500);
  expect(query).toHaveBeenCalledTimes(2);
});

it("tries again when a look failed", async () => {
  const query = vi.fn(async () => {
    throw new Error("cut");
  });
  const statistics = createStatistics({ pool: () => ({ query }) as never });
  statistics.wrote(100);
  await settled();
  statistics.wrote(100);
  expect(query).toHaveBeenCalledTimes(2);
});

it("leaves the database knowing how many grants there are", async () => {
  const world = await openTestBroker();
  const app = await world.app();
  await Promise.all([1, 2, 3].map(() => world.worker(app)));
  await world.store.pool("authority").query("SELECT authority.refresh_statistics()");
  const { rows } = await world.store.ownerQuery<{ known: number }>(
    `SELECT reltuples::int AS known FROM pg_class WHERE oid = 'authority.grants'::regclass`,
  );
  expect(rows[0]?.known).toBeGreaterThanOrEqual(5);
  await world.close();
});
