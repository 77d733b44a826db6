/**
 * Reading the grant tree: who acts for whom now, and what hangs from what. For operators; nothing here changes anything.
 *
 * Guarantees: bounded answers in a stable order; another tenant's grants are not there.
 */
import {
  type Clock,
  DeputizeError,
  type GrantId,
  type PrincipalId,
  type PrincipalKind,
  isUuid,
} from "@deputize/core";
import type { Queryable } from "@deputize/store";
import type { GrantKind } from "./grant.ts";

/** A principal as people know it. */
export interface GrantParty {
  readonly id: PrincipalId;
  readonly kind: PrincipalKind;
  /** SPIFFE id of a worker, `app:<app_id>`, or the principal's name. */
  readonly name: string;
}

export const GRANT_STATES = ["active", "expired", "revoked"] as const;
export type GrantState = (typeof GRANT_STATES)[number];

export interface GrantNode {
  readonly id: GrantId;
  readonly parent: GrantId | null;
  readonly root: GrantId;
  readonly depth: number;
  readonly kind: GrantKind;
  readonly app?: GrantParty;
  readonly subject: GrantParty;
  readonly actor: GrantParty;
  readonly task?: string;
  readonly orchestration?: string;
  readonly scopes: readonly string[];
  readonly audiences: readonly string[];
  /** Limits on arguments of tools, by name. */
  readonly constraints: Readonly<Record<string, unknown>>;
  /** Times in epoch milliseconds. */
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly renewUntil: number;
  readonly state: GrantState;
  readonly revokedAt?: number;
  /** Why it was revoked. */
  readonly reason?: string;
}

export interface GrantFilter {
  /** A principal's id, a SPIFFE id, `app:<app_id>`, or a person's address. */
  readonly subject?: string | undefined;
  readonly actor?: string | undefined;
  readonly app?: string | undefined;
  readonly task?: string | undefined;
  readonly state?: GrantState | undefined;
  /** `next` of the page before. */
  readonly cursor?: string | undefined;
  /** 100 unless told, 1 to 1,000. */
  readonly limit?: number | undefined;
}

export interface GrantTree {
  /** Newest first. Throws `invalid_request` for a malformed cursor. */
  list(
    tenant: string,
    filter: GrantFilter,
  ): Promise<{ readonly grants: readonly GrantNode[]; readonly next?: string }>;
  /** The whole tree that the grant stands in, parents before children; at most 1,000. Throws `not_found`. */
  around(
    tenant: string,
    id: string,
  ): Promise<{ readonly grant: GrantNode; readonly tree: readonly GrantNode[]; readonly truncated: boolean }>;
  /** How many living grants end with this one, itself included, and the first 1,000 of them. Throws `not_found`. */
  wouldEnd(
    tenant: string,
    id: string,
  ): Promise<{ readonly count: number; readonly grants: readonly GrantNode[] }>;
}

/** A tree of more than this is not for reading; `truncated` says so. */
const TREE_MAX = 1_000;
const PAGE_MAX = 1_000;

interface PartyRow {
  id: PrincipalId;
  kind: PrincipalKind;
  name: string;
}

interface Row {
  id: GrantId;
  parent: GrantId | null;
  root: GrantId;
  depth: number;
  path: GrantId[];
  kind: GrantKind;
  app: PartyRow | null;
  subject: PartyRow;
  actor: PartyRow;
  task: string | null;
  orchestration: string | null;
  scopes: string[];
  audiences: string[];
  constraints: Record<string, unknown>;
  issued_at: Date;
  expires_at: Date;
  renew_until: Date;
  state: "active" | "revoked";
  revoked_at: Date | null;
  reason: string | null;
}

/** A principal and what it is called outside. */
const party = (column: string): string => `(SELECT jsonb_build_object('id', p.id, 'kind', p.kind, 'name',
    coalesce(w.spiffe, 'app:' || a.app_id, p.name))
  FROM authority.principals p
  LEFT JOIN authority.workers w ON w.tenant = p.tenant AND w.principal_id = p.id
  LEFT JOIN authority.apps a ON a.tenant = p.tenant AND a.principal_id = p.id
  WHERE p.tenant = g.tenant AND p.id = g.${column})`;

const COLUMNS = `g.id, g.parent, g.root, g.depth, g.path, g.kind, ${party("app")} AS app, ${party("subject")} AS subject,
  ${party("actor")} AS actor, g.task, g.orchestration, g.scopes, g.audiences, g.constraints, g.issued_at, g.expires_at, g.renew_until,
  g.state, g.revoked_at, g.reason`;

