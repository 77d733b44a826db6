/**
 * Sessions: a person signs in, stays signed in, and signs out.
 *
 * Guarantees: each sign-in makes one root grant, and a session's end is that grant's end with its subtree, in one
 * transaction; refresh tokens work once, a retry within ten seconds gets the same unused successor, and any
 * other second use ends the whole family [SR-25] [SH-D03]; every request sees the person's present state and
 * role [SH-D04]; a wrong password, an unknown address and a deactivated account look and cost the same [SH-D06].
 * Does not: slide. A session ends seven days after sign-in, however much it is used.
 */
import { type Caller, DeputizeError, isUuid, newId } from "@deputize/core";
import { deriveKey } from "../credentials/derive-key.ts";
import { newOpaqueToken, opaqueTokenHash } from "../credentials/opaque-token.ts";
import type { PasswordHasher } from "../credentials/password.ts";
import { rememberFirstParty } from "../first-party.ts";
import { foldEmail } from "../people/email.ts";
import {
  PERSON_COLUMNS,
  PERSON_TABLES,
  type Person,
  type PersonRow,
  personFromRow,
} from "../people/person.ts";
import { type AuthorityContext, DEFAULT_TENANT } from "../ports.ts";
import type { DeviceTokens } from "../throttle/device.ts";
import type { Throttle } from "../throttle/throttle.ts";
import { SESSION_COOKIE, readCookie } from "./cookies.ts";
import { assertCsrf, csrfToken } from "./csrf.ts";
import { createRefreshFamily } from "./refresh-family.ts";
import { createSessionRoots } from "./session-roots.ts";
import { type LiveSession, callerOf, findSession } from "./session-rows.ts";

export const SESSION_SECONDS = 7 * 24 * 3600;
const REFRESH_PREFIX = "drt";
const COOKIE_PREFIX = "dss";
/** A person's newest sessions; older ones end when another begins. */
const SESSIONS_MAX = 50;
const LAST_USED_STEP_MS = 60_000;

export interface SignInRequest {
  readonly email: string;
  readonly password: string;
  readonly client: "browser" | "api";
  readonly source: string;
  readonly device?: string;
  readonly userAgent?: string;
}

/** What API clients get: RFC 6749 §5.1 in our own words. */
export interface SessionTokens {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly expiresIn: number;
}

export interface SignedIn {
  readonly person: Person;
  readonly sessionId: string;
  /** A new token of the device, for its own allowance of tries. */
  readonly device: string;
  /** For `api` clients. */
  readonly tokens?: SessionTokens;
  /** For browsers: the cookie's secret and the CSRF token that fits it. */
  readonly cookie?: { readonly secret: string; readonly csrf: string; readonly maxAgeSeconds: number };
}

export interface SessionView {
  readonly id: string;
  readonly user_agent: string;
  readonly created: string;
  readonly last_used: string;
  readonly current: boolean;
}

export interface Sessions {
  /** Throws `rate_limited` before any work, or `invalid_credentials`, the same for every reason. */
  signIn(request: SignInRequest): Promise<SignedIn>;
  /** Rotates a refresh token. Throws `invalid_token`. */
  refresh(refreshToken: string, source: string): Promise<{ person: Person; tokens: SessionTokens }>;
  /**
   * The caller behind a request's session cookie, read from the database now; undefined without the cookie.
   * Throws `unauthenticated` for a session that ended, `csrf_failed` for a write without proof.
   */
  authenticate(request: Request): Promise<Caller | undefined>;
  /** The CSRF token of a request's session cookie. */
  csrfOf(request: Request): string | undefined;
  /** A token of the session's root grant, for the server's own exchange on the person's behalf. Never sent to the browser. */
  accessToken(caller: Caller): Promise<{ token: string; expiresIn: number }>;
  /** Ends the caller's session and everything made from it. */
  signOut(caller: Caller): Promise<void>;
  /** The same by a refresh token of the family; an unknown one is no error (RFC 7009 §2.2). */
  signOutByRefreshToken(refreshToken: string): Promise<void>;
  /** The same by a request's cookie, for a browser that signs in anew; an unknown one is no error. */
  signOutByCookie(request: Request): Promise<void>;
  signOutEverywhere(caller: Caller): Promise<void>;
  list(caller: Caller): Promise<SessionView[]>;
  /** Throws `not_found`, also for another person's session. */
  end(caller: Caller, sessionId: string): Promise<void>;
}

