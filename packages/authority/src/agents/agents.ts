/**
 * Agents: registered with an API key, vouched for by their owner, permitted, signed in, suspended, gone.
 *
 * Guarantees: registering gives a key and no permission at all, and an agent whose owner was not signed in stays
 * powerless until the owner or an administrator confirms it, so that open registration opens nothing [AA-D02]; the key
 * is shown once; what is suspended or removed stops at once, with everything that hangs from it. Built-in agents are made
 * from the installation's secrets at start.
 * An address that was typed at sign-up gives nobody an agent that was registered for it.
 * Does not: prove that a person's address is theirs; whoever makes accounts does.
 */
import {
  DeputizeError,
  type GrantId,
  type PrincipalId,
  isUuid,
  newId,
  permissionScope,
  stableId,
} from "@deputize/core";
import type { Tx } from "@deputize/store";
import { readApiKey } from "../credentials/api-key-format.ts";
import { deriveKey } from "../credentials/derive-key.ts";
import type { HoldingsOfClient } from "../exchange/client-credentials.ts";
import type { AuthenticateClient } from "../http/client-authentication.ts";
import { type AuthorityContext, DEFAULT_TENANT } from "../ports.ts";
import { planEnds } from "../revocation/early-ends.ts";
import type { AgentThrottle } from "../throttle/agent-throttle.ts";
import { type AgentPermissions, createAgentPermissions } from "./agent-permissions.ts";
import {
  type AgentManager,
  type AgentPage,
  type AgentView,
  PAGE_MAX,
  createAgentRows,
  viewOf,
} from "./agent-rows.ts";
import { type AgentSessions, createAgentSessions } from "./agent-sessions.ts";
import {
  type ApiKeyView,
  type KeyOwner,
  type NewKey,
  type RotateRequest,
  createApiKeys,
} from "./api-keys.ts";

/** Rows of unconfirmed agents that one round of pruning forgets. */
const PRUNE_ROWS = 1_000;

export interface RegisterRequest {
  readonly name: string;
  readonly ownerEmail: string;
  /** The signed-in person whose address it is; absent when a stranger registers, or somebody for another. */
  readonly owner?: PrincipalId;
  /** The administrator or operator who vouches for it. */
  readonly vouchedBy?: PrincipalId;
  readonly source: string;
}

export interface RegisteredAgent extends NewKey {
  readonly agentId: PrincipalId;
}

export interface Agents extends AgentSessions {
  /** Throws `conflict` when the owner has an agent of this name or it is a built-in agent's; `rate_limited`. */
  register(request: RegisterRequest): Promise<RegisteredAgent>;
  /** Vouches for an agent: its owner, or an administrator. Again changes nothing. Throws `not_found`, `conflict`. */
  confirm(by: AgentManager, agentId: string): Promise<void>;
  /**
   * The active principal that holds a key, without a grant: how a program proves itself at the token endpoint. A
   * `clientId` must be the holder's id or name. Undefined for every reason alike; throws `rate_limited`.
   */
  readonly authenticate: AuthenticateClient;
  /** What an agent may do when it acts for itself; a service's ceiling otherwise. */
  readonly holdingsOfClient: HoldingsOfClient;
  /** Makes a built-in agent or service with a key of `secret` (64 hex); idempotent. Its id is `stableId("agent:<name>")`. */
  ensureBuiltIn(
    name: string,
    secret: string,
    kind?: "agent" | "service",
  ): Promise<{ agentId: PrincipalId; apiKey: string }>;
  /** Throws `not_found`, also for another person's. */
  get(by: AgentManager, agentId: string): Promise<AgentView>;
  /** Newest first; `next` continues. */
  list(by: AgentManager, page?: AgentPage): Promise<{ agents: AgentView[]; next?: string }>;
  /** Throws `conflict`. */
  rename(by: AgentManager, agentId: string, name: string): Promise<void>;
  /** Ends its tokens and families at once. */
  suspend(by: AgentManager, agentId: string): Promise<void>;
  /** Lets it sign in again; what ended stays ended. Throws `forbidden` to an owner when an administrator suspended it. */
  resume(by: AgentManager, agentId: string): Promise<void>;
  /** Ends it for good: tokens, keys, name. The log keeps that it was. Throws `forbidden` for a built-in agent. */
  remove(by: AgentManager, agentId: string): Promise<void>;
  readonly permissions: AgentPermissions;
  keys(by: AgentManager, agentId: string): Promise<ApiKeyView[]>;
  /** A further key, for all that the agent holds or only some of it. */
  createKey(
    by: AgentManager,
    agentId: string,
    options?: { readonly scopes?: readonly string[]; readonly expiresAt?: number },
  ): Promise<NewKey>;
  rotateKey(by: AgentManager, agentId: string, keyId: string, request?: RotateRequest): Promise<NewKey>;
  revokeKey(by: AgentManager, agentId: string, keyId: string): Promise<void>;
  /** Forgets agents that nobody confirmed within a week. Answers how many. */
  prune(): Promise<number>;
}