export function createGrantTree(options: { readonly db: () => Queryable; readonly clock: Clock }): GrantTree {
  const { clock } = options;

  function node(row: Row): GrantNode {
    const expired = row.state === "active" && row.expires_at.getTime() <= clock.nowMs();
    return {
      id: row.id,
      parent: row.parent,
      root: row.root,
      depth: row.depth,
      kind: row.kind,
      ...(row.app && { app: row.app }),
      subject: row.subject,
      actor: row.actor,
      ...(row.task !== null && { task: row.task }),
      ...(row.orchestration !== null && { orchestration: row.orchestration }),
      scopes: row.scopes,
      audiences: row.audiences,
      constraints: row.constraints,
      issuedAt: row.issued_at.getTime(),
      expiresAt: row.expires_at.getTime(),
      renewUntil: row.renew_until.getTime(),
      state: expired ? "expired" : row.state,
      ...(row.revoked_at && { revokedAt: row.revoked_at.getTime() }),
      ...(row.reason !== null && { reason: row.reason }),
    };
  }

  /** Undefined when nobody is called that. */
  async function principal(tenant: string, name: string): Promise<string | undefined> {
    const appId = name.replace(/^app:/, "");
    if (isUuid(name)) return name;
    const { rows } = await options.db().query<{ id: string }>(
      `SELECT principal_id AS id FROM authority.workers WHERE tenant = $1 AND spiffe = $2
       UNION ALL SELECT principal_id FROM authority.apps WHERE tenant = $1 AND app_id = $3
       UNION ALL SELECT principal_id FROM authority.people WHERE tenant = $1 AND email = lower($2) LIMIT 1`,
      [tenant, name, appId],
    );
    return rows[0]?.id;
  }

  async function treeOf(tenant: string, id: string): Promise<{ target: Row; rows: Row[] }> {
    // Parents before children, and the searched one's own path first when the tree is too large for one answer.
    const { rows } = isUuid(id)
      ? await options.db().query<Row>(
          `SELECT ${COLUMNS} FROM authority.grants x JOIN authority.grants g ON g.tenant = x.tenant AND g.root = x.root
           WHERE x.tenant = $1 AND x.id = $2
           ORDER BY (g.id = ANY (x.path)) DESC, x.id = ANY (g.path) DESC, g.depth, g.id LIMIT $3`,
          [tenant, id, TREE_MAX + 1],
        )
      : { rows: [] };
    const target = rows.find((row) => row.id === id);
    if (!target) throw new DeputizeError("not_found", "there is no such grant");
    return { target, rows };
  }

  return {
    async list(tenant, filter) {
      const limit = filter.limit ?? 100;
      if (!Number.isInteger(limit) || limit < 1 || limit > PAGE_MAX) {
        throw new DeputizeError("invalid_request", `\`limit\` is 1 to ${PAGE_MAX}`);
      }
      if (filter.cursor !== undefined && !isUuid(filter.cursor)) {
        throw new DeputizeError("invalid_request", "`cursor` is the `next` of the page before");
      }
      const params: unknown[] = [tenant, filter.cursor ?? null, new Date(clock.nowMs()), limit + 1];
      const where: string[] = [];
      for (const column of ["subject", "actor", "app"] as const) {
        const name = filter[column];
        if (name === undefined) continue;
        const id = await principal(tenant, name);
        if (id === undefined) return { grants: [] };
        where.push(`g.${column} = $${params.push(id)}`);
      }
      if (filter.task !== undefined) where.push(`g.task = $${params.push(filter.task)}`);
      if (filter.state === "revoked") where.push(`g.state = 'revoked'`);
      else if (filter.state) {
        where.push(`g.state = 'active' AND g.expires_at ${filter.state === "active" ? ">" : "<="} $3`);
      }
      // Ids are made in the order of time. The third parameter is named even where no state asks for it.
      const { rows } = await options.db().query<Row>(
        `SELECT ${COLUMNS} FROM authority.grants g
         WHERE g.tenant = $1 AND ($2::uuid IS NULL OR g.id < $2) AND $3::timestamptz IS NOT NULL
           ${where.map((one) => `AND ${one}`).join(" ")} ORDER BY g.id DESC LIMIT $4`,
        params,
      );
      const grants = rows.slice(0, limit).map(node);
      const next = rows.length > limit ? grants.at(-1)?.id : undefined;
      return { grants, ...(next !== undefined && { next }) };
    },

    async around(tenant, id) {
      const { target, rows } = await treeOf(tenant, id);
      const tree = rows
        .slice(0, TREE_MAX)
        .toSorted((a, b) => a.depth - b.depth || (a.id < b.id ? -1 : 1))
        .map(node);
      return { grant: node(target), tree, truncated: rows.length > TREE_MAX };
    },

    async wouldEnd(tenant, id) {
      const { target } = await treeOf(tenant, id);
      const { rows } = await options.db().query<Row & { total: string }>(
        `SELECT ${COLUMNS}, count(*) OVER () AS total FROM authority.grants g
         WHERE g.tenant = $1 AND g.root = $2 AND $3 = ANY (g.path) AND g.state = 'active' AND g.expires_at > $4
         ORDER BY g.depth, g.id LIMIT $5`,
        [tenant, target.root, id, new Date(clock.nowMs()), TREE_MAX],
      );
      return { count: Number(rows[0]?.total ?? 0), grants: rows.map(node) };
    },
  };
}
