/**
 * Seeds the demo shop's own rows.
 *
 * Guarantees: deterministic from the clock's moment; written once, and never over what people changed since.
 * Does not: run as anybody who serves. It needs the owner's connection, as migrations do. People and their permissions are
 * the authority's to make (app/seeding.ts).
 */
import { type Clock, systemClock } from "@deputize/core";
import type { Queryable } from "@deputize/store";
import { type Role, people } from "./data/people.ts";
import { generateSeed } from "./generate.ts";
import { instant } from "./rows.ts";
import { writeRows } from "./write-rows.ts";

export interface SeedOptions {
  readonly clock?: Clock;
  readonly onProgress?: (step: string) => void;
}

/** Writes the rows on one connection of the owner. False when the shop had been seeded before. */
export async function seedShop(owner: Queryable, options: SeedOptions = {}): Promise<boolean> {
  const { clock = systemClock, onProgress = () => {} } = options;
  const already = await owner.query("select 1 from shop.seed where name = 'demo'");
  if (already.rows.length > 0) return false;
  const now = clock.nowMs();
  return writeRows(
    owner,
    () => generateSeed(now),
    instant(now),
    (table, rows) => onProgress(`${rows} ${table.replaceAll("_", " ")}`),
  );
}

/** The accounts that the sign-in page offers while demo accounts are allowed. */
export function demoAccounts(): { email: string; password: string; role: Role; name: string }[] {
  return people.map(({ email, demoPassword, role, name }) => ({ email, password: demoPassword, role, name }));
}
