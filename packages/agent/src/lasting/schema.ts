/**
 * The schema of the workflow engine: made by the owner of the database, used by a login role that is member of nothing.
 *
 * Guarantees: the engine's own migrations run here and nowhere else, one process at a time, so that the serving process needs no
 * right to create; the role `workflow` reaches this schema alone, and no other login role reaches it [SR-03].
 */
import { setTimeout } from "node:timers/promises";
import type { Queryable } from "@deputize/store";

export const WORKFLOW_SCHEMA = "workflow";
/** Wake-ups are polled for, on both databases: the embedded one has one session, which cannot sit and wait for a message. */
export const LISTENS = false;

/** Any fixed number will do; it is ours by being written nowhere else. */
const LOCK = 4_127_002;
const LOCK_POLL_MS = 50;

/**
 * For `prepare` of `openStore`, before `lastingWork`. `role`: what the database calls the login role `workflow`
 * (`roleName(prefix, "workflow")`). Idempotent.
 */
export async function prepareLastingWork(owner: Queryable, role: string): Promise<void> {
  // Loaded when it is used: whoever has no lasting work does not wait for it at each start.
  const { allMigrations } = await import("@dbos-inc/dbos-sdk/internal/sysdb_migrations/internal/migrations");
  const { runSysMigrationsPg } =
    await import("@dbos-inc/dbos-sdk/internal/sysdb_migrations/migration_runner");
  const name = `"${role.replaceAll('"', '""')}"`;
  const of = `IN SCHEMA ${WORKFLOW_SCHEMA}`;
  await lock(owner);
  try {
    const migrations = allMigrations(WORKFLOW_SCHEMA, { useListenNotify: LISTENS, isCockroach: false });
    await runSysMigrationsPg(owner as never, migrations, WORKFLOW_SCHEMA, { onWarn: () => {} });
    await owner.query(`
      CREATE TABLE IF NOT EXISTS ${WORKFLOW_SCHEMA}.executors (id text PRIMARY KEY, seen timestamptz NOT NULL);
      REVOKE ALL ON SCHEMA ${WORKFLOW_SCHEMA} FROM PUBLIC;
      REVOKE ALL ON ALL TABLES ${of} FROM PUBLIC;
      REVOKE ALL ON ALL FUNCTIONS ${of} FROM PUBLIC;
      GRANT USAGE ON SCHEMA ${WORKFLOW_SCHEMA} TO ${name};
      GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES ${of} TO ${name};
      GRANT USAGE ON ALL SEQUENCES ${of} TO ${name};
      GRANT EXECUTE ON ALL FUNCTIONS ${of} TO ${name};
      REVOKE INSERT, UPDATE, DELETE ON ${WORKFLOW_SCHEMA}.dbos_migrations FROM ${name};`);
  } finally {
    await owner.query(`SELECT pg_advisory_unlock(${LOCK})`);
  }
}

/**
 * Asks again and again. Who sits in `pg_advisory_lock` holds a snapshot, for the end of which the engine's `CREATE INDEX CONCURRENTLY`
 * waits: with a second process, both would wait for ever.
 */
async function lock(owner: Queryable): Promise<void> {
  for (;;) {
    const { rows } = await owner.query<{ ours: boolean }>(`SELECT pg_try_advisory_lock(${LOCK}) AS ours`);
    if (rows[0]?.ours) return;
    await setTimeout(LOCK_POLL_MS);
  }
}