export function createAgents(context: AuthorityContext, throttle: AgentThrottle): Agents {
  const { store, clock, audit, grants, principals, refusals } = context;
  const apiKeys = createApiKeys({ key: deriveKey(context.rootSecret, "api-key"), clock });
  const rows = createAgentRows(context);
  const permissions = createAgentPermissions(context, rows);
  const sessions = createAgentSessions(context, { apiKeys, permissions, throttle });
  const now = () => new Date(clock.nowMs());
  const { change } = rows;

  /** The living tokens that a key made, and those that its agent got at the token endpoint, which name no key. */
  async function madeBy(
    tx: Tx,
    { tenant, principal }: KeyOwner,
    keyId: string,
    beyond = clock.nowMs(),
  ): Promise<{ tenant: string; ids: GrantId[] }> {
    const { rows: made } = await tx.query<{ id: GrantId }>(
      `SELECT g.id FROM authority.grants g WHERE g.tenant = $1 AND g.actor = $2 AND g.state = 'active' AND g.expires_at > $4
         AND (g.kind IN ('service', 'exchange') OR EXISTS (SELECT FROM authority.sessions s
           WHERE s.tenant = g.tenant AND s.grant_id = g.id AND s.api_key_id = $3)) ORDER BY g.id`,
      [tenant, principal, keyId, new Date(beyond)],
    );
    return { tenant, ids: made.map(({ id }) => id) };
  }

  async function endKey(tx: Tx, owner: KeyOwner, keyId: string): Promise<void> {
    await grants.revokeMany(tx, await madeBy(tx, owner, keyId), "key_revoked");
  }

  function requireKeyId(keyId: string): void {
    if (!isUuid(keyId)) throw new DeputizeError("not_found", "no such key");
  }

  return {
    ...sessions,
    permissions,

    async register({ name, ownerEmail, owner, vouchedBy, source }) {
      if (vouchedBy === undefined) await throttle.registers({ source, owner: owner ?? ownerEmail });
      const id = newId(clock) as PrincipalId;
      const tenant = DEFAULT_TENANT;
      const confirmedBy = owner ?? vouchedBy;
      return store.transaction("authority", async (tx) => {
        // The principal's lock order: nothing of it is visible before it is whole.
        await principals.create(tx, { id, kind: "agent", tenant, name });
        const made = await tx.query(
          `INSERT INTO authority.agents (principal_id, tenant, name, owner_email, owner_id, built_in, created_at, confirmed_at, confirmed_by)
           SELECT $1, $2, $3, $4, coalesce($5::uuid, CASE WHEN $7::uuid IS NOT NULL THEN
             (SELECT p.principal_id FROM authority.people p WHERE p.tenant = $2 AND p.email = $4 AND p.address_vouched) END),
             false, $6, CASE WHEN $7::uuid IS NOT NULL THEN $6::timestamptz END, $7
           WHERE NOT EXISTS (SELECT 1 FROM authority.agents b WHERE b.tenant = $2 AND b.built_in AND lower(b.name) = lower($3))
           ON CONFLICT DO NOTHING`,
          [id, tenant, name, ownerEmail, owner ?? null, now(), confirmedBy ?? null],
        );
        if (made.rowCount === 0) {
          throw new DeputizeError("conflict", "the owner has an agent of this name; choose another");
        }
        const key = await apiKeys.create(tx, { tenant, principal: id });
        await audit.record(tx, {
          action: "agent.registered",
          outcome: "allowed",
          tenant,
          subject: confirmedBy ?? id,
          about: [id],
          resource: `agent:${id}`,
          detail: { confirmed: confirmedBy !== undefined, key: key.keyId },
        });
        return { agentId: id, ...key };
      });
    },

    confirm: (by, agentId) =>
      change(by, agentId, "agent.confirmed", async (tx, row) => {
        if (row.confirmed_at !== null) return;
        await tx.query("SELECT 1 FROM authority.principals WHERE tenant = $1 AND id = $2 FOR UPDATE", [
          by.tenant,
          agentId,
        ]);
        const taken = await tx.query(
          `SELECT 1 FROM authority.agents a JOIN authority.people p ON p.tenant = a.tenant AND p.principal_id = a.owner_id
           WHERE a.tenant = $1 AND p.email = $2 AND a.name = $3 AND a.deleted_at IS NULL`,
          [by.tenant, row.owner_email, row.name],
        );
        if (taken.rows.length > 0) {
          throw new DeputizeError(
            "conflict",
            "the owner has an agent of this name; rename one of them first",
          );
        }
        await tx.query(
          `UPDATE authority.agents a SET confirmed_at = $3, confirmed_by = $4, owner_id =
             (SELECT p.principal_id FROM authority.people p
                WHERE p.tenant = a.tenant AND p.email = a.owner_email AND p.address_vouched)
           WHERE a.tenant = $1 AND a.principal_id = $2`,
          [by.tenant, agentId, now(), by.subject],
        );
        // Its tokens say that it may do nothing.
        await permissions.endGrants(tx, { tenant: by.tenant, id: row.principal_id }, "permissions_changed");
      }),

    async authenticate({ clientId, secret, source }) {
      const keyId = readApiKey(secret)?.id;
      const from = { source, ...(keyId !== undefined && { keyId }) };
      await throttle.arrives(from);
      const pool = store.pool("authority");
      const holder = await apiKeys.check(pool, secret);
      const principal =
        holder?.live && (await principals.get(pool, { tenant: holder.tenant, id: holder.principal }));
      if (holder && principal && principal.state === "active") {
        const named = clientId === undefined || clientId === holder.principal || clientId === principal.name;
        if (named) {
          await apiKeys.used(pool, holder.keyId);
          const key = { id: holder.keyId, endsAt: holder.expiresAt };
          return { tenant: holder.tenant, principal: holder.principal, key };
        }
      }
      refusals.count("invalid_client", source);
      await throttle.failed(from);
      return undefined;
    },

    async holdingsOfClient(tx, { tenant, principal, key }) {
      const held = key && (await apiKeys.hold(tx, tenant, key.id));
      if (key && !held) throw new DeputizeError("invalid_client", "the client's key has ended");
      const standing = await permissions.hold(tx, { tenant, id: principal });
      const found = await principals.get(tx, { tenant, id: principal });
      const ofAgent = found?.kind === "agent";
      return {
        scopes: ofAgent ? (standing?.scopes ?? []) : (found?.ceiling ?? []),
        endsAt: Math.min(held?.expiresAt ?? Infinity, (ofAgent ? standing?.endsAt : undefined) ?? Infinity),
      };
    },

    async ensureBuiltIn(name, secret, kind = "agent") {
      const id = stableId(`${kind}:${name}`) as PrincipalId;
      const tenant = DEFAULT_TENANT;
      return store.transaction("authority", async (tx) => {
        await principals.ensure(tx, { id, kind, tenant, name });
        if (kind === "agent") {
          await tx.query(
            `INSERT INTO authority.agents (principal_id, tenant, name, built_in, created_at, confirmed_at)
             VALUES ($1, $2, $3, true, $4, $4) ON CONFLICT DO NOTHING`,
            [id, tenant, name, now()],
          );
        }
        return { agentId: id, apiKey: await apiKeys.ensure(tx, { tenant, principal: id, secret }) };
      });
    },

    get: async (by, agentId) => viewOf(await rows.require(store.pool("authority"), by, agentId)),

    async list(by, page = {}) {
      const limit = Math.min(page.limit ?? 100, PAGE_MAX);
      const found = await rows.find(store.pool("authority"), by, { ...page, limit });
      const last = found.length === limit ? found.at(-1) : undefined;
      return { agents: found.map(viewOf), ...(last && { next: last.principal_id }) };
    },

    rename: (by, agentId, name) =>
      change(by, agentId, "agent.renamed", async (tx, row) => {
        if (row.built_in) throw new DeputizeError("forbidden", "a built-in agent keeps its name");
        const done = await tx.query(
          `UPDATE authority.agents a SET name = $3 WHERE a.tenant = $1 AND a.principal_id = $2
             AND NOT EXISTS (SELECT 1 FROM authority.agents b WHERE b.tenant = a.tenant AND b.principal_id <> a.principal_id
               AND ((b.built_in AND lower(b.name) = lower($3)) OR (b.name = $3 AND b.deleted_at IS NULL
                 AND (b.owner_id = a.owner_id OR (a.owner_id IS NULL AND b.owner_id IS NULL AND b.owner_email = a.owner_email)))))`,
          [by.tenant, agentId, name],
        );
        if (done.rowCount === 0) throw new DeputizeError("conflict", "the name is taken; choose another");
        await principals.rename(tx, { tenant: by.tenant, id: row.principal_id }, name);
      }),

    suspend: (by, agentId) =>
      change(by, agentId, "agent.suspended", async (tx) => {
        const row = await rows.hold(tx, by, agentId);
        await principals.suspend(tx, { tenant: by.tenant, id: row.principal_id }, "suspended");
        await tx.query(
          // An administrator's word is not undone by the owner suspending once more.
          `UPDATE authority.agents SET suspended_by = CASE WHEN $4 AND suspended_by IS NOT NULL THEN suspended_by ELSE $3 END
           WHERE tenant = $1 AND principal_id = $2`,
          [by.tenant, agentId, by.subject, row.state === "suspended" && !by.isAdmin],
        );
      }),

    resume: (by, agentId) =>
      change(by, agentId, "agent.resumed", async (tx) => {
        // Whoever suspends it at the same moment came before, or waits.
        const row = await rows.hold(tx, by, agentId);
        if (row.state === "active") return;
        if (!by.isAdmin && row.suspended_by !== by.subject) {
          throw new DeputizeError("forbidden", "an administrator suspended the agent; ask one");
        }
        await principals.reactivate(tx, { tenant: by.tenant, id: row.principal_id });
        await tx.query(
          "UPDATE authority.agents SET suspended_by = NULL WHERE tenant = $1 AND principal_id = $2",
          [by.tenant, agentId],
        );
      }),

    remove: (by, agentId) =>
      change(by, agentId, "agent.removed", async (tx, row) => {
        if (row.built_in)
          throw new DeputizeError("forbidden", "a built-in agent is part of the installation");
        const owner = { tenant: by.tenant, principal: row.principal_id };
        await principals.suspend(tx, { tenant: by.tenant, id: row.principal_id }, "removed");
        await apiKeys.revokeAll(tx, owner);
        await tx.query(
          "UPDATE authority.agents SET deleted_at = $3, owner_email = NULL WHERE tenant = $1 AND principal_id = $2",
          [by.tenant, agentId, now()],
        );
      }),

    async keys(by, agentId) {
      const pool = store.pool("authority");
      const row = await rows.require(pool, by, agentId);
      return apiKeys.list(pool, { tenant: by.tenant, principal: row.principal_id });
    },

    createKey: (by, agentId, { scopes, expiresAt } = {}) => {
      const limits = {
        ...(scopes && { scopes: [...new Set(scopes.map(permissionScope))] }),
        ...(expiresAt !== undefined && { expiresAt }),
      };
      return change(
        by,
        agentId,
        "agent.key_created",
        async (tx, row) => {
          await tx.query("SELECT 1 FROM authority.principals WHERE tenant = $1 AND id = $2 FOR UPDATE", [
            by.tenant,
            agentId,
          ]);
          return apiKeys.create(tx, { tenant: by.tenant, principal: row.principal_id }, limits);
        },
        limits.scopes ? { scopes: limits.scopes } : {},
      );
    },

    rotateKey: (by, agentId, keyId, request = {}) =>
      change(
        by,
        agentId,
        "agent.key_rotated",
        async (tx, row) => {
          requireKeyId(keyId);
          const owner = { tenant: by.tenant, principal: row.principal_id };
          const made = await apiKeys.rotate(tx, owner, keyId, request);
          if (made.replacedEnds <= clock.nowMs()) await endKey(tx, owner, keyId);
          else
            await planEnds(
              tx,
              await madeBy(tx, owner, keyId, made.replacedEnds),
              made.replacedEnds,
              "key_ended",
            );
          return made;
        },
        { key: keyId, forced: request.forced === true },
      ),

    revokeKey: (by, agentId, keyId) =>
      change(
        by,
        agentId,
        "agent.key_revoked",
        async (tx, row) => {
          requireKeyId(keyId);
          const owner = { tenant: by.tenant, principal: row.principal_id };
          await apiKeys.revoke(tx, owner, keyId);
          await endKey(tx, owner, keyId);
        },
        { key: keyId },
      ),

    async prune() {
      const { rows: gone } = await store
        .pool("authority")
        .query<{ n: number }>("SELECT authority.prune_agents($1) AS n", [PRUNE_ROWS]);
      return gone[0]?.n ?? 0;
    },
  };
}
