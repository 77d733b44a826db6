/**
 * The statements behind a query. Each answers in one row: the state of the log, the exact total, and the numbers of the
 * page's entries, all of one snapshot.
 *
 * Guarantees: no statement counts or skips more than two blocks (4,096 entries) to answer a query by codes and times,
 * however large the log is. A query by agent, task, app or subject counts that one's entries.
 */
import type { AuditQuery } from "./audit-log.ts";

/** Entries of one tally; the migration divides by the same number. */
const BLOCK = 4_096;

/** A query whose fields are checked; `outcomes` is empty for all of them. */
export interface PlainQuery extends Required<Pick<AuditQuery, "limit" | "offset" | "order">> {
  readonly tenant?: string | undefined;
  readonly agentId?: string | undefined;
  readonly taskId?: string | undefined;
  readonly app?: string | undefined;
  readonly subject?: string | undefined;
  readonly action?: string | undefined;
  readonly outcomes: readonly string[];
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  readonly cursor?: number | undefined;
}

export interface Statement {
  readonly text: string;
  readonly params: readonly unknown[];
}

/** As long as size and erasures are the same, so is every page. */
export interface StateRow {
  size: string;
  erasures: string;
  /** Something is committed that is not an entry yet. */
  pending: boolean;
}

export interface PageRow extends StateRow {
  total: string;
  /** `{3,2,1}`. */
  seqs: string;
}

/** The statement of one page. */
export function pageStatement(query: PlainQuery): Statement {
  const { agentId, taskId, app, subject, since, until, offset } = query;
  const named = [agentId, taskId, app, subject].some((value) => value !== undefined);
  if (named) return byName(query);
  return since === undefined && until === undefined && offset < BLOCK ? byCodes(query) : byBlocks(query);
}

// By `min`, which the index answers: what was taken out leaves dead rows in the table until it is vacuumed.
const HEAD = `h.size, h.erasures, (SELECT min(position) FROM audit.outbox) IS NOT NULL AS pending`;

export const STATE: Statement = { text: `SELECT ${HEAD} FROM audit.head h`, params: [] };

/** Collects parameters; `p` gives each its place. */
function parameters() {
  const params: unknown[] = [];
  const p = (value: unknown): string => `$${params.push(value)}`;
  return { params, p };
}

type Place = (value: unknown) => string;

const and = (conditions: readonly string[]): string =>
  conditions.length > 0 ? conditions.join(" AND ") : "true";

function codes({ tenant, action }: PlainQuery, p: Place): string[] {
  return [
    ...(tenant === undefined ? [] : [`e.tenant = ${p(tenant)}`]),
    ...(action === undefined ? [] : [`e.action = ${p(action)}`]),
  ];
}

function times({ since, until }: PlainQuery, p: Place): string[] {
  return [
    ...(since === undefined ? [] : [`e.at >= ${p(since)}::timestamptz`]),
    ...(until === undefined ? [] : [`e.at < ${p(until)}::timestamptz`]),
  ];
}

function fromCursor({ cursor, order }: PlainQuery, p: Place, table = "e"): string[] {
  return cursor === undefined ? [] : [`${table}.seq ${order === "newest" ? "<" : ">"} ${p(cursor)}::bigint`];
}

const direction = ({ order }: PlainQuery): string => (order === "newest" ? "DESC" : "ASC");

/** Numbers in order. Each outcome is a walk of its own along its index, so that rare ones are not searched among frequent ones. */
function walk(query: PlainQuery, conditions: readonly string[], offset: string, p: Place): string {
  const order = `ORDER BY seq ${direction(query)}`;
  const limit = `LIMIT ${p(query.limit)}::bigint`;
  const branch = (more: readonly string[]): string =>
    `SELECT e.seq FROM audit.entries e WHERE ${and([...conditions, ...more])} ${order}`;
  const { outcomes } = query;
  if (outcomes.length < 2) {
    const one = outcomes.map((outcome) => `e.outcome = ${p(outcome)}`);
    return `${branch(one)} ${limit} OFFSET ${offset}`;
  }
  const branches = outcomes.map(
    (outcome) => `(${branch([`e.outcome = ${p(outcome)}`])} LIMIT ${p(query.limit)}::bigint + ${offset})`,
  );
  return `SELECT seq FROM (${branches.join(" UNION ALL ")}) w ${order} ${limit} OFFSET ${offset}`;
}

