/** For tests: a migrated and seeded shop, and callers of its people. */
import {
  type Caller,
  type Clock,
  type GrantId,
  type PrincipalId,
  manualClock,
  stableId,
} from "@deputize/core";
import { type TestStore, openTestStore } from "@deputize/store/testing";
import { shopMigrations } from "../migrations.ts";
import { personNamed } from "../seed/data/people.ts";
import { generateSeed } from "../seed/generate.ts";
import { instant } from "../seed/rows.ts";
import { writeRows } from "../seed/write-rows.ts";

/** A Sunday in November, in the afternoon. */
export const SEED_MOMENT = Date.UTC(2026, 10, 22, 17, 0);

export interface TestShop {
  readonly store: TestStore;
  readonly clock: Clock;
  close(): Promise<void>;
}

/** Opens a store with the shop's tables and the whole seed in them. */
export async function openTestShop(): Promise<TestShop> {
  const store = await openTestStore([shopMigrations]);
  await store.asOwner((owner) =>
    writeRows(
      owner,
      () => generateSeed(SEED_MOMENT),
      instant(SEED_MOMENT),
      () => {},
    ),
  );
  // Stands in for the authority: what these tests cancel counts as agreed to. test/hostile holds the real one against it.
  await store.ownerQuery(
    `create or replace function deputize.assert_approved(tool text, row_key text, row_version text) returns void
     language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$ begin end $$`,
  );
  return { store, clock: manualClock(SEED_MOMENT), close: () => store.close() };
}

/** The id of a seeded person, such as `alice.johnson`. */
export function idOf(mailbox: string): PrincipalId {
  return personNamed(mailbox).id as PrincipalId;
}

/** A caller as order-management would have it, acting for the person. */
export function callerFor(mailbox: string, overrides: Partial<Caller> = {}): Caller {
  return {
    tenant: "default",
    subject: idOf(mailbox),
    subjectKind: "user",
    actors: [stableId("agent:order-management") as PrincipalId],
    roles: [personNamed(mailbox).role],
    scopes: ["read:orders:*", "cancel:orders:*", "read:profile:*", "read:products:*"],
    grants: [stableId(`grant:${mailbox}`) as GrantId],
    clientId: "test",
    ...overrides,
  };
}
