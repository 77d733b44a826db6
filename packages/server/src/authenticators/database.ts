/**
 * Sessions over one's own table of users: a signed token says who, the table says whether, and with which roles.
 *
 * Guarantees: everything of jwt.ts; the user is read through a pool, is active and not locked, and has the token's version, so that raising it ends
 * all their tokens; roles and scopes come from the table and never from the token. What is kept is kept for five seconds at most and
 * forgotten when a change is pushed; nothing is kept where no changes are. A user who is unknown, inactive, locked or
 * signed out costs one read and gets one answer, so that neither time nor words tell which it is.
 */
import { type Clock, DeputizeError, systemClock } from "@deputize/core";
import { claimAt } from "@deputize/mcp/auth";
import type { Queryable, Store } from "@deputize/store";
import { z } from "zod";
import { type Authenticator, rejected } from "./authenticator.ts";
import { type JwtOptions, jwtAuthenticator } from "./jwt.ts";
import { shortCache } from "./short-cache.ts";

const words = z.array(z.string().min(1).max(256)).max(256);
const UserRow = z.object({
  active: z.boolean(),
  /** Absent, null or past: not locked. */
  locked_until: z.date().nullish(),
  token_version: z.number().int(),
  username: z.string().nullish(),
  email: z.string().nullish(),
  tenant: z.string().nullish(),
  roles: words.nullish(),
  scopes: words.nullish(),
});
type UserState = z.output<typeof UserRow>;
/** A user as the table has them. */
export type DatabaseUser = z.input<typeof UserRow>;

/** Looks a user up by the id that the token names. Throwing refuses with 503. */
export type UserLookup = (userId: string, signal: AbortSignal) => Promise<DatabaseUser | undefined>;

/** Tells of changes: of one user by id, or of any by an empty text. Answers how to stop. */
export type UserChanges = (onChange: (userId: string) => void) => Promise<() => Promise<void>>;

export interface DatabaseOptions {
  /** `database` unless told. */
  readonly name?: string;
  /** How tokens are checked: the options of `jwtAuthenticator`. They carry `token_version`. */
  readonly tokens: JwtOptions;
  readonly users: UserLookup;
  /** Without it every request reads the table. */
  readonly changes?: UserChanges;
  /** 0 to 5 seconds; 5 unless told. */
  readonly cacheSeconds?: number;
  readonly clock?: Clock;
}

const MOST_SECONDS = 5;
const SIZE = 10_000;

/** An authenticator over tokens and a table. Throws `config_invalid`. */
export function databaseAuthenticator(options: DatabaseOptions): Authenticator {
  const { name = "database", users, changes, cacheSeconds = MOST_SECONDS, clock = systemClock } = options;
  if (!(cacheSeconds >= 0 && cacheSeconds <= MOST_SECONDS))
    throw new DeputizeError("config_invalid", `${name}: \`cacheSeconds\` may be 0 to ${MOST_SECONDS}`);
  const tokens = jwtAuthenticator({ clock, ...options.tokens, name });
  const cache = shortCache<UserState | undefined>({ size: SIZE, clock });
  let stop: Promise<() => Promise<void>> | undefined;
  let listening = false;
  let closed = false;

  function listen(): void {
    if (!changes || stop || closed) return;
    stop = changes((userId) => (userId === "" ? cache.clear() : cache.forget(userId)));
    stop.then(
      () => {
        listening = true;
      },
      () => {
        // Asked again by the next request; until then nothing is kept.
        stop = undefined;
      },
    );
  }

  async function look(userId: string, signal: AbortSignal) {
    try {
      const row = await users(userId, signal);
      return row && UserRow.parse(row);
    } catch (cause) {
      throw new DeputizeError("unavailable", "the users cannot be read", { cause, retryAfterSeconds: 1 });
    }
  }

  return {
    name,
    authenticate: async (request, signal) => {
      listen();
      const outcome = await tokens.authenticate(request, signal);
      if (!outcome.ok) return outcome;
      const { identity } = outcome;
      const until = (one: unknown) =>
        one !== undefined && listening ? clock.monotonicMs() + cacheSeconds * 1000 : 0;
      const stands = (row: UserState | undefined): row is UserState =>
        row?.active === true &&
        (row.locked_until?.getTime() ?? 0) <= clock.nowMs() &&
        row.token_version === claimAt(identity.claims, ["token_version"], z.unknown());
      let read = false;
      const ask = () => {
        read = true;
        return look(identity.userId, signal);
      };
      let user = await cache.get(identity.userId, ask, until);
      if (!stands(user) && !read) {
        // It may have been kept from before; and whoever is refused costs a read.
        cache.forget(identity.userId);
        user = await cache.get(identity.userId, ask, until);
      }
      if (!stands(user)) {
        cache.forget(identity.userId);
        return rejected("REVOKED_TOKEN", "the user does not stand, or the token is of another version");
      }
      return {
        ok: true,
        identity: {
          ...identity,
          roles: user.roles ?? [],
          scopes: user.scopes ?? [],
          tenantId: user.tenant ?? undefined,
          username: user.username ?? undefined,
          email: user.email ?? undefined,
        },
      };
    },
    close: async () => {
      closed = true;
      listening = false;
      const end = await stop?.catch(() => undefined);
      await end?.();
    },
  };
}

/**
 * A lookup by one statement through a pool, which gets the user's id as `$1` and answers `active`, `token_version`, and where there are such
 * `locked_until`, `username`, `email`, `tenant`, `roles` (text[]), `scopes` (text[]).
 */
export function sqlUsers(pool: Queryable, statement: string): UserLookup {
  return async (userId) => (await pool.query<DatabaseUser>(statement, [userId])).rows[0];
}

/** Changes that the database notifies of: `NOTIFY <channel>, '<user id>'`, such as from a trigger. */
export function notifiedChanges(store: Pick<Store, "listen">, channel: string): UserChanges {
  return (onChange) => store.listen(channel, onChange);
}