type RefreshOutcome =
  | { readonly kind: "refused"; readonly reason: string }
  | {
      readonly kind: "rotated";
      readonly person: Person;
      readonly session: LiveSession;
      readonly successor: string;
    };

export function createSessions(
  context: AuthorityContext,
  parts: { readonly passwords: PasswordHasher; readonly throttle: Throttle; readonly devices: DeviceTokens },
): Sessions {
  const { store, clock, audit, grants, refusals } = context;
  const { passwords, throttle, devices } = parts;
  const cookieKey = deriveKey(context.rootSecret, "session");
  const refreshKey = deriveKey(context.rootSecret, "refresh");
  const csrfKey = deriveKey(context.rootSecret, "csrf");
  const families = createRefreshFamily({ key: refreshKey, clock, prefix: REFRESH_PREFIX });
  const now = () => new Date(clock.nowMs());
  const { root, permittedAgents, isCurrent, renewRoot, holdPerson, lockSession, endWhere } =
    createSessionRoots(context);

  async function issue(session: LiveSession): Promise<{ token: string; expiresIn: number }> {
    const grant = await grants.get(store.pool("authority"), {
      tenant: session.person.tenant,
      id: session.grant,
    });
    if (!grant) throw new DeputizeError("grant_revoked", "the session has ended; sign in again");
    // Only an API session's token may say that it is the person's own: a browser's never leaves the server, and
    // whoever finds one must not be able to decide with it [SR-05].
    const own = session.kind === "api" ? callerOf(session).session : undefined;
    return context.issue(grant, "oauth", own ? { session: own } : {});
  }

  function ownSession(caller: Caller): string {
    if (!caller.session) {
      throw new DeputizeError("first_party_session_required", "only a person's own sign-in has sessions");
    }
    return caller.session.id;
  }

  return {
    async signIn(request) {
      const account = foldEmail(request.email);
      const knownDevice = devices.read(request.device, account);
      const attempt = { source: request.source, account, ...(knownDevice !== undefined && { knownDevice }) };
      try {
        await throttle.signIn(attempt);
      } catch (error) {
        refusals.count("rate_limited", request.source);
        throw error;
      }
      const { rows } = await store.pool("authority").query<PersonRow & { hash: string | null }>(
        `SELECT ${PERSON_COLUMNS}, pw.hash FROM ${PERSON_TABLES}
         LEFT JOIN authority.passwords pw ON pw.tenant = p.tenant AND pw.principal_id = p.principal_id
         WHERE p.tenant = $1 AND p.email = $2`,
        [DEFAULT_TENANT, account],
      );
      const row = rows[0];
      const checked = await passwords.check(request.password, row?.hash ?? undefined);
      if (!row || !checked.ok || row.state !== "active") {
        refusals.count("invalid_credentials", request.source);
        // The sentence that the shop's pages have always shown.
        throw new DeputizeError("invalid_credentials", "Invalid email or password");
      }
      await throttle.signedIn(attempt);
      const person = personFromRow(row);
      const id = newId(clock);
      const secret = request.client === "browser" ? newOpaqueToken(COOKIE_PREFIX) : undefined;
      const expires = new Date(clock.nowMs() + SESSION_SECONDS * 1000);

      const begun = await store.transaction("authority", async (tx) => {
        if (checked.rehash !== undefined) {
          await tx.query(
            "UPDATE authority.passwords SET hash = $4 WHERE tenant = $1 AND principal_id = $2 AND hash = $3",
            [person.tenant, person.id, row.hash, checked.rehash],
          );
        }
        const present = await holdPerson(tx, person.tenant, person.id);
        if (present?.state !== "active") return undefined; // deactivated since we looked
        const grant = await root(tx, present, await permittedAgents(tx, present), SESSION_SECONDS);
        await tx.query(
          `INSERT INTO authority.sessions (id, tenant, principal_id, kind, grant_id, cookie_hash, user_agent,
             created_at, authenticated_at, last_used_at, expires_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $8, $9)`,
          [
            id,
            person.tenant,
            person.id,
            request.client,
            grant,
            secret === undefined ? null : opaqueTokenHash(cookieKey, secret),
            request.userAgent?.replaceAll(/[^\x20-\x7e]/g, "").slice(0, 300) ?? null,
            now(),
            expires,
          ],
        );
        const refreshToken =
          request.client === "api"
            ? await families.begin(tx, { tenant: person.tenant, id, expires })
            : undefined;
        await audit.record(tx, {
          action: "session.signed_in",
          outcome: "allowed",
          tenant: person.tenant,
          subject: person.id,
          grant,
          detail: { session: id, client: request.client },
        });
        await endWhere(
          tx,
          `s.id IN (SELECT o.id FROM authority.sessions o WHERE o.tenant = $1 AND o.principal_id = $2
             AND o.revoked_at IS NULL AND o.kind <> 'agent' ORDER BY o.created_at DESC, o.id DESC OFFSET ${SESSIONS_MAX})`,
          [person.tenant, person.id],
          "too_many_sessions",
        );
        return { session: await findSession(tx, "id", id, clock.nowMs()), refreshToken };
      });
      const session = begun?.session;
      const refreshToken = begun?.refreshToken;
      if (!session) throw new DeputizeError("invalid_credentials", "Invalid email or password");
      const access = refreshToken === undefined ? undefined : await issue(session);
      return {
        person: session.person,
        sessionId: id,
        device: devices.make(account),
        ...(access &&
          refreshToken !== undefined && {
            tokens: { accessToken: access.token, refreshToken, expiresIn: access.expiresIn },
          }),
        ...(secret !== undefined && {
          cookie: { secret, csrf: csrfToken(csrfKey, secret), maxAgeSeconds: SESSION_SECONDS },
        }),
      };
    },

    async refresh(refreshToken, source) {
      const outcome = await store.transaction("authority", async (tx): Promise<RefreshOutcome> => {
        const sessionId = await families.sessionOf(tx, refreshToken);
        if (sessionId === undefined) return { kind: "refused", reason: "unknown_refresh_token" };
        // One refresh a session at a time: the second waits here, and reads the token after the first has used it.
        const session = await lockSession(tx, sessionId);
        if (!session) return { kind: "refused", reason: "session_ended" };
        const spent = await families.spend(tx, refreshToken, {
          tenant: session.person.tenant,
          id: sessionId,
        });
        if (spent.kind === "ended") return { kind: "refused", reason: "session_ended" };
        if (spent.kind === "reused") {
          await endWhere(tx, "s.id = $1", [sessionId], "refresh_reused");
          return { kind: "refused", reason: "refresh_reused" };
        }
        const { successor } = spent;
        const current = await renewRoot(tx, session);
        if (!current) return { kind: "refused", reason: "session_ended" };
        await tx.query("UPDATE authority.sessions SET last_used_at = $2 WHERE id = $1", [sessionId, now()]);
        return { kind: "rotated", person: current.person, session: current, successor };
      });
      if (outcome.kind === "refused") {
        refusals.count(outcome.reason, source);
        throw new DeputizeError("invalid_token", "the refresh token is not valid any more; sign in again");
      }
      const access = await issue(outcome.session);
      return {
        person: outcome.person,
        tokens: { accessToken: access.token, refreshToken: outcome.successor, expiresIn: access.expiresIn },
      };
    },

    async authenticate(request) {
      const secret = readCookie(request, SESSION_COOKIE);
      if (secret === undefined) return undefined;
      const pool = store.pool("authority");
      let session = await findSession(pool, "cookie", opaqueTokenHash(cookieKey, secret), clock.nowMs());
      if (session && !isCurrent(session)) {
        const { id } = session;
        session = await store.transaction("authority", async (tx) => {
          const locked = await lockSession(tx, id);
          return locked && renewRoot(tx, locked);
        });
      }
      if (!session) throw new DeputizeError("unauthenticated", "the session has ended; sign in again");
      assertCsrf(csrfKey, request, secret);
      if (clock.nowMs() - session.lastUsedAt > LAST_USED_STEP_MS) {
        await pool.query("UPDATE authority.sessions SET last_used_at = $2 WHERE id = $1", [
          session.id,
          now(),
        ]);
      }
      return rememberFirstParty(callerOf(session));
    },

    csrfOf(request) {
      const secret = readCookie(request, SESSION_COOKIE);
      return secret === undefined ? undefined : csrfToken(csrfKey, secret);
    },

    async accessToken(caller) {
      const session = await findSession(store.pool("authority"), "id", ownSession(caller), clock.nowMs());
      if (!session) throw new DeputizeError("unauthenticated", "the session has ended; sign in again");
      return issue(session);
    },

    signOut: (caller) =>
      store.transaction("authority", async (tx) => {
        await endWhere(tx, "s.id = $1", [ownSession(caller)], "signed_out");
      }),

    signOutByRefreshToken: (refreshToken) =>
      store.transaction("authority", async (tx) => {
        const hash = opaqueTokenHash(refreshKey, refreshToken);
        await endWhere(
          tx,
          "s.id = (SELECT t.session_id FROM authority.refresh_tokens t WHERE t.token_hash = $1)",
          [hash],
          "signed_out",
        );
      }),

    async signOutByCookie(request) {
      const secret = readCookie(request, SESSION_COOKIE);
      if (secret === undefined) return;
      await store.transaction("authority", (tx) =>
        endWhere(tx, "s.cookie_hash = $1", [opaqueTokenHash(cookieKey, secret)], "signed_in_anew"),
      );
    },

    signOutEverywhere: (caller) =>
      store.transaction("authority", async (tx) => {
        ownSession(caller);
        await endWhere(
          tx,
          "s.tenant = $1 AND s.principal_id = $2 AND s.kind IN ('browser', 'api')",
          [caller.tenant, caller.subject],
          "signed_out_everywhere",
        );
      }),

    async list(caller) {
      const current = ownSession(caller);
      const { rows } = await store.pool("authority").query<{
        id: string;
        user_agent: string | null;
        created_at: Date;
        last_used_at: Date;
      }>(
        `SELECT id, user_agent, created_at, last_used_at FROM authority.sessions
         WHERE tenant = $1 AND principal_id = $2 AND kind IN ('browser', 'api') AND revoked_at IS NULL AND expires_at > $3
         ORDER BY last_used_at DESC, id DESC`,
        [caller.tenant, caller.subject, now()],
      );
      return rows.map((row) => ({
        id: row.id,
        user_agent: row.user_agent ?? "",
        created: row.created_at.toISOString(),
        last_used: row.last_used_at.toISOString(),
        current: row.id === current,
      }));
    },

    async end(caller, sessionId) {
      ownSession(caller);
      const ended = !isUuid(sessionId)
        ? 0
        : await store.transaction("authority", (tx) =>
            endWhere(
              tx,
              "s.id = $1 AND s.tenant = $2 AND s.principal_id = $3 AND s.kind IN ('browser', 'api')",
              [sessionId, caller.tenant, caller.subject],
              "ended_by_person",
            ),
          );
      if (ended === 0) throw new DeputizeError("not_found", "no such session");
    },
  };
}
