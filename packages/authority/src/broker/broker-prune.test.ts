import { afterAll, beforeAll, expect, it } from "vitest";
import { systemClock } from "@deputize/core";
import { type TestBroker, openTestBroker } from "../testing/test-broker.ts";

let world: TestBroker;
beforeAll(async () => {
  world = await openTestBroker();
});
afterAll(() => world.close());

const TABLES = [
  "grants",
  "broker_tokens",
  "delegation_records",
  "workers",
  "launch_tokens",
  "used_nonces",
] as const;

async function counts(): Promise<Record<string, number>> {
  const { rows } = await world.store.ownerQuery<Record<string, number>>(
    `SELECT ${TABLES.map((table) => `(SELECT count(*)::int FROM authority.${table}) AS ${table}`).join(", ")},
       (SELECT count(*)::int FROM authority.principals WHERE kind = 'agent') AS agents`,
  );
  return rows[0] ?? {};
}

/** Makes everything of these trees as old as `hours`; the owner alone can, with the guards off. */
async function age(hours: number, grants: readonly string[]): Promise<void> {
  await world.store.asOwner(async (owner) => {
    await owner.query("ALTER TABLE authority.grants DISABLE TRIGGER guard_grant");
    await owner.query(
      `UPDATE authority.grants SET issued_at = issued_at - $1 * interval '1 hour', expires_at = expires_at - $1 * interval '1 hour',
         renew_until = renew_until - $1 * interval '1 hour', revoked_at = revoked_at - $1 * interval '1 hour'
       WHERE root = ANY ($2::uuid[])`,
      [hours, grants],
    );
    await owner.query("ALTER TABLE authority.grants ENABLE TRIGGER guard_grant");
  });
}

const prune = async (): Promise<number> =>
  (
    await world.store
      .pool("authority")
      .query<{ gone: number }>("SELECT authority.prune_grants($1, 500) AS gone", [
        new Date(systemClock.nowMs()).toISOString(),
      ])
  ).rows[0]?.gone ?? 0;

it("forgets whole trees that ended long ago, with tokens, records and workers, and nothing that lives [AW-D41] [AW-D25]", async () => {
  const app = await world.app();
  const [ended, expired, renewable, kept] = await Promise.all([1, 2, 3, 4].map(() => world.worker(app)));
  if (!ended || !expired || !renewable || !kept) throw new Error("four workers were made");
  const hop = await world.delegate(ended.caller, kept.agentId, ["read:data:1"]);
  await world.broker.workers.renew(hop.caller);
  await world.broker.workers.release(ended.caller);
  const before = await counts();

  await prune();
  expect(await counts(), "nothing is old yet").toEqual(before);

  await age(
    100,
    [ended, expired].map((one) => one.caller.grants[0] ?? ""),
  );
  // Expired, but still within the day that renewal may reach.
  await age(2, [renewable.caller.grants[0] ?? ""]);
  await prune();
  const after = await counts();
  expect(after).toMatchObject({
    grants: (before["grants"] ?? 0) - 3,
    broker_tokens: (before["broker_tokens"] ?? 0) - 4,
    delegation_records: (before["delegation_records"] ?? 0) - 1,
    workers: (before["workers"] ?? 0) - 2,
    agents: (before["agents"] ?? 0) - 2,
  });
  expect(await world.stands(kept.token)).toBe(true);
  expect(await world.stands(app.token)).toBe(true);
  expect((await world.recorded("agent_registered")).some((event) => event.agent === ended.agentId)).toBe(
    true,
  );
  await world.delegate(kept.caller, (await world.worker(app)).agentId, ["read:data:1"]);
});

it("keeps the worker of an old tree while it acts in a living one [AW-D41]", async () => {
  const app = await world.app();
  const [from, to] = await Promise.all([world.worker(app), world.worker(app)]);
  const hop = await world.delegate(from.caller, to.agentId, ["read:data:1"]);
  await world.broker.workers.release(to.caller);
  await age(100, [to.caller.grants[0] ?? ""]);
  await prune();
  expect(await world.stands(hop.token)).toBe(true);
  const { rows } = await world.store.ownerQuery("SELECT FROM authority.workers WHERE spiffe = $1", [
    to.agentId,
  ]);
  expect(rows).toHaveLength(1);
});

it("forgets spent nonces and launch tokens some minutes after they expired, and no fresh ones [AW-D25]", async () => {
  const app = await world.app();
  await world.worker(app);
  await world.registration(app);
  const fresh = await counts();
  await prune();
  expect(await counts()).toEqual(fresh);
  await world.store.ownerQuery(`UPDATE authority.used_nonces SET nonce =
    (lpad(to_hex((extract(epoch FROM now() - interval '6 minutes') * 1000)::bigint), 12, '0') || right(nonce::text, 23))::uuid`);
  await world.store.ownerQuery(
    `UPDATE authority.launch_tokens SET created_at = created_at - interval '1 hour', expires_at = expires_at - interval '1 hour'`,
  );
  await prune();
  expect(await counts()).toMatchObject({ used_nonces: 0, launch_tokens: 0 });
});

it("is no way to erase what is fresh: the database's own clock has the last word [AW-D41]", async () => {
  const app = await world.app();
  const worker = await world.worker(app);
  await world.broker.workers.release(worker.caller);
  const before = await counts();
  await world.store.pool("authority").query("SELECT authority.prune_grants('infinity', 500)");
  expect((await counts())["grants"]).toBe(before["grants"]);
  await expect(
    world.store.pool("authority").query("DELETE FROM authority.broker_tokens"),
  ).rejects.toMatchObject({ code: "42501" });
});
