/**
 * Agents: registered with an API key, given permissions, signed in, suspended.
 *
 * Guarantees: registering gives a key and no permission at all, so that open registration opens nothing [AA-D02];
 * an agent's token holds exactly the permissions of the moment it signed in, and taking one back ends the tokens
 * that hold it; the key is shown once. Built-in agents are made from the installation's secrets at start.
 * Does not: prove that an owner's address belongs to whoever registered, unless the owner was signed in.
 */
import {
  type Caller,
  DeputizeError,
  type GrantId,
  type PrincipalId,
  isUuid,
  newId,
  permissionScope,
  stableId,
} from "@deputize/core";
import type { Queryable, Tx } from "@deputize/store";
import { deriveKey } from "../credentials/derive-key.ts";
import { type AuthorityContext, DEFAULT_TENANT } from "../ports.ts";
import type { ScopesOfClient } from "../exchange/client-credentials.ts";
import type { AuthenticateClient } from "../http/client-authentication.ts";
import type { Throttle } from "../throttle/throttle.ts";
import { type ApiKeyView, createApiKeys } from "./api-keys.ts";

/** As long as a person's access token; an agent signs in again with its key. */
const AGENT_TOKEN_SECONDS = 3600;
const PERMISSIONS_MAX = 50;

export interface AgentView {
  readonly agent_id: string;
  readonly agent_name: string;
  readonly owner_email?: string;
  /** True when the owner was signed in at registration, or the agent is part of the installation. */
  readonly confirmed: boolean;
  readonly status: "active" | "suspended";
  readonly created: string;
  readonly permissions: readonly string[];
}

export interface AgentToken {
  readonly token: string;
  readonly expiresIn: number;
  readonly scopes: readonly string[];
}

/** Who decides about agents: an administrator, or the person who registered the agent. */
export type AgentManager = Pick<Caller, "tenant" | "subject"> & { readonly isAdmin: boolean };

export interface Agents {
  /** Throws `conflict` when the owner has an agent of this name, or the name is a built-in agent's. */
  register(request: {
    readonly name: string;
    readonly ownerEmail: string;
    /** The signed-in person who registers; absent for a stranger. */
    readonly owner?: PrincipalId;
    readonly source: string;
  }): Promise<{ agentId: PrincipalId; keyId: string; apiKey: string }>;
  /** Throws `rate_limited`, or `invalid_credentials`, the same for every reason. */
  signIn(apiKey: string, source: string): Promise<AgentToken>;
  /**
   * The active principal that holds a key, without a grant: how a program proves itself at the token endpoint. A
   * `clientId` must be the holder's id or name. Undefined for every reason alike; throws `rate_limited`.
   */
  readonly authenticate: AuthenticateClient;
  /** What an agent may do when it acts for itself; a service's ceiling otherwise. */
  readonly scopesOfClient: ScopesOfClient;
  /** Makes a built-in agent or service with a key of `secret` (64 hex); idempotent. Its id is `stableId("agent:<name>")`. */
  ensureBuiltIn(
    name: string,
    secret: string,
    kind?: "agent" | "service",
  ): Promise<{ agentId: PrincipalId; apiKey: string }>;
  get(by: AgentManager, agentId: string): Promise<AgentView>;
  list(by: AgentManager): Promise<AgentView[]>;
  /** Adds a permission; adding it again changes nothing [AA-D07]. Only administrators. */
  addPermission(by: AgentManager, agentId: string, permission: string): Promise<void>;
  /** Takes a permission back and ends the tokens that hold it. */
  removePermission(by: AgentManager, agentId: string, permission: string): Promise<void>;
  suspend(by: AgentManager, agentId: string): Promise<void>;
  reactivate(by: AgentManager, agentId: string): Promise<void>;
  keys(by: AgentManager, agentId: string): Promise<ApiKeyView[]>;
  rotateKey(
    by: AgentManager,
    agentId: string,
    keyId: string,
    overlapSeconds: number,
  ): Promise<{ keyId: string; apiKey: string }>;
  revokeKey(by: AgentManager, agentId: string, keyId: string): Promise<void>;
}

interface Row {
  principal_id: string;
  name: string;
  owner_email: string | null;
  owner_id: string | null;
  built_in: boolean;
  state: "active" | "suspended";
  created_at: Date;
  scopes: string[];
}

