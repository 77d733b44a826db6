/**
 * Where the state of sessions is kept: in the ephemeral store (in process, or Redis), or in the database.
 *
 * Guarantees: one contract (session-stores.test.ts runs it on each). In the database a session survives restarts and replicas,
 * rows belong to the sealed caller by row-level security, and two replicas that set two names keep both.
 * Does not: last in the ephemeral store, where it may be gone at any time and the later of two writes at once stays.
 */
import { type Caller, DeputizeError, hashParts } from "@deputize/core";
import type { Ephemeral, MigrationSet, Store, Tx } from "@deputize/store";
import { type SessionKey, type SessionStore } from "./session-state.ts";

/** The table of `databaseSessions`; give it to the store that opens the database. */
export const mcpMigrations: MigrationSet = {
  name: "mcp",
  directory: new URL("../migrations/", import.meta.url),
};

/** One conversation's notes; anything larger belongs in the domain's tables. */
const MAX_BYTES = 64 * 1024;
const MAX_NAME = 200;

/** Sessions in the ephemeral store: in process, or shared by replicas over Redis. */
export function ephemeralSessions(open: () => Promise<Ephemeral>): SessionStore {
  return {
    of({ server, caller, session, ttlMs }) {
      const key = `mcp-session:${hashParts([server, caller.tenant, caller.subject, caller.clientId, session])}`;
      const load = async (): Promise<Map<string, unknown>> => {
        const text = await (await open()).get(key);
        return new Map(text === undefined ? [] : Object.entries(JSON.parse(text) as Record<string, unknown>));
      };
      const save = async (state: Map<string, unknown>): Promise<void> => {
        const text = JSON.stringify(Object.fromEntries(state));
        refuseLarge(Buffer.byteLength(text));
        await (await open()).setInGroup(groupOf(caller), key, text, ttlMs);
      };
      return {
        get: async <T>(name: string, fallback?: T) =>
          ((await load()).get(name) as T | undefined) ?? (fallback as T),
        set: async (name, value) => save((await load()).set(checkedName(name), jsonOf(value).value)),
        delete: async (name) => {
          const state = await load();
          if (state.delete(name)) await save(state);
        },
      };
    },
    eraseOwner: async (owner) => (await open()).deleteGroup(groupOf(owner)),
  };
}

function groupOf({ tenant, subject }: Pick<Caller, "tenant" | "subject">): string {
  return `mcp-sessions:${hashParts([tenant, subject])}`;
}

/** Sessions in the database, under row-level security. Needs `mcpMigrations`. */
export function databaseSessions(store: Store): SessionStore {
  const prune = pruner(store);
  return {
    of(key) {
      const { caller, ttlMs } = key;
      const own = [caller.tenant, caller.subject, sessionBytes(key)] as const;
      const live = "tenant = $1 AND owner_id = $2 AND session = $3 AND expires > clock_timestamp()";
      return {
        get: async <T>(name: string, fallback?: T) => {
          const { rows } = await asCaller(caller, true, (tx) =>
            tx.query<{ value: string }>(`SELECT value FROM mcp.session_state WHERE ${live} AND name = $4`, [
              ...own,
              name,
            ]),
          );
          return rows[0] === undefined ? (fallback as T) : (JSON.parse(rows[0].value) as T);
        },
        set: async (name, value) => {
          const { text } = jsonOf(value);
          refuseLarge(Buffer.byteLength(text));
          await asCaller(caller, false, async (tx) => {
            // What expired is gone for its owner, too; the other names of a session that is used live on with it.
            await tx.query(
              "DELETE FROM mcp.session_state WHERE tenant = $1 AND owner_id = $2 AND session = $3 AND expires <= clock_timestamp()",
              [...own],
            );
            await tx.query(
              `INSERT INTO mcp.session_state (tenant, owner_id, session, name, value, expires)
               VALUES ($1, $2, $3, $4, $5, clock_timestamp() + $6 * interval '1 millisecond')
               ON CONFLICT (tenant, owner_id, session, name) DO UPDATE SET value = excluded.value, expires = excluded.expires`,
              [...own, checkedName(name), text, ttlMs],
            );
            await tx.query(
              `UPDATE mcp.session_state SET expires = clock_timestamp() + $4 * interval '1 millisecond' WHERE ${live}`,
              [...own, ttlMs],
            );
            const { rows } = await tx.query<{ bytes: string }>(
              `SELECT sum(octet_length(value) + octet_length(name)) AS bytes FROM mcp.session_state WHERE ${live}`,
              [...own],
            );
            refuseLarge(Number(rows[0]?.bytes ?? 0));
          });
          await prune();
        },
        delete: async (name) => {
          await asCaller(caller, false, (tx) =>
            tx.query(
              "DELETE FROM mcp.session_state WHERE tenant = $1 AND owner_id = $2 AND session = $3 AND name = $4",
              [...own, name],
            ),
          );
        },
      };
    },
    eraseOwner: async ({ tenant, subject }) => {
      // By the authority's role: the serving one removes only what the sealed caller owns.
      const { rows } = await store.transaction("authority", (tx) =>
        tx.query<{ n: number }>("SELECT mcp.erase_person($1, $2) AS n", [tenant, subject]),
      );
      return rows[0]?.n ?? 0;
    },
  };

  function asCaller<T>(caller: Caller, readOnly: boolean, work: (tx: Tx) => Promise<T>): Promise<T> {
    return store.asCaller(caller, work, { readOnly });
  }
}

const PRUNE_EVERY = 1_000;
const PRUNE_ROWS = 2_000;

/** Forgets expired sessions of everybody now and then, in some caller's stead and at no caller's risk. */
function pruner(store: Store): () => Promise<void> {
  let sets = 0;
  return async () => {
    sets += 1;
    if (sets % PRUNE_EVERY !== 0) return;
    await store
      .pool("app")
      .query("SELECT mcp.prune_session_state($1)", [PRUNE_ROWS])
      .catch(() => undefined); // The next round makes up for it.
  };
}

function sessionBytes({ server, caller, session }: SessionKey): Buffer {
  return Buffer.from(hashParts([server, caller.clientId, session]), "hex");
}

function checkedName(name: string): string {
  if (name.length >= 1 && name.length <= MAX_NAME) return name;
  throw new DeputizeError("limit_exceeded", `a name in session state has 1 to ${MAX_NAME} characters`);
}

/** A value as JSON keeps it. */
function jsonOf(value: unknown): { readonly text: string; readonly value: unknown } {
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined)
    throw new DeputizeError("internal", "session state holds JSON values; use `delete` to remove one");
  return { text, value: JSON.parse(text) };
}

function refuseLarge(bytes: number): void {
  if (bytes > MAX_BYTES)
    throw new DeputizeError("limit_exceeded", "session state is full; keep at most 64 KiB in it");
}
