/** For tests of lasting work: mandates that can be taken away, and a store that is prepared for it. */
import { type Caller, DeputizeError, newId } from "@deputize/core";
import { type TestStore, openTestStore } from "@deputize/store/testing";
import { callerOf } from "../agent.fixture.ts";
import { agentMigrations } from "../conversations/migrations.ts";
import type { ApprovalStatus } from "../events.ts";
import type { LastingAuthority } from "./mandate-authority.ts";
import { prepareLastingWork } from "./schema.ts";

export async function openLastingStore(): Promise<TestStore> {
  const store = await openTestStore([agentMigrations]);
  await store.asOwner((owner) => prepareLastingWork(owner, store.roleName("workflow")));
  return store;
}

export interface FakeMandates extends LastingAuthority {
  give(person: string, mandateId?: string): string;
  stop(mandateId: string): void;
  readonly approvals: Map<string, ApprovalStatus>;
  /** How often one was opened. */
  opened: number;
}

/** Mandates as the authority would answer for them. */
export function fakeMandates(): FakeMandates {
  const living = new Map<string, Caller>();
  const approvals = new Map<string, ApprovalStatus>();
  return {
    approvals,
    opened: 0,
    give(person, mandateId = newId()) {
      living.set(mandateId, callerOf(person));
      return mandateId;
    },
    stop: (mandateId) => void living.delete(mandateId),
    async open(mandateId) {
      this.opened += 1;
      const caller = living.get(mandateId);
      if (!caller) throw new DeputizeError("grant_revoked", "the mandate has ended");
      return { caller, authority: { tokenFor: async (audience) => `token for ${audience}` } };
    },
    approval: async (_caller, id) => approvals.get(id) ?? "pending",
  };
}

/** Waits until `look` says so; fails when it never does. */
export async function eventually<T>(look: () => Promise<T>, fits: (value: T) => boolean): Promise<T> {
  let value: T | undefined;
  for (let tries = 0; tries < 500; tries += 1) {
    value = await look();
    if (fits(value)) return value;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`it never came to that: ${JSON.stringify(value)}`);
}

/** What the role of the engine may touch outside of its own schema. */
export async function reachOf(store: Pick<TestStore, "ownerQuery">, role: string, schema: string) {
  const { rows } = await store.ownerQuery<{ reached: string }>(
    `SELECT c.oid::regclass::text AS reached FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'v') AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND (n.nspname = $2) = $3
       AND has_schema_privilege($1, n.oid, 'USAGE')
       AND (has_table_privilege($1, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE') OR has_any_column_privilege($1, c.oid, 'SELECT, UPDATE'))
     ORDER BY 1`,
    [role, schema, !role.endsWith("_workflow")],
  );
  return rows.map(({ reached }) => reached);
}
