/**
 * Agents signing in: a key becomes a short token and a refresh token, for one audience.
 *
 * Guarantees: a token holds what the agent may do at the moment, cut to its key and to what was asked, names one audience
 * [SR-10], and outlives neither its permissions nor its key, whether that runs out, is replaced or revoked; every reason for a refusal looks the same [AA-D01]; refresh tokens work
 * once, and a second use ends the family [AA-F06]; a family ends with its key, and with anything that raises the agent's
 * epoch [SR-12]. Locks: session, key, principal, grant, in this order [SR-13].
 * Does not: slide. A family ends seven days after the sign-in.
 */
import {
  DeputizeError,
  type GrantId,
  type PrincipalId,
  isDeputizeError,
  newId,
  permissionScope,
  scopeIntersect,
  scopeIsSubset,
} from "@deputize/core";
import type { Tx } from "@deputize/store";
import { readApiKey } from "../credentials/api-key-format.ts";
import { deriveKey } from "../credentials/derive-key.ts";
import type { Grant } from "../grants/grant.ts";
import type { AuthorityContext } from "../ports.ts";
import { createRefreshFamily } from "../sessions/refresh-family.ts";
import { secondsUntil } from "../seconds-until.ts";
import type { AgentThrottle } from "../throttle/agent-throttle.ts";
import type { AgentPermissions, AgentStanding } from "./agent-permissions.ts";
import type { ApiKeyHolder, ApiKeys, HeldKey } from "./api-keys.ts";

/** Short, because a stolen token works until then; the refresh token gets the next. */
const AGENT_TOKEN_SECONDS = 15 * 60;
const FAMILY_SECONDS = 7 * 24 * 3600;
/** Of an agent that only ever signs in anew, the idle families beyond these end. */
const IDLE_FAMILIES_MAX = 200;
export const AGENT_REFRESH_PREFIX = "dar";

export interface AgentToken {
  readonly token: string;
  readonly expiresIn: number;
  readonly refreshToken: string;
  readonly scopes: readonly string[];
}

export interface AgentSignIn {
  readonly apiKey: string;
  readonly source: string;
  /** For whom the token is; the API unless told. One of those that the policy has for agents. */
  readonly audience?: string;
  /** Only these; all that the agent holds unless told. */
  readonly scopes?: readonly string[];
}

export interface AgentSessions {
  /**
   * Throws `rate_limited`; `invalid_credentials`, the same for every reason; `invalid_target` for an audience that is not
   * for agents; `invalid_scope` for more than the agent holds.
   */
  signIn(request: AgentSignIn): Promise<AgentToken>;
  /** Throws `invalid_token`, the same for every reason; `rate_limited`. */
  refresh(refreshToken: string, source: string): Promise<AgentToken>;
}

interface Begun {
  readonly grant: Grant;
  readonly refreshToken: string;
  readonly owner: PrincipalId | undefined;
}

interface Family {
  readonly id: string;
  readonly grant: GrantId;
  readonly audience: string;
  readonly asked: readonly string[] | undefined;
  readonly expiresAt: number;
}

function wrongKey(): DeputizeError {
  return new DeputizeError("invalid_credentials", "the API key is not valid");
}

/** What both lists allow, the narrower of each pair. */
function meet(one: readonly string[], other: readonly string[]): string[] {
  return [...new Set([...scopeIntersect(one, other), ...scopeIntersect(other, one)])];
}

function sameScopes(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((scope) => other.includes(scope));
}

