/** For tests and measurements: many entries at once, written by SQL as the owner. They are not a tree. */
import type { TestStore } from "@deputize/store/testing";

const STEP = 50_000;

/**
 * Inserts entries `from` to `to` (exclusive): eight actions, one in 97 refused, one in 2,000 failed, one in eleven of tenant
 * `other`; times rise by 137 ms with half a second of disorder; agents and tasks repeat every 80 and 40 entries.
 */
export async function insertEntries(store: TestStore, from: number, to: number): Promise<void> {
  for (let first = from; first < to; first += STEP) {
    await store.ownerQuery(INSERT, [first, Math.min(first + STEP, to) - 1]);
  }
  await store.ownerQuery("UPDATE audit.head SET size = $1", [to]);
  for (const table of ["entries", "openings", "tallies"])
    await store.ownerQuery(`VACUUM ANALYZE audit.${table}`);
}

const hex = (text: string): string => `encode(sha256((${text})::bytea), 'hex')`;

const INSERT = `
  WITH kinds AS (SELECT i, gen_random_uuid() AS id,
      date_trunc('milliseconds', timestamptz '2026-01-01T00:00:00Z' + (i * 137 + i * 7919 % 500) * interval '1 millisecond') AS at,
      (ARRAY['token_issued', 'token_released', 'agent_registered', 'token_renewed', 'launch_token_issued',
        'delegation_created', 'admin_auth', 'token_auth_failed'])[1 + (i * 31 + i / 7) % 8] AS action,
      CASE WHEN i % 2000 = 17 THEN 'failed' WHEN i % 97 = 3 THEN 'refused' WHEN i % 13 = 0 THEN 'info' ELSE 'allowed' END AS outcome,
      CASE WHEN i % 11 = 0 THEN 'other' ELSE 'default' END AS tenant
    FROM generate_series($1::bigint, $2::bigint) i),
  logged AS (INSERT INTO audit.entries (seq, id, at, leaf, leaf_hash, prev_hash, completed)
    SELECT i, id, at, json_build_object('action', action, 'at', to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
        'commitments', json_build_object('detail', ${hex("'d' || i")}, 'who', ${hex("'w' || i")}, 'why', ${hex("'y' || i")}),
        'id', id, 'outcome', outcome, 'prev', ${hex("(i - 1)::text")}, 'sealed', false, 'seq', i, 'tenant', tenant, 'v', 1)::text,
      sha256(i::text::bytea), sha256((i - 1)::text::bytea), ''
    FROM kinds)
  INSERT INTO audit.openings (seq, tenant, body)
  SELECT i, tenant, json_build_object(
      'detail', json_build_object('salt', ${hex("'d' || i")}, 'value', json_build_object('jti', md5(i::text), 'source', '127.0.0.1')),
      'who', json_build_object('salt', ${hex("'w' || i")}, 'value', json_build_object('agent', 'spiffe://agentwrit.local/agent/o/t/' || i % 80)),
      'why', json_build_object('salt', ${hex("'y' || i")}, 'value', json_build_object('task', 'task-' || i % 40)))::text
  FROM kinds`;
