/**
 * Apps: each has a ceiling that nothing of its workers ever exceeds, and a secret of its own.
 *
 * Guarantees: a change is all or nothing; a narrower ceiling ends what exceeds it, with what is below, and launch tokens that
 * promise more; deregistering ends the app's tokens, launch tokens and workers in one transaction. Secrets are kept as HMACs;
 * every failed sign-in costs the same, whoever it names.
 */
import { DeputizeError, type GrantId, type PrincipalId, isUuid, newId, randomHex } from "@deputize/core";
import { type Queryable, sqlState } from "@deputize/store";
import { deriveKey, mac } from "../credentials/derive-key.ts";
import type { Principals } from "../principals/principals.ts";
import { asOperator } from "./admin-work.ts";
import { checkAppName, newAppId, newClientId } from "./app-names.ts";
import type { AppView, Apps } from "./broker.ts";
import { type BrokerContext, requireKind } from "./broker-context.ts";
import { callerEvent } from "./broker-events.ts";
import { APP_SCOPES, checkDataScopes } from "./broker-scopes.ts";
import { controlToken } from "./control-tokens.ts";

const TOKEN_TTL = { minSeconds: 60, maxSeconds: 86_400 } as const;

/** A week to move to a new secret; longer and nobody remembers that the old one works. */
const OVERLAP_SECONDS_MAX = 7 * 24 * 3600;

const PAGE = { limit: 100, max: 1_000 } as const;

interface Row {
  principal_id: PrincipalId;
  app_id: string;
  name: string;
  client_id: string;
  scopes: string[];
  token_ttl: number;
  require_transcript: boolean;
  created_at: Date;
  updated_at: Date;
  deregistered_at: Date | null;
}

const COLUMNS = `a.principal_id, a.app_id, a.name, a.client_id, coalesce(p.ceiling, '{}') AS scopes, a.token_ttl,
  a.require_transcript, a.created_at, a.updated_at, a.deregistered_at`;
const FROM = `FROM authority.apps a JOIN authority.principals p ON p.tenant = a.tenant AND p.id = a.principal_id`;

function viewOf(row: Row): AppView {
  return {
    id: row.principal_id,
    appId: row.app_id,
    name: row.name,
    clientId: row.client_id,
    scopes: row.scopes,
    tokenTtlSeconds: row.token_ttl,
    status: row.deregistered_at ? "inactive" : "active",
    requireTranscript: row.require_transcript,
    createdAt: row.created_at.getTime(),
    updatedAt: row.updated_at.getTime(),
    ...(row.deregistered_at && { deregisteredAt: row.deregistered_at.getTime() }),
  };
}

function checkTokenTtl(seconds: number): void {
  if (!Number.isInteger(seconds) || seconds < TOKEN_TTL.minSeconds || seconds > TOKEN_TTL.maxSeconds) {
    throw new DeputizeError("invalid_ttl", "`token_ttl` is 60 to 86400 seconds");
  }
}

function unknownApp(): DeputizeError {
  return new DeputizeError("not_found", "there is no such app");
}