/** By tenant, action and outcome: totals are kept, and the page lies near the end where an index starts. */
function byCodes(query: PlainQuery): Statement {
  const { params, p } = parameters();
  const kinds = codes(query, p);
  const outcome = query.outcomes.length > 0 ? [`e.outcome = ANY (${p(query.outcomes)}::text[])`] : [];
  const text = `SELECT ${HEAD},
    (SELECT coalesce(sum(e.entries), 0) FROM audit.totals e WHERE ${and([...kinds, ...outcome])}) AS total,
    ARRAY(${walk(query, [...kinds, ...fromCursor(query, p)], `${p(query.offset)}::bigint`, p)})::text AS seqs
    FROM audit.head h`;
  return { text, params };
}

/** With times, or far into the log: whole blocks are summed up, and only the blocks that a time cuts are counted. */
function byBlocks(query: PlainQuery): Statement {
  const { params, p } = parameters();
  const kinds = codes(query, p);
  const at = times(query, p);
  const outcome = query.outcomes.length > 0 ? [`e.outcome = ANY (${p(query.outcomes)}::text[])`] : [];
  const since = query.since === undefined ? "'-infinity'" : p(query.since);
  const until = query.until === undefined ? "'infinity'" : p(query.until);
  const offset = `${p(query.offset)}::bigint`;
  const inBlocks = [
    `e.seq >= (SELECT min(b.block) * ${BLOCK} FROM blocks b)`,
    `e.seq < (SELECT (max(b.block) + 1) * ${BLOCK} FROM blocks b)`,
    query.order === "newest"
      ? `e.seq < (SELECT (s.block + 1) * ${BLOCK} FROM start s)`
      : `e.seq >= (SELECT s.block * ${BLOCK} FROM start s)`,
  ];
  const rest = `(SELECT ${offset} - s.before FROM start s)`;
  const text = `WITH sums AS (
      SELECT e.block, sum(e.entries) AS n, min(e.first_at) AS first_at, max(e.last_at) AS last_at
      FROM audit.tallies e
      WHERE ${and([...kinds, ...outcome])} AND e.last_at >= ${since}::timestamptz AND e.first_at < ${until}::timestamptz
      GROUP BY e.block),
    blocks AS MATERIALIZED (
      SELECT s.block, CASE WHEN s.first_at >= ${since}::timestamptz AND s.last_at < ${until}::timestamptz THEN s.n
        ELSE (SELECT count(*) FROM audit.entries e WHERE e.seq >= s.block * ${BLOCK} AND e.seq < (s.block + 1) * ${BLOCK}
          AND ${and([...kinds, ...outcome, ...at])}) END AS n
      FROM sums s),
    reach AS (
      SELECT b.block, b.n, sum(b.n) OVER (ORDER BY b.block ${direction(query)}) - b.n AS before FROM blocks b),
    start AS MATERIALIZED (
      SELECT r.block, r.before::bigint AS before FROM reach r WHERE r.before <= ${offset} AND r.before + r.n > ${offset})
    SELECT ${HEAD}, (SELECT coalesce(sum(b.n), 0) FROM blocks b) AS total,
      ARRAY(${walk(query, [...kinds, ...at, ...inBlocks, ...fromCursor(query, p)], rest, p)})::text AS seqs
    FROM audit.head h`;
  return { text, params };
}

/** By what only the openings say, and only as long as they say it [SR-24]. */
function byName(query: PlainQuery): Statement {
  const { params, p } = parameters();
  const { agentId, taskId, app, subject, outcomes } = query;
  const coded = [
    ...(query.action === undefined ? [] : [`e.action = ${p(query.action)}`]),
    ...(outcomes.length > 0 ? [`e.outcome = ANY (${p(outcomes)}::text[])`] : []),
    ...times(query, p),
  ];
  const conditions = [
    ...(query.tenant === undefined ? [] : [`o.tenant = ${p(query.tenant)}`]),
    ...(agentId === undefined ? [] : [`o.agent = ${p(agentId)}`]),
    ...(taskId === undefined ? [] : [`o.task = ${p(taskId)}`]),
    ...(app === undefined ? [] : [`o.app = ${p(app)}`]),
    ...(subject === undefined ? [] : [`o.subject = ${p(subject)}::uuid`]),
    ...coded,
  ];
  // Without codes and times the indexes of the openings alone answer.
  const join = coded.length > 0 ? " JOIN audit.entries e ON e.seq = o.seq" : "";
  const from = `FROM audit.openings o${join}`;
  const page = and([...conditions, ...fromCursor(query, p, "o")]);
  const text = `SELECT ${HEAD},
    (SELECT count(*) ${from} WHERE ${and(conditions)}) AS total,
    ARRAY(SELECT o.seq ${from} WHERE ${page} ORDER BY o.seq ${direction(query)}
      LIMIT ${p(query.limit)}::bigint OFFSET ${p(query.offset)}::bigint)::text AS seqs
    FROM audit.head h`;
  return { text, params };
}
