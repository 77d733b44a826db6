/**
 * Versions of data (migrations/0003_data_versions.sql): what tells a kept answer from a stale one.
 *
 * Guarantees: read before the data in one transaction, they are never newer than the data; whoever writes raises them in
 * the writing transaction [SR-22].
 */
import type { Tx } from "./queryable.ts";

/** Versions by tag. They are compared for being equal, and mean nothing else. */
export type DataVersions = Readonly<Record<string, string>>;

/**
 * The versions of `tags` for the caller of `tx`: of the caller's own rows and of rows that are nobody's. Undefined when one
 * of the tags is not tracked by any table, since nothing would ever end what is kept under it.
 */
export async function readVersions(tx: Tx, tags: readonly string[]): Promise<DataVersions | undefined> {
  const wanted = [...new Set(tags)].sort();
  if (wanted.length === 0) return {};
  const { rows } = await tx.query<{ tag: string; version: string }>(
    "SELECT tag, version FROM deputize.versions_of($1::text[]) ORDER BY tag",
    [wanted],
  );
  if (rows.length !== wanted.length) return undefined;
  return Object.fromEntries(rows.map(({ tag, version }) => [tag, version]));
}