export function createApps(context: BrokerContext, principals: Principals): Apps {
  const { clock, store, tenant, audit, settings, verifier } = context;
  const key = deriveKey(context.rootSecret, "app-secret");
  const secretHash = (clientId: string, secret: string): Buffer => mac(key, "app-secret", clientId, secret);
  const now = (): string => new Date(clock.nowMs()).toISOString();

  async function find(query: Queryable, appId: string): Promise<Row> {
    const { rows } = await query.query<Row>(
      `SELECT ${COLUMNS} ${FROM} WHERE a.tenant = $1 AND a.app_id = $2`,
      [tenant, appId],
    );
    if (!rows[0]) throw unknownApp();
    return rows[0];
  }

  async function addSecret(query: Queryable, app: PrincipalId, clientId: string): Promise<string> {
    const secret = randomHex(32);
    await query.query(
      `INSERT INTO authority.app_secrets (hash, tenant, principal_id, created_at) VALUES ($1, $2, $3, $4)`,
      [secretHash(clientId, secret), tenant, app, now()],
    );
    return secret;
  }

  return {
    async register(by, request) {
      requireKind(by, ["admin"], "only an operator registers apps");
      const { name, scopes, tokenTtlSeconds = settings.lifetimes.appSeconds } = request;
      if (name === "") throw new DeputizeError("invalid_request", "`name` is required");
      if (scopes.length === 0)
        throw new DeputizeError("invalid_request", "`scopes` names at least one scope");
      if (tokenTtlSeconds <= 0) checkTokenTtl(tokenTtlSeconds);
      checkAppName(name);
      checkDataScopes(scopes, "invalid_scope");
      checkTokenTtl(tokenTtlSeconds);
      const taken = (): DeputizeError =>
        new DeputizeError(
          "conflict",
          "an app of this name exists; choose another name (names are never reused)",
        );
      const id = newId(clock) as PrincipalId;
      const appId = newAppId(name);
      const clientId = newClientId(name);
      try {
        return await asOperator(context, by, [], async (tx) => {
          const same = await tx.query(`SELECT FROM authority.apps WHERE tenant = $1 AND name = $2`, [
            tenant,
            name,
          ]);
          if (same.rows.length > 0) throw taken();
          await principals.create(tx, { id, tenant, kind: "app", name, ceiling: scopes });
          await tx.query(
            `INSERT INTO authority.apps (tenant, principal_id, app_id, name, client_id, token_ttl, require_transcript, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)`,
            [tenant, id, appId, name, clientId, tokenTtlSeconds, request.requireTranscript ?? false, now()],
          );
          const clientSecret = await addSecret(tx, id, clientId);
          const detail = { app_id: appId, scopes, token_ttl: tokenTtlSeconds };
          await audit.record(
            tx,
            callerEvent(by, { action: "app_registered", resource: `app:${appId}`, detail }),
          );
          return { ...viewOf(await find(tx, appId)), clientSecret };
        });
      } catch (error) {
        if (sqlState(error) === "23505") throw taken();
        throw error;
      }
    },

    async list(by, page = {}) {
      requireKind(by, ["admin"], "only an operator lists apps");
      const limit = page.limit ?? PAGE.limit;
      if (!Number.isInteger(limit) || limit < 1 || limit > PAGE.max) {
        throw new DeputizeError("invalid_request", "`limit` is 1 to 1000");
      }
      if (page.cursor !== undefined && !isUuid(page.cursor)) {
        throw new DeputizeError("invalid_request", "`cursor` is the `next` of an answer");
      }
      const pool = store.pool("authority");
      // Ids are made in order of time.
      const { rows } = await pool.query<Row>(
        `SELECT ${COLUMNS} ${FROM} WHERE a.tenant = $1 AND ($2::uuid IS NULL OR a.principal_id > $2::uuid)
         ORDER BY a.principal_id LIMIT $3`,
        [tenant, page.cursor ?? null, limit + 1],
      );
      const count = await pool.query<{ total: number }>(
        `SELECT count(*)::int AS total FROM authority.apps WHERE tenant = $1`,
        [tenant],
      );
      const apps = rows.slice(0, limit).map(viewOf);
      const last = apps.at(-1);
      return {
        apps,
        total: count.rows[0]?.total ?? 0,
        ...(rows.length > limit && last && { next: last.id }),
      };
    },

    async get(by, appId) {
      requireKind(by, ["admin"], "only an operator reads apps");
      return viewOf(await find(store.pool("authority") as Queryable, appId));
    },

    async update(by, appId, change) {
      requireKind(by, ["admin"], "only an operator changes apps");
      if (Object.values(change).every((value) => value === undefined)) {
        throw new DeputizeError("invalid_request", "name `scopes` or `token_ttl`, or both");
      }
      if (change.scopes) checkDataScopes(change.scopes, "invalid_scope");
      if (change.tokenTtlSeconds !== undefined) checkTokenTtl(change.tokenTtlSeconds);
      const { id } = await find(store.pool("authority") as Queryable, appId).then(viewOf);
      let ended: readonly GrantId[] = [];
      const view = await asOperator(context, by, [id], async (tx) => {
        const before = await find(tx, appId);
        if (before.deregistered_at) throw unknownApp();
        if (change.scopes)
          ended = await principals.setCeiling(tx, { tenant, id }, change.scopes, "ceiling narrowed");
        await tx.query(
          `UPDATE authority.apps SET token_ttl = $3, require_transcript = $4, updated_at = $5 WHERE tenant = $1 AND principal_id = $2`,
          [
            tenant,
            id,
            change.tokenTtlSeconds ?? before.token_ttl,
            change.requireTranscript ?? before.require_transcript,
            now(),
          ],
        );
        const detail = { app_id: appId, ...change, ended: ended.length };
        await audit.record(tx, callerEvent(by, { action: "app_updated", resource: `app:${appId}`, detail }));
        return viewOf(await find(tx, appId));
      });
      verifier.ended(ended);
      return view;
    },

    async deregister(by, appId) {
      requireKind(by, ["admin"], "only an operator deregisters apps");
      const { id } = await find(store.pool("authority") as Queryable, appId).then(viewOf);
      let ended: readonly GrantId[] = [];
      const view = await asOperator(context, by, [id], async (tx) => {
        const before = await find(tx, appId);
        if (before.deregistered_at) return viewOf(before);
        ended = await principals.suspend(tx, { tenant, id }, "app deregistered");
        const launch = await tx.query(`DELETE FROM authority.launch_tokens WHERE tenant = $1 AND app = $2`, [
          tenant,
          id,
        ]);
        await tx.query(`DELETE FROM authority.app_secrets WHERE tenant = $1 AND principal_id = $2`, [
          tenant,
          id,
        ]);
        await tx.query(
          `UPDATE authority.apps SET deregistered_at = $3, updated_at = $3 WHERE tenant = $1 AND principal_id = $2`,
          [tenant, id, now()],
        );
        const detail = { app_id: appId, ended: ended.length, launch_tokens: launch.rowCount ?? 0 };
        await audit.record(
          tx,
          callerEvent(by, { action: "app_deregistered", resource: `app:${appId}`, detail }),
        );
        return viewOf(await find(tx, appId));
      });
      verifier.ended(ended);
      return view;
    },

    async rotateSecret(by, appId, overlapSeconds) {
      requireKind(by, ["admin"], "only an operator rotates secrets");
      if (!Number.isInteger(overlapSeconds) || overlapSeconds < 0 || overlapSeconds > OVERLAP_SECONDS_MAX) {
        throw new DeputizeError("invalid_request", "the overlap is 0 to 604800 seconds, a week");
      }
      const { id, clientId } = await find(store.pool("authority") as Queryable, appId).then(viewOf);
      return asOperator(context, by, [id], async (tx) => {
        if ((await find(tx, appId)).deregistered_at) throw unknownApp();
        // One old secret overlaps, not a row of them.
        await tx.query(
          `DELETE FROM authority.app_secrets WHERE tenant = $1 AND principal_id = $2 AND expires_at IS NOT NULL`,
          [tenant, id],
        );
        await tx.query(
          `UPDATE authority.app_secrets SET expires_at = $3 WHERE tenant = $1 AND principal_id = $2`,
          [tenant, id, new Date(clock.nowMs() + overlapSeconds * 1000).toISOString()],
        );
        const clientSecret = await addSecret(tx, id, clientId);
        const detail = { app_id: appId, secret_rotated: true, overlap_seconds: overlapSeconds };
        await audit.record(tx, callerEvent(by, { action: "app_updated", resource: `app:${appId}`, detail }));
        return { clientSecret };
      });
    },

    async signIn({ clientId, clientSecret }) {
      const hash = secretHash(clientId, clientSecret);
      // One indexed equality on a keyed hash: the same work for an unknown client, a wrong secret and an ended app.
      const { rows } = await store
        .pool("authority")
        .query<{ id: PrincipalId; app_id: string; token_ttl: number }>(
          `SELECT a.principal_id AS id, a.app_id, a.token_ttl
         FROM authority.app_secrets s JOIN authority.apps a ON a.tenant = s.tenant AND a.principal_id = s.principal_id
         WHERE s.hash = $1 AND (s.expires_at IS NULL OR s.expires_at > $2) AND a.tenant = $3 AND a.deregistered_at IS NULL`,
          [hash, now(), tenant],
        );
      const app = rows[0];
      if (!app) {
        throw new DeputizeError("invalid_credentials", "the client id or secret is wrong");
      }
      return controlToken(context, {
        principal: app.id,
        sub: `app:${app.app_id}`,
        clientId,
        appId: app.app_id,
        scopes: APP_SCOPES,
        ttlSeconds: app.token_ttl,
        secretHash: hash.toString("hex"),
        action: "app_authenticated",
      });
    },
  };
}
