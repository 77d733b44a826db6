import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { agentMigrations } from "@deputize/agent";
import { newId } from "@deputize/core";
import type { Tx } from "@deputize/store";
import { type TestStore, openTestStore } from "@deputize/store/testing";
import { serverMigrations } from "../../a2a/task-store.ts";
import { testCaller } from "../../testing.ts";
import { postgresRunStore } from "./postgres-run-store.ts";
import type { RunStore } from "./run.ts";
import { newRun, runStoreContract } from "./run-store.contract.ts";

const open = () => openTestStore([agentMigrations, serverMigrations]);

runStoreContract("postgres", async () => {
  const store = await open();
  const other = await store.sibling();
  let n = 0;
  // Every second one is another process, as far as the database knows.
  return {
    open: (options) => postgresRunStore({ ...options, store: (n += 1) % 2 === 0 ? other : store }),
    close: () => store.close(),
  };
});

describe("runs in the database", () => {
  let store: TestStore;
  let runs: RunStore;
  const alice = testCaller("alice");
  const bob = testCaller("bob");
  beforeAll(async () => {
    store = await open();
    runs = postgresRunStore({ store });
  });
  afterAll(() => store?.close());

  it("gives hostile SQL nobody else's row, no replica's secret and no way to write an event [SR-03]", async () => {
    const run = newRun();
    await runs.create(bob, run);
    await runs.write(run.replica, [{ id: run.id, after: 0, events: [{ event: "delta", data: {} }] }]);
    const own = newRun();
    await runs.create(alice, own);
    const asAlice = (sql: string): Promise<unknown> =>
      store.asCaller(
        alice,
        async (tx: Tx) => {
          await tx.query(`set local deputize.run_replica = '${run.replica}'`);
          await tx.query("set local deputize.erased_tenant = 'default'");
          await tx.query(`set local deputize.erased_owner = '${bob.subject}'`);
          return (await tx.query(sql)).rows;
        },
        { readOnly: false },
      );
    for (const sql of [
      "select id from agent.server_runs",
      "select run_id as id from agent.server_run_events",
    ])
      expect(JSON.stringify(await asAlice(sql))).not.toContain(run.id);
    for (const sql of [
      "select replica from agent.server_runs",
      "update agent.server_runs set status = 'succeeded'",
      "update agent.server_runs set cancel_requested = true",
      "delete from agent.server_runs",
      "delete from agent.server_run_events",
      `insert into agent.server_run_events values ('default', '${alice.subject}', '${own.id}', 1, 'delta', '{}')`,
      `select agent.append_run_events('default', '${alice.subject}', '${own.id}', 0, '[]')`,
      `select agent.erase_person_serverruns('default', '${bob.subject}')`,
      `select agent.person_rows_serverruns('default', '${bob.subject}', '', 9)`,
    ])
      await expect(asAlice(sql), sql).rejects.toThrow();
    for (const sql of [
      `select agent.cancel_run('${run.id}', '[]')`,
      `select * from agent.take_run('${run.id}', 'waiting', '${newId()}', 10)`,
    ])
      expect(JSON.stringify(await asAlice(sql)), sql).not.toContain(run.id);
    expect(await runs.get(bob, run.id)).toMatchObject({ status: "running", cancelRequested: false });
  });

  it("forgets what is old, and nothing that is open", async () => {
    const [ended, openRun, young] = [newRun(), newRun(), newRun()];
    for (const run of [ended, openRun, young]) await runs.create(alice, run);
    for (const run of [ended, young]) {
      const events = [{ event: "done", data: {} }];
      await runs.write(run.replica, [{ id: run.id, after: 0, events, status: "failed" }]);
    }
    const age = "update agent.server_runs set created = created - interval '8 days' where id = any($1)";
    await store.asOwner(async (owner) => {
      await owner.query("alter table agent.server_runs no force row level security");
      await owner.query(age, [[ended.id, openRun.id]]);
      await owner.query("alter table agent.server_runs force row level security");
    });
    expect(await runs.prune()).toBe(1);
    await expect(runs.get(alice, ended.id)).rejects.toMatchObject({ code: "not_found" });
    expect((await runs.get(alice, openRun.id)).status).toBe("running");
    expect((await runs.get(alice, young.id)).status).toBe("failed");
    const { rows } = await store.ownerQuery<{ n: number }>(
      "select count(*)::int as n from agent.server_run_events where run_id = $1",
      [ended.id],
    );
    expect(rows[0]?.n).toBe(0);
  });
});
