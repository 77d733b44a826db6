/** Sessions over a table of users, in a real database, with changes that it pushes. */
import { createSecretKey } from "node:crypto";
import { SignJWT } from "jose";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { randomHex } from "@deputize/core";
import type { Queryable } from "@deputize/store";
import { type TestStore, openTestStore } from "@deputize/store/testing";
import { type AuthenticatorChain, authenticatorChain } from "./chain.ts";
import { type DatabaseOptions, databaseAuthenticator, notifiedChanges, sqlUsers } from "./database.ts";
import { bearing } from "./provider.fixture.ts";

const SECRET = randomHex(32);
const USERS = `SELECT active, locked_until, token_version, username, email, roles, scopes FROM app_users.users WHERE id = $1`;
let store: TestStore;
let reads: number;
let pool: Queryable;
let fail = false;

beforeAll(async () => {
  store = await openTestStore([]);
  await store.ownerQuery("CREATE SCHEMA app_users");
  await store.ownerQuery(
    `CREATE TABLE app_users.users (id text PRIMARY KEY, active boolean NOT NULL, locked_until timestamptz, token_version integer NOT NULL,
       username text, email text, roles text[] NOT NULL, scopes text[] NOT NULL)`,
  );
  await store.ownerQuery(
    `CREATE FUNCTION app_users.changed() RETURNS trigger LANGUAGE plpgsql AS $$
     BEGIN PERFORM pg_notify('app_users', coalesce(new.id, old.id)); RETURN NULL; END $$`,
  );
  await store.ownerQuery(
    "CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON app_users.users FOR EACH ROW EXECUTE FUNCTION app_users.changed()",
  );
  pool = {
    query: (text, params) => {
      reads += 1;
      return fail
        ? Promise.reject(new Error("connection to db.internal lost"))
        : store.ownerQuery(text, params);
    },
  };
});
afterAll(() => store?.close());
beforeEach(async () => {
  reads = 0;
  fail = false;
  await store.ownerQuery("DELETE FROM app_users.users");
  await store.ownerQuery(
    `INSERT INTO app_users.users VALUES ('ada', true, NULL, 3, 'ada_l', 'ada@example.com', '{editor}', '{graph:invoke}'),
       ('inactive', false, NULL, 3, 'i', NULL, '{}', '{}'), ('locked', true, now() + interval '1 hour', 3, 'l', NULL, '{}', '{}'),
       ('was-locked', true, now() - interval '1 hour', 3, 'w', NULL, '{}', '{}')`,
  );
});

const tokenOf = (user_id: string, claims: object = {}, secret = SECRET) =>
  new SignJWT({ user_id, token_version: 3, roles: ["admin"], ...claims })
    .setProtectedHeader({ alg: "HS256", typ: "JWT", kid: "2026" })
    .setExpirationTime("10m")
    .sign(createSecretKey(secret, "utf8"));
const chainOf = (options: Partial<DatabaseOptions> = {}) =>
  authenticatorChain([
    databaseAuthenticator({
      tokens: { secret: [{ secret: SECRET, kid: "2026" }] },
      users: sqlUsers(pool, USERS),
      ...options,
    }),
  ]);
const answer = async (chain: AuthenticatorChain, token: string) => {
  const outcome = await chain.authenticate(bearing(token));
  return outcome.ok ? outcome.identity.userId : outcome.code;
};

describe("[AF-F11] a session over a table of users", () => {
  it("is that of the table: roles, scopes and name come from there", async () => {
    const outcome = await chainOf().authenticate(bearing(await tokenOf("ada")));
    expect(outcome).toMatchObject({
      ok: true,
      identity: {
        userId: "ada",
        username: "ada_l",
        email: "ada@example.com",
        roles: ["editor"],
        scopes: ["graph:invoke"],
      },
    });
  });

  it.each<[string, string, object]>([
    ["is unknown", "nobody", {}],
    ["is not active", "inactive", {}],
    ["is locked", "locked", {}],
    ["has signed out everywhere", "ada", { token_version: 2 }],
    ["has no version", "ada", { token_version: undefined }],
    ["has a version of text", "ada", { token_version: "3" }],
  ])("of a user who %s gets one answer, after one read, each time", async (_what, user, claims) => {
    const chain = chainOf();
    const token = await tokenOf(user, claims);
    for (const read of [1, 2, 3]) {
      expect(await answer(chain, token)).toBe("REVOKED_TOKEN");
      expect(reads).toBe(read);
    }
  });

  it("is let in again after a lock has ended", async () => {
    expect(await answer(chainOf(), await tokenOf("was-locked"))).toBe("was-locked");
  });

  it("reads no table for a token that nobody signed, or under another name of the key", async () => {
    const chain = chainOf();
    expect(await answer(chain, await tokenOf("ada", {}, randomHex(32)))).toBe("INVALID_TOKEN");
    const renamed = chainOf({ tokens: { secret: [{ secret: SECRET, kid: "2027" }] } });
    expect(await answer(renamed, await tokenOf("ada"))).toBe("INVALID_TOKEN");
    expect(reads).toBe(0);
  });

  it("is refused with 503 and nothing of the cause while the table cannot be read", async () => {
    fail = true;
    const outcome = await chainOf().authenticate(bearing(await tokenOf("ada")));
    expect(outcome).toMatchObject({ ok: false, code: "AUTH_UNAVAILABLE" });
    expect(JSON.stringify(outcome)).not.toContain("db.internal");
  });

  it("reads each time where no changes are pushed", async () => {
    const chain = chainOf();
    const token = await tokenOf("ada");
    for (const read of [1, 2]) {
      expect(await answer(chain, token)).toBe("ada");
      expect(reads).toBe(read);
    }
    expect(() => chainOf({ cacheSeconds: 6 })).toThrow(/0 to 5/);
  });

  it("is kept for a moment, and ends with the change that the database pushes", async () => {
    const changed: string[] = [];
    const feed = notifiedChanges(store, "app_users");
    const chain = chainOf({
      changes: (onChange) =>
        feed((userId) => {
          changed.push(userId);
          onChange(userId);
        }),
    });
    const token = await tokenOf("ada");
    const until = async (holds: () => boolean | Promise<boolean>) => {
      while (!(await holds())) await new Promise((done) => setTimeout(done, 10));
    };
    // Kept once it listens.
    await until(async () => {
      const before = reads;
      return (await answer(chain, token)) === "ada" && reads === before;
    });
    await store.ownerQuery("UPDATE app_users.users SET active = false WHERE id = 'ada'");
    await until(() => changed.includes("ada"));
    expect(await answer(chain, token)).toBe("REVOKED_TOKEN");
    await chain.close();
  });

  it("with a new version is taken at once, whatever is kept of the old one", async () => {
    let listening = false;
    const chain = chainOf({
      changes: async () => {
        listening = true;
        return async () => {};
      },
    });
    const old = await tokenOf("ada");
    await answer(chain, old);
    expect(listening).toBe(true);
    await answer(chain, old);
    // The push is lost: what is kept says 3.
    await store.ownerQuery("UPDATE app_users.users SET token_version = 4 WHERE id = 'ada'");
    expect(await answer(chain, await tokenOf("ada", { token_version: 4 }))).toBe("ada");
    expect(await answer(chain, old)).toBe("REVOKED_TOKEN");
  });
});