export function createAgentSessions(
  context: AuthorityContext,
  parts: {
    readonly apiKeys: ApiKeys;
    readonly permissions: AgentPermissions;
    readonly throttle: AgentThrottle;
  },
): AgentSessions {
  const { store, clock, audit, grants, policy, refusals } = context;
  const { apiKeys, permissions, throttle } = parts;
  const families = createRefreshFamily({
    key: deriveKey(context.rootSecret, "refresh"),
    clock,
    prefix: AGENT_REFRESH_PREFIX,
  });
  const now = () => new Date(clock.nowMs());

  /** How long a token may live: no longer than its key, its shortest permission, and its family. */
  function lifetimeSeconds(key: HeldKey, standing: AgentStanding, familyEnds: number): number {
    return secondsUntil(clock, Math.min(key.expiresAt, standing.endsAt, familyEnds), AGENT_TOKEN_SECONDS);
  }

  function presentScopes(
    standing: AgentStanding,
    key: HeldKey,
    asked: readonly string[] | undefined,
  ): string[] {
    const held = key.scopes ? meet(standing.scopes, key.scopes) : [...standing.scopes];
    return asked ? meet(asked, held) : held;
  }

  function root(
    tx: Tx,
    who: { tenant: string; agent: PrincipalId },
    token: { scopes: readonly string[]; audience: string; ttlSeconds: number; familyEnds: number },
  ): Promise<Grant> {
    return grants.createRoot(tx, {
      kind: "api_key",
      tenant: who.tenant,
      subject: who.agent,
      actor: who.agent,
      clientId: who.agent,
      scopes: token.scopes,
      audiences: [token.audience],
      ttlSeconds: token.ttlSeconds,
      renewSeconds: Math.max(token.ttlSeconds, Math.floor((token.familyEnds - clock.nowMs()) / 1000)),
    });
  }

  async function issue(
    grant: Grant,
    keyId: string,
    owner: PrincipalId | undefined,
    refreshToken: string,
  ): Promise<AgentToken> {
    const signed = await context.issue(grant, "oauth", {
      lifetimeSeconds: AGENT_TOKEN_SECONDS,
      agent: { keyId, ...(owner !== undefined && { owner }) },
    });
    return { token: signed.token, expiresIn: signed.expiresIn, refreshToken, scopes: grant.scopes };
  }

  /** The idle families of an agent that makes ever new ones; those with a living token stay. */
  async function endIdleFamilies(tx: Tx, holder: ApiKeyHolder): Promise<void> {
    await tx.query(
      `UPDATE authority.sessions SET revoked_at = $3 WHERE id IN (
         SELECT s.id FROM authority.sessions s WHERE s.tenant = $1 AND s.principal_id = $2 AND s.kind = 'agent'
           AND s.revoked_at IS NULL AND s.last_used_at < $4
         ORDER BY s.last_used_at DESC OFFSET ${IDLE_FAMILIES_MAX} LIMIT 100 FOR UPDATE SKIP LOCKED)`,
      [holder.tenant, holder.principal, now(), new Date(clock.nowMs() - AGENT_TOKEN_SECONDS * 1000)],
    );
  }

  async function begin(
    tx: Tx,
    holder: ApiKeyHolder,
    asked: readonly string[] | undefined,
    audience: string,
  ): Promise<Begun | undefined> {
    const key = await apiKeys.hold(tx, holder.tenant, holder.keyId);
    const standing = key && (await permissions.hold(tx, { tenant: holder.tenant, id: holder.principal }));
    if (!key || !standing?.active) return undefined;
    if (!policy.agentAudiences.includes(audience)) {
      throw new DeputizeError("invalid_target", "agents get no token for that audience here");
    }
    const scopes = presentScopes(standing, key, asked);
    if (asked && !scopeIsSubset(asked, scopes)) {
      throw new DeputizeError("invalid_scope", "the agent, or its key, does not hold all of these scopes");
    }
    const familyEnds = Math.min(clock.nowMs() + FAMILY_SECONDS * 1000, key.expiresAt);
    const ttlSeconds = lifetimeSeconds(key, standing, familyEnds);
    const who = { tenant: holder.tenant, agent: holder.principal };
    const grant = await root(tx, who, { scopes, audience, ttlSeconds, familyEnds });
    const session = { tenant: holder.tenant, id: newId(clock), expires: new Date(familyEnds) };
    await tx.query(
      `INSERT INTO authority.sessions (id, tenant, principal_id, kind, grant_id, api_key_id, audience, asked_scopes,
         principal_epoch, created_at, authenticated_at, last_used_at, expires_at)
       VALUES ($1, $2, $3, 'agent', $4, $5, $6, $7, $8, $9, $9, $9, $10)`,
      [
        session.id,
        holder.tenant,
        holder.principal,
        grant.id,
        holder.keyId,
        audience,
        asked ?? null,
        standing.epoch,
        now(),
        session.expires,
      ],
    );
    await endIdleFamilies(tx, holder);
    await audit.record(tx, {
      action: "agent.signed_in",
      outcome: "allowed",
      tenant: holder.tenant,
      subject: holder.principal,
      grant: grant.id,
      detail: { session: session.id, key: holder.keyId, audience, scopes },
    });
    return { grant, refreshToken: await families.begin(tx, session), owner: standing.owner };
  }

  /** A refusal of somebody who proved who they are leaves an entry, within a budget; a stranger's is counted [SR-19]. */
  async function refused(
    who: { tenant: string; principal: PrincipalId },
    action: string,
    reason: string,
    detail: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    const { tenant, principal: subject } = who;
    await refusals.refused({ action, outcome: "refused", reason, tenant, subject, detail });
  }

  type Refreshed =
    | {
        readonly kind: "refused";
        readonly reason: string;
        readonly of?: { tenant: string; principal: PrincipalId };
      }
    | {
        readonly kind: "rotated";
        readonly grant: Grant;
        readonly keyId: string;
        readonly owner: PrincipalId | undefined;
        readonly successor: string;
      };

  async function continueFamily(tx: Tx, refreshToken: string): Promise<Refreshed> {
    const sessionId = await families.sessionOf(tx, refreshToken);
    if (sessionId === undefined) return { kind: "refused", reason: "unknown_refresh_token" };
    const { rows } = await tx.query<{
      tenant: string;
      principal_id: PrincipalId;
      grant_id: GrantId;
      api_key_id: string;
      audience: string | null;
      asked_scopes: string[] | null;
      principal_epoch: number | null;
      expires_at: Date;
      live: boolean;
    }>(
      `SELECT tenant, principal_id, grant_id, api_key_id, audience, asked_scopes, principal_epoch, expires_at,
         revoked_at IS NULL AND expires_at > $2 AS live
       FROM authority.sessions WHERE id = $1 AND kind = 'agent' FOR UPDATE`,
      [sessionId, now()],
    );
    const row = rows[0];
    if (!row) return { kind: "refused", reason: "unknown_refresh_token" };
    const of = { tenant: row.tenant, principal: row.principal_id };
    if (!row.live || row.audience === null) return { kind: "refused", reason: "session_ended", of };
    const key = await apiKeys.hold(tx, row.tenant, row.api_key_id);
    const standing = await permissions.hold(tx, { tenant: row.tenant, id: row.principal_id });
    const stands = key && standing?.active && standing.epoch === row.principal_epoch;
    const spent = await families.spend(tx, refreshToken, { tenant: row.tenant, id: sessionId });
    if (spent.kind === "ended") return { kind: "refused", reason: "session_ended", of };
    if (spent.kind === "reused" || !stands || !policy.agentAudiences.includes(row.audience)) {
      const reason = spent.kind === "reused" ? "refresh_reused" : "session_ended";
      await tx.query("UPDATE authority.sessions SET revoked_at = $2 WHERE id = $1", [sessionId, now()]);
      await grants.revoke(tx, { tenant: row.tenant, id: row.grant_id }, reason);
      return { kind: "refused", reason, of };
    }
    const family: Family = {
      id: sessionId,
      grant: row.grant_id,
      audience: row.audience,
      asked: row.asked_scopes ?? undefined,
      expiresAt: row.expires_at.getTime(),
    };
    const grant = await presentGrant(tx, of, family, key, standing);
    await tx.query("UPDATE authority.sessions SET last_used_at = $2, grant_id = $3 WHERE id = $1", [
      sessionId,
      now(),
      grant.id,
    ]);
    await audit.record(tx, {
      action: "agent.refreshed",
      outcome: "allowed",
      tenant: row.tenant,
      subject: row.principal_id,
      grant: grant.id,
      detail: { session: sessionId, key: row.api_key_id, scopes: grant.scopes },
    });
    return {
      kind: "rotated",
      grant,
      keyId: row.api_key_id,
      owner: standing.owner,
      successor: spent.successor,
    };
  }

  /** The family's grant, renewed; or another in its place when the agent may do something else by now. */
  async function presentGrant(
    tx: Tx,
    who: { tenant: string; principal: PrincipalId },
    family: Family,
    key: HeldKey,
    standing: AgentStanding,
  ): Promise<Grant> {
    const scopes = presentScopes(standing, key, family.asked);
    const ttlSeconds = lifetimeSeconds(key, standing, family.expiresAt);
    const ref = { tenant: who.tenant, id: family.grant };
    const held = await grants.get(tx, ref);
    // A grant that was made while the key was to work longer is not shortened: another takes its place.
    const fits = held !== undefined && held.expiresAt <= clock.nowMs() + ttlSeconds * 1000;
    if (fits && held.state === "active" && sameScopes(held.scopes, scopes))
      return grants.renew(tx, ref, ttlSeconds);
    await grants.revoke(tx, ref, "permissions_changed");
    return root(
      tx,
      { tenant: who.tenant, agent: who.principal },
      { scopes, audience: family.audience, ttlSeconds, familyEnds: family.expiresAt },
    );
  }

  return {
    async signIn({ apiKey, source, audience = policy.apiAudience, scopes }) {
      const keyId = readApiKey(apiKey)?.id;
      const from = { source, ...(keyId !== undefined && { keyId }) };
      const asked = scopes && [...new Set(scopes.map(permissionScope))];
      let holder: ApiKeyHolder | undefined;
      try {
        await throttle.arrives(from);
        holder = await apiKeys.check(store.pool("authority"), apiKey);
        if (holder?.live) {
          const { owner } = holder;
          const who = { source, keyId: holder.keyId, agent: holder.principal };
          await throttle.signsIn({ ...who, ...(owner !== undefined && { owner }) });
        } else {
          await throttle.failed(from);
        }
      } catch (error) {
        refusals.count("rate_limited", source);
        throw error;
      }
      if (!holder) {
        refusals.count("invalid_credentials", source);
        throw wrongKey();
      }
      const found = holder;
      const detail = { key: found.keyId, audience };
      let begun: Begun | undefined;
      try {
        begun = found.live
          ? await store.transaction("authority", (tx) => begin(tx, found, asked, audience))
          : undefined;
      } catch (error) {
        if (isDeputizeError(error) && error.status < 500) {
          await refused(found, "agent.signed_in", error.code, detail);
        }
        throw error;
      }
      if (!begun) {
        await refused(found, "agent.signed_in", found.live ? "not_active" : "key_ended", detail);
        throw wrongKey();
      }
      await apiKeys.used(store.pool("authority"), found.keyId);
      return issue(begun.grant, found.keyId, begun.owner, begun.refreshToken);
    },

    async refresh(refreshToken, source) {
      await throttle.arrives({ source });
      const of = await families.holderOf(store.pool("authority"), refreshToken);
      if (of?.keyId !== undefined) {
        const { keyId, principal: agent, owner } = of;
        await throttle.signsIn({ source, keyId, agent, ...(owner !== undefined && { owner }) });
      }
      const outcome = await store.transaction("authority", (tx) => continueFamily(tx, refreshToken));
      if (outcome.kind === "refused") {
        if (outcome.of) await refused(outcome.of, "agent.refreshed", outcome.reason, {});
        else refusals.count(outcome.reason, source);
        await throttle.failed({ source });
        throw new DeputizeError("invalid_token", "the refresh token is not valid any more; sign in again");
      }
      return issue(outcome.grant, outcome.keyId, outcome.owner, outcome.successor);
    },
  };
}