function notFound(): DeputizeError {
  return new DeputizeError("not_found", "no such agent");
}

export function createAgents(context: AuthorityContext, throttle: Throttle): Agents {
  const { store, clock, audit, grants, principals, policy, refusals } = context;
  const apiKeys = createApiKeys({ key: deriveKey(context.rootSecret, "api-key"), clock });
  const now = () => new Date(clock.nowMs());

  /** The agents that `by` may manage; another person's are not there. */
  async function find(query: Queryable, by: AgentManager, agentId?: string): Promise<Row[]> {
    const { rows } = await query.query<Row>(
      `SELECT a.principal_id, a.name, a.owner_email, a.owner_id, a.built_in, pr.state, a.created_at,
         ARRAY(SELECT s.scope FROM authority.agent_scopes s WHERE s.tenant = a.tenant AND s.agent_id = a.principal_id
           AND s.revoked_at IS NULL ORDER BY s.scope) AS scopes
       FROM authority.agents a JOIN authority.principals pr ON pr.tenant = a.tenant AND pr.id = a.principal_id
       WHERE a.tenant = $1 AND ($2::uuid IS NULL OR a.principal_id = $2) AND ($3 OR a.owner_id = $4)
       ORDER BY a.created_at DESC, a.principal_id LIMIT 200`,
      [by.tenant, agentId ?? null, by.isAdmin, by.subject],
    );
    return rows;
  }

  async function require(query: Queryable, by: AgentManager, agentId: string): Promise<Row> {
    const row = isUuid(agentId) ? (await find(query, by, agentId))[0] : undefined;
    if (!row) throw notFound();
    return row;
  }

  function requireAdmin(by: AgentManager): void {
    if (!by.isAdmin) throw new DeputizeError("forbidden", "an administrator decides what agents may do");
  }

  function view(row: Row): AgentView {
    return {
      agent_id: row.principal_id,
      agent_name: row.name,
      ...(row.owner_email !== null && { owner_email: row.owner_email }),
      confirmed: row.built_in || row.owner_id !== null,
      status: row.state,
      created: row.created_at.toISOString(),
      permissions: row.scopes,
    };
  }

  /** One change to an agent that `by` manages, with its entry, in one transaction. */
  function change<T>(
    by: AgentManager,
    agentId: string,
    action: string,
    work: (tx: Tx, ref: { tenant: string; id: PrincipalId }) => Promise<T>,
    detail: Record<string, unknown> = {},
  ): Promise<T> {
    return store.transaction("authority", async (tx) => {
      await require(tx, by, agentId);
      const id = agentId as PrincipalId;
      const result = await work(tx, { tenant: by.tenant, id });
      await audit.record(tx, {
        action,
        outcome: "allowed",
        tenant: by.tenant,
        subject: by.subject,
        about: [id],
        resource: `agent:${id}`,
        detail,
      });
      return result;
    });
  }

  /** Ends the sign-ins of an agent that match, with what hangs from them. */
  async function endSignIns(
    tx: Tx,
    where: string,
    params: readonly unknown[],
    reason: string,
  ): Promise<void> {
    const { rows } = await tx.query<{ tenant: string; grant_id: string }>(
      `UPDATE authority.sessions s SET revoked_at = $1
       WHERE s.kind = 'agent' AND s.revoked_at IS NULL AND s.expires_at > $1 AND ${where} RETURNING s.tenant, s.grant_id`,
      [now(), ...params],
    );
    for (const row of rows.toSorted((a, b) => (a.grant_id < b.grant_id ? -1 : 1))) {
      await grants.revoke(tx, { tenant: row.tenant, id: row.grant_id as GrantId }, reason);
    }
  }

  return {
    async register({ name, ownerEmail, owner, source }) {
      await throttle.once("register", source);
      const id = newId(clock) as PrincipalId;
      return store.transaction("authority", async (tx) => {
        // The principal's lock order: nothing of it is visible before it is whole.
        await principals.create(tx, { id, kind: "agent", tenant: DEFAULT_TENANT, name });
        const made = await tx.query(
          `INSERT INTO authority.agents (principal_id, tenant, name, owner_email, owner_id, built_in, created_at)
           SELECT $1, $2, $3, $4, $5, false, $6
           WHERE NOT EXISTS (SELECT 1 FROM authority.agents b WHERE b.tenant = $2 AND b.built_in AND lower(b.name) = lower($3))
           ON CONFLICT DO NOTHING`,
          [id, DEFAULT_TENANT, name, ownerEmail, owner ?? null, now()],
        );
        if (made.rowCount === 0) throw new DeputizeError("conflict", "the name is taken; choose another");
        const key = await apiKeys.create(tx, { tenant: DEFAULT_TENANT, principal: id });
        await audit.record(tx, {
          action: "agent.registered",
          outcome: "allowed",
          tenant: DEFAULT_TENANT,
          subject: owner ?? id,
          about: [id],
          resource: `agent:${id}`,
          detail: { confirmed: owner !== undefined },
        });
        return { agentId: id, ...key };
      });
    },

    async signIn(apiKey, source) {
      const token = await store.transaction("authority", async (tx) => {
        const holder = await apiKeys.check(tx, apiKey, { hold: true });
        if (!holder) return undefined;
        await throttle.once("agentSignIn", holder.principal);
        const { rows } = await tx.query<{ kind: string; scopes: string[] }>(
          `SELECT pr.kind, ARRAY(SELECT s.scope FROM authority.agent_scopes s WHERE s.tenant = pr.tenant
             AND s.agent_id = pr.id AND s.revoked_at IS NULL ORDER BY s.scope) AS scopes
           FROM authority.principals pr WHERE pr.tenant = $1 AND pr.id = $2 AND pr.state = 'active' FOR SHARE`,
          [holder.tenant, holder.principal],
        );
        const row = rows[0];
        if (!row) return undefined;
        const grant = await grants.createRoot(tx, {
          kind: "api_key",
          tenant: holder.tenant,
          subject: holder.principal,
          actor: holder.principal,
          clientId: holder.principal,
          scopes: row.scopes,
          audiences: policy.agentAudiences,
          ttlSeconds: AGENT_TOKEN_SECONDS,
        });
        await tx.query(
          `INSERT INTO authority.sessions (id, tenant, principal_id, kind, grant_id, api_key_id,
             created_at, authenticated_at, last_used_at, expires_at)
           VALUES ($1, $2, $3, 'agent', $4, $5, $6, $6, $6, $7)`,
          [
            newId(clock),
            holder.tenant,
            holder.principal,
            grant.id,
            holder.keyId,
            now(),
            new Date(clock.nowMs() + AGENT_TOKEN_SECONDS * 1000),
          ],
        );
        return { grant, scopes: row.scopes };
      });
      if (!token) {
        refusals.count("invalid_credentials", source);
        await throttle.once("wrongKey", source);
        throw new DeputizeError("invalid_credentials", "the API key is not valid");
      }
      const signed = await context.issue(token.grant, "oauth");
      return { token: signed.token, expiresIn: signed.expiresIn, scopes: token.scopes };
    },

    async authenticate({ clientId, secret, source }) {
      const pool = store.pool("authority");
      const holder = await apiKeys.check(pool, secret);
      const principal =
        holder && (await principals.get(pool, { tenant: holder.tenant, id: holder.principal }));
      const named = clientId === undefined || clientId === holder?.principal || clientId === principal?.name;
      if (holder && principal?.state === "active" && named) {
        return { tenant: holder.tenant, principal: holder.principal };
      }
      refusals.count("invalid_client", source);
      await throttle.once("wrongKey", source);
      return undefined;
    },

    async scopesOfClient(tx, { tenant, principal }) {
      const { rows } = await tx.query<{ scope: string }>(
        `SELECT scope FROM authority.agent_scopes WHERE tenant = $1 AND agent_id = $2 AND revoked_at IS NULL
         ORDER BY scope FOR SHARE`,
        [tenant, principal],
      );
      const found = await principals.get(tx, { tenant, id: principal });
      return rows.length > 0 || found?.kind === "agent"
        ? rows.map((row) => row.scope)
        : (found?.ceiling ?? []);
    },

    async ensureBuiltIn(name, secret, kind = "agent") {
      const id = stableId(`${kind}:${name}`) as PrincipalId;
      const tenant = DEFAULT_TENANT;
      return store.transaction("authority", async (tx) => {
        await principals.ensure(tx, { id, kind, tenant, name });
        if (kind === "agent") {
          await tx.query(
            `INSERT INTO authority.agents (principal_id, tenant, name, built_in, created_at) VALUES ($1, $2, $3, true, $4)
             ON CONFLICT DO NOTHING`,
            [id, tenant, name, now()],
          );
        }
        return { agentId: id, apiKey: await apiKeys.ensure(tx, { tenant, principal: id, secret }) };
      });
    },

    get: async (by, agentId) => view(await require(store.pool("authority"), by, agentId)),
    list: async (by) => (await find(store.pool("authority"), by)).map(view),

    async addPermission(by, agentId, permission) {
      requireAdmin(by);
      const scope = permissionScope(permission);
      await change(
        by,
        agentId,
        "agent.permission_added",
        async (tx, { tenant, id }) => {
          await tx.query("SELECT 1 FROM authority.principals WHERE tenant = $1 AND id = $2 FOR UPDATE", [
            tenant,
            id,
          ]);
          const held = await tx.query<{ scope: string }>(
            "SELECT scope FROM authority.agent_scopes WHERE tenant = $1 AND agent_id = $2 AND revoked_at IS NULL",
            [tenant, id],
          );
          if (held.rows.length >= PERMISSIONS_MAX && !held.rows.some((row) => row.scope === scope)) {
            throw new DeputizeError(
              "limit_exceeded",
              `an agent holds ${PERMISSIONS_MAX} permissions at most`,
            );
          }
          await tx.query(
            `INSERT INTO authority.agent_scopes (id, tenant, agent_id, scope, granted_by, granted_at)
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
            [newId(clock), tenant, id, scope, by.subject, now()],
          );
        },
        { scope },
      );
    },

    async removePermission(by, agentId, permission) {
      requireAdmin(by);
      const scope = permissionScope(permission);
      await change(
        by,
        agentId,
        "agent.permission_removed",
        async (tx, { tenant, id }) => {
          // Whoever signs in share-locks the principal first: after this, no new token holds the permission.
          await tx.query("SELECT 1 FROM authority.principals WHERE tenant = $1 AND id = $2 FOR UPDATE", [
            tenant,
            id,
          ]);
          const ended = await tx.query(
            `UPDATE authority.agent_scopes SET revoked_at = $4
             WHERE tenant = $1 AND agent_id = $2 AND scope = $3 AND revoked_at IS NULL`,
            [tenant, id, scope, now()],
          );
          if (ended.rowCount === 0)
            throw new DeputizeError("not_found", "the agent does not hold this permission");
          await endSignIns(
            tx,
            `s.tenant = $2 AND s.principal_id = $3 AND EXISTS (SELECT 1 FROM authority.grants g
               WHERE g.tenant = s.tenant AND g.id = s.grant_id AND $4 = ANY (g.scopes))`,
            [tenant, id, scope],
            "permission_removed",
          );
        },
        { scope },
      );
    },

    async suspend(by, agentId) {
      await change(by, agentId, "agent.suspended", (tx, ref) => principals.suspend(tx, ref, "suspended"));
    },
    async reactivate(by, agentId) {
      requireAdmin(by);
      await change(by, agentId, "agent.reactivated", (tx, ref) => principals.reactivate(tx, ref));
    },

    async keys(by, agentId) {
      const pool = store.pool("authority");
      await require(pool, by, agentId);
      return apiKeys.list(pool, { tenant: by.tenant, principal: agentId as PrincipalId });
    },
    rotateKey: (by, agentId, keyId, overlapSeconds) =>
      change(
        by,
        agentId,
        "agent.key_rotated",
        async (tx, { tenant, id }) => {
          if (!isUuid(keyId)) throw new DeputizeError("not_found", "no such key");
          return apiKeys.rotate(tx, { tenant, principal: id }, keyId, overlapSeconds);
        },
        { key: keyId },
      ),
    revokeKey: (by, agentId, keyId) =>
      change(
        by,
        agentId,
        "agent.key_revoked",
        async (tx, { tenant, id }) => {
          if (!isUuid(keyId)) throw new DeputizeError("not_found", "no such key");
          await apiKeys.revoke(tx, { tenant, principal: id }, keyId);
          await endSignIns(tx, "s.tenant = $2 AND s.api_key_id = $3", [tenant, keyId], "key_revoked");
        },
        { key: keyId },
      ),
  };
}
