/**
 * The keepers of all that the database has of persons. A schema that keeps something of them says so by two functions, which the
 * authority's role may call and the owner made: `erase_person(tenant text, person uuid) RETURNS integer`, and
 * `person_rows(tenant text, person uuid, after text, max_rows integer) RETURNS TABLE (key text, section text, body jsonb)` in
 * the order of `key`. A second pair in the same schema has a suffix: `erase_person_tasks`, `person_rows_tasks`. So an
 * application's own schema is found by whoever erases, also by a command that knows nothing of it.
 *
 * Guarantees: a schema with rows that belong to somebody (forced row-level security) and without `erase_person` stops the
 * erasure before it begins: nothing is forgotten because nobody thought of it.
 */
import type { PersonEraser } from "@deputize/authority";
import { DeputizeError } from "@deputize/core";
import type { Store } from "@deputize/store";
import type { PersonKeeper, PersonOwner, PersonRecord } from "./person-keeper.ts";

const PAGE = 500;

interface Room {
  readonly schema: string;
  /** `""`, or the suffix of both functions, such as `_tasks`. */
  readonly suffix: string;
  readonly erases: boolean;
  readonly shows: boolean;
}

// The owner of the authority's schema made every schema: a function of somebody else is none of these.
const ROOMS = `SELECT n.nspname AS schema, regexp_replace(p.proname, '^(erase_person|person_rows)', '') AS suffix,
    bool_or(p.proname LIKE 'erase\\_person%') AS erases, bool_or(p.proname LIKE 'person\\_rows%') AS shows
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
  WHERE p.proname ~ '^(erase_person|person_rows)(_[a-z]+)?$' AND p.prosecdef
    AND p.proowner = (SELECT a.nspowner FROM pg_namespace a WHERE a.nspname = 'authority')
    AND has_schema_privilege(n.oid, 'USAGE') AND has_function_privilege(p.oid, 'EXECUTE')
  GROUP BY 1, 2 ORDER BY 1, 2`;

const OWNED = `SELECT DISTINCT n.nspname AS schema FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') AND c.relforcerowsecurity ORDER BY 1`;

/**
 * The person's access first, so that nothing is added meanwhile; then every other schema. `people` erases what the authority
 * knows. Throws `config_invalid` for a schema that cannot erase.
 */
export async function databaseKeepers({
  store,
  people,
}: {
  readonly store: Store;
  readonly people: Pick<PersonEraser, "erase">;
}): Promise<readonly PersonKeeper[]> {
  const pool = store.pool("authority");
  const { rows: rooms } = await pool.query<Room>(ROOMS);
  const { rows: owned } = await pool.query<{ schema: string }>(OWNED);
  const erased = new Set(rooms.filter(({ erases }) => erases).map(({ schema }) => schema));
  const missing = owned.map(({ schema }) => schema).filter((schema) => !erased.has(schema));
  if (missing.length > 0) {
    throw new DeputizeError(
      "config_invalid",
      `schema ${missing.join(", ")} keeps rows of persons and has no function erase_person; start the server of this version once, or add one`,
    );
  }
  const keepers = rooms.map((room): PersonKeeper => {
    const name = `${room.schema}${room.suffix.replace("_", ".")}`;
    const shown = room.shows && {
      export: (owner: PersonOwner) => rowsOf(store, room, owner),
      count: async (owner: PersonOwner) => {
        let n = 0;
        for await (const _ of rowsOf(store, room, owner)) n += 1;
        return n;
      },
    };
    return {
      name,
      erase: async (owner, by) => {
        if (room.schema === "authority") return people.erase(owner.subject, by);
        if (!room.erases) return 0;
        const { rows } = await store.transaction("authority", (tx) =>
          tx.query<{ n: number }>(`SELECT ${nameOf(room, "erase_person")}($1, $2) AS n`, [
            owner.tenant,
            owner.subject,
          ]),
        );
        return rows[0]?.n ?? 0;
      },
      ...shown,
    };
  });
  const first = (keeper: PersonKeeper): number => (keeper.name === "authority" ? 0 : 1);
  return keepers.toSorted((a, b) => first(a) - first(b));
}

/** Page by page, each in a short transaction. */
async function* rowsOf(store: Store, room: Room, owner: PersonOwner): AsyncGenerator<PersonRecord> {
  let after = "";
  for (;;) {
    const { rows } = await store.transaction("authority", (tx) =>
      tx.query<PersonRecord & { key: string }>(
        `SELECT key, section, body FROM ${nameOf(room, "person_rows")}($1, $2, $3, $4)`,
        [owner.tenant, owner.subject, after, PAGE],
      ),
    );
    for (const { section, body } of rows) yield { section, body };
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE) return;
    after = last.key;
  }
}

/** Quoted: the names come from the catalogue. */
function nameOf({ schema, suffix }: Room, what: string): string {
  return `"${schema.replaceAll('"', '""')}"."${what}${suffix}"`;
}
