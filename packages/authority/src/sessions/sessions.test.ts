import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { AUDIENCE, WHO } from "../testing/test-core.ts";
import {
  PEOPLE,
  type TestAuthority,
  type Visitor,
  idOf,
  openTestAuthority,
} from "../testing/test-authority.ts";
import { SESSION_SECONDS } from "./sessions.ts";

let world: TestAuthority;
let sources = 0;
const source = () => `198.51.101.${(sources += 1)}`;
const by = { actor: idOf("ada"), tenant: "default" };

beforeAll(async () => {
  world = await openTestAuthority();
});
afterAll(() => world.close());
beforeEach(() => {
  world.events.length = 0;
});

const refresh = (guest: Visitor, token = guest.refreshToken) =>
  guest.send("POST", "/api/auth/refresh", { refresh_token: token }, {});

/** A visitor that holds no credential but what it sends. */
const stranger = () => world.visitor({ source: source() });

describe("refreshing", () => {
  it("rotates: a new access token and a new refresh token, and each works once", async () => {
    const guest = await world.signIn("alice", "api", source());
    const first = await refresh(stranger(), guest.refreshToken);
    expect(first.status).toBe(200);
    expect(first.body["refresh_token"]).not.toBe(guest.refreshToken);
    const second = await refresh(stranger(), first.body["refresh_token"]);
    expect(second.status).toBe(200);
    expect(second.body["user"]).toMatchObject({ email: PEOPLE.alice.email });
  });

  it("answers a retry within ten seconds with the same unused successor, also of two tabs at once [SR-25]", async () => {
    const guest = await world.signIn("alice", "api", source());
    const both = await Promise.all([
      refresh(stranger(), guest.refreshToken),
      refresh(stranger(), guest.refreshToken),
    ]);
    expect(both.map((reply) => reply.status)).toEqual([200, 200]);
    expect(both[0]?.body["refresh_token"]).toBe(both[1]?.body["refresh_token"]);
    world.clock.advance(9_000);
    const retried = await refresh(stranger(), guest.refreshToken);
    expect(retried.body["refresh_token"]).toBe(both[0]?.body["refresh_token"]);
    expect((await refresh(stranger(), retried.body["refresh_token"])).status).toBe(200);
  });

  it("ends the whole family when a used token comes back later [SH-D03] [SR-25]", async () => {
    const guest = await world.signIn("alice", "api", source());
    const next = await refresh(stranger(), guest.refreshToken);
    world.clock.advance(11_000);
    expect((await refresh(stranger(), guest.refreshToken)).status).toBe(401);
    expect((await refresh(stranger(), next.body["refresh_token"])).status).toBe(401);
    const left = world.visitor();
    left.token = next.body["access_token"];
    expect((await left.send("GET", "/api/sessions")).status).toBe(401);
    expect(world.events.find((event) => event.action === "session.ended")?.detail).toMatchObject({
      reason: "refresh_reused",
    });
  });

  it("ends the family when a used token comes back within ten seconds but its successor was used [SR-25]", async () => {
    const guest = await world.signIn("alice", "api", source());
    const next = await refresh(stranger(), guest.refreshToken);
    expect((await refresh(stranger(), next.body["refresh_token"])).status).toBe(200);
    expect((await refresh(stranger(), guest.refreshToken)).status).toBe(401);
    expect((await refresh(stranger(), next.body["refresh_token"])).status).toBe(401);
  });

  it("refuses unknown tokens, access tokens as refresh tokens, and refresh tokens as access tokens [SH-D15]", async () => {
    const guest = await world.signIn("alice", "api", source());
    expect((await refresh(stranger(), "drt_nothing")).status).toBe(401);
    expect((await stranger().send("POST", "/api/auth/refresh", { refresh_token: "" })).status).toBe(422);
    expect((await refresh(stranger(), guest.token?.slice(0, 190))).status).toBe(401);
    const swapped = world.visitor();
    swapped.token = guest.refreshToken;
    expect((await swapped.send("GET", "/api/sessions")).status).toBe(401);
  });

  it("ends with the session, seven days after sign-in", async () => {
    const guest = await world.signIn("alice", "api", source());
    const page = await world.signIn("alice", "browser", source());
    world.clock.advance(SESSION_SECONDS * 1000 - 60_000);
    expect((await refresh(stranger(), guest.refreshToken)).status).toBe(200);
    const last = await refresh(
      stranger(),
      (await refresh(stranger(), guest.refreshToken)).body["refresh_token"],
    );
    expect(last.body["expires_in"]).toBeLessThanOrEqual(60);
    expect((await page.send("GET", "/api/sessions")).status).toBe(200);
    world.clock.advance(60_000);
    expect((await refresh(stranger(), last.body["refresh_token"])).status).toBe(401);
    expect((await page.send("GET", "/api/sessions")).status).toBe(401);
  });
});

describe("a session of the page", () => {
  it("refuses a write without the CSRF token, with another session's, and from another origin", async () => {
    const guest = await world.signIn("alice", "browser", source());
    const other = await world.signIn("alice", "browser", source());
    const path = "/api/auth/logout";
    const send = (headers: Record<string, string>) => guest.send("POST", path, undefined, headers);
    expect((await send({ "x-csrf-token": "" })).body["code"]).toBe("csrf_failed");
    expect((await send({ "x-csrf-token": other.cookies.get("deputize_csrf") ?? "" })).status).toBe(403);
    expect((await send({ origin: "https://evil.example" })).status).toBe(403);
    expect((await send({ "sec-fetch-site": "cross-site" })).status).toBe(403);
    expect((await guest.send("GET", "/api/sessions")).status).toBe(200);
    expect((await send({ origin: "http://localhost:3000", "sec-fetch-site": "same-origin" })).status).toBe(
      204,
    );
  });

  it("is refused beside a bearer token [SR-26]", async () => {
    const guest = await world.signIn("alice", "browser", source());
    const api = await world.signIn("alice", "api", source());
    const reply = await guest.send("GET", "/api/sessions", undefined, {
      authorization: `Bearer ${api.token}`,
    });
    expect(reply.status).toBe(400);
    // Also where no middleware stands before the authenticator.
    const request = new Request("http://localhost:3000/api/x", {
      headers: { cookie: "deputize_session=a", authorization: `Bearer ${api.token}` },
    });
    await expect(world.authenticate(request)).rejects.toMatchObject({ code: "invalid_request" });
  });

  it("says who is signed in, and that nobody is, and forgets a stale cookie", async () => {
    const guest = await world.signIn("alice", "browser", source());
    const csrf = guest.cookies.get("deputize_csrf");
    expect((await guest.send("GET", "/api/auth/session")).body).toEqual({
      user: { id: idOf("alice"), email: PEOPLE.alice.email, name: "Alice", role: "customer" },
      csrf_token: csrf,
    });
    const copy = new Map(guest.cookies);
    await guest.send("POST", "/api/auth/logout");
    expect(guest.cookies.has("deputize_session")).toBe(false);
    for (const [name, value] of copy) guest.cookies.set(name, value);
    expect((await guest.send("GET", "/api/auth/session")).body).toEqual({ user: null });
    expect(guest.cookies.has("deputize_session")).toBe(false);
    expect((await stranger().send("GET", "/api/auth/session")).body).toEqual({ user: null });
  });

  it("renews by its cookie, without a token in the answer", async () => {
    const guest = await world.signIn("alice", "browser", source());
    const reply = await guest.send("POST", "/api/auth/refresh");
    expect(reply.status).toBe(200);
    expect(Object.keys(reply.body).toSorted()).toEqual(["csrf_token", "user"]);
  });

  it("ends the browser's earlier session when it signs in anew", async () => {
    const guest = await world.signIn("alice", "browser", source());
    const before = new Map(guest.cookies);
    const { email, password } = PEOPLE.alice;
    await guest.send("POST", "/api/auth/login", { email, password }, { "x-deputize-client": "browser" });
    expect(guest.cookies.get("deputize_session")).not.toBe(before.get("deputize_session"));
    const old = world.visitor();
    for (const [name, value] of before) old.cookies.set(name, value);
    expect((await old.send("GET", "/api/sessions")).status).toBe(401);
    expect((await guest.send("GET", "/api/sessions")).status).toBe(200);
  });

  it("gives the server a token for its own exchange, which as bearer is no session of a person [SR-05]", async () => {
    const guest = await world.signIn("alice", "browser", source());
    const caller = await world.callerOf(guest);
    const { token } = await world.sessions.accessToken(caller);
    const thief = world.visitor();
    thief.token = token;
    const seen = await world.callerOf(thief);
    expect(seen.session).toBeUndefined();
    expect((await thief.send("GET", "/api/sessions")).status).toBe(403);
  });
});

describe("signing out", () => {
  it("ends the session's grant with its subtree, so that every token made from it is refused at once [SH-D03]", async () => {
    const guest = await world.signIn("alice", "api", source());
    const deputy = await world.deputyOf(guest);
    expect(await world.tokens.stands(deputy.token)).toBeDefined();
    expect(
      (await stranger().send("POST", "/api/auth/logout", { refresh_token: guest.refreshToken })).status,
    ).toBe(204);
    expect(await world.tokens.stands(deputy.token)).toBeUndefined();
    expect((await guest.send("GET", "/api/sessions")).status).toBe(401);
    expect((await refresh(stranger(), guest.refreshToken)).status).toBe(401);
    // Again, and with a token nobody has: done already.
    expect(
      (await stranger().send("POST", "/api/auth/logout", { refresh_token: guest.refreshToken })).status,
    ).toBe(204);
    expect((await stranger().send("POST", "/api/auth/logout", { refresh_token: "drt_x" })).status).toBe(204);
  });

  it("ends all of a person's sessions and nobody else's", async () => {
    const [one, two, bob] = [
      await world.signIn("sue", "browser", source()),
      await world.signIn("sue", "api", source()),
      await world.signIn("bob", "api", source()),
    ];
    expect((await one.send("POST", "/api/auth/logout-all")).status).toBe(204);
    expect((await two.send("GET", "/api/sessions")).status).toBe(401);
    expect((await bob.send("GET", "/api/sessions")).status).toBe(200);
  });

  it("lists the person's own sessions, marks the current one, and ends one; another's is not there", async () => {
    const one = await world.signIn("bob", "browser", source());
    const two = await world.signIn("bob", "api", source());
    const list = (await one.send("GET", "/api/sessions")).body["sessions"] as {
      id: string;
      current: boolean;
    }[];
    expect(list.filter((session) => session.current)).toHaveLength(1);
    const twoId = (await world.callerOf(two)).session?.id ?? "";
    expect(list.some((session) => session.id === twoId)).toBe(true);
    const alice = await world.signIn("alice", "browser", source());
    expect((await alice.send("DELETE", `/api/sessions/${twoId}`)).status).toBe(404);
    expect((await alice.send("DELETE", "/api/sessions/nonsense")).status).toBe(404);
    expect((await one.send("DELETE", `/api/sessions/${twoId}`)).status).toBe(204);
    expect((await two.send("GET", "/api/sessions")).status).toBe(401);
    expect((await one.send("DELETE", `/api/sessions/${twoId}`)).status).toBe(404);
  });

  it("ends when its root grant is revoked by any other way", async () => {
    const guest = await world.signIn("alice", "browser", source());
    const root = (await world.callerOf(guest)).grants[0];
    if (!root) throw new Error("no grant");
    await world.store.transaction("authority", (tx) =>
      world.grants.revoke(tx, { tenant: "default", id: root }, "operator"),
    );
    expect((await guest.send("GET", "/api/sessions")).status).toBe(401);
  });
});

describe("the person's present state", () => {
  it("ends tokens, sessions and refresh of a deactivated person with the same commit [SH-D04]", async () => {
    const page = await world.signIn("bob", "browser", source());
    const api = await world.signIn("bob", "api", source());
    await world.people.deactivate(idOf("bob"), by);
    expect((await page.send("GET", "/api/sessions")).status).toBe(401);
    expect((await api.send("GET", "/api/sessions")).status).toBe(401);
    expect((await refresh(stranger(), api.refreshToken)).status).toBe(401);
    await world.people.reactivate(idOf("bob"), by);
    expect((await page.send("GET", "/api/sessions")).status).toBe(401);
    expect((await refresh(stranger(), api.refreshToken)).status).toBe(401);
    expect((await world.signIn("bob", "api", source())).token).toBeDefined();
  });

  it("ends every token of the old role, and the next refresh and page have the new one [SH-D04] [SH-D15] [SR-12]", async () => {
    const page = await world.signIn("max", "browser", source());
    const api = await world.signIn("max", "api", source());
    expect((await world.callerOf(page)).scopes).toContain("read:usage:*");
    await world.people.changeRole(idOf("max"), "customer", by);
    expect((await api.send("GET", "/api/sessions")).status).toBe(401);
    expect(await world.callerOf(page)).toMatchObject({ roles: ["customer"] });
    expect((await world.callerOf(page)).scopes).not.toContain("read:usage:*");
    const renewed = await refresh(stranger(), api.refreshToken);
    expect(renewed.body["user"]).toMatchObject({ role: "customer" });
    api.token = renewed.body["access_token"];
    expect((await world.callerOf(api)).roles).toEqual(["customer"]);
    expect((await world.callerOf(api)).scopes).not.toContain("open:cases:*");
    await world.people.changeRole(idOf("max"), "admin", by);
  });

  it("holds the permissions of the moment: a new one from the next request of the page, a lost one no longer", async () => {
    const page = await world.signIn("bob", "browser", source());
    expect((await world.callerOf(page)).scopes).not.toContain("use:agents:customer-support");
    await world.permissions.grant({ person: idOf("bob"), agent: WHO.support, grantedBy: idOf("ada") });
    expect((await world.callerOf(page)).scopes).toContain("use:agents:customer-support");
    await world.permissions.revoke({ person: idOf("bob"), agent: WHO.support, revokedBy: idOf("ada") });
    expect((await world.callerOf(page)).scopes).not.toContain("use:agents:customer-support");
  });
});

describe("the sessions' root grants", () => {
  it("have the person as subject and actor, the API as audience, and the role's scopes", async () => {
    const guest = await world.signIn("alice", "api", source());
    const caller = await world.callerOf(guest);
    expect(caller).toMatchObject({
      subject: idOf("alice"),
      actors: [],
      roles: ["customer"],
      subjectKind: "user",
      session: { id: expect.any(String), authenticatedAt: expect.any(Number) },
    });
    expect(caller.token?.audience).toEqual([AUDIENCE.api]);
    expect(caller.scopes).toEqual([
      "read:orders:*",
      "cancel:orders:*",
      "read:profile:*",
      "use:agents:customer-support",
      "use:agents:order-management",
    ]);
  });

  it("are bounded in number: the oldest session ends when there are more than fifty", async () => {
    const request = { email: PEOPLE.sue.email, password: PEOPLE.sue.password, client: "browser" as const };
    const first = await world.sessions.signIn({ ...request, source: source() });
    const { rows } = await world.store.ownerQuery<{ n: number }>(
      "SELECT count(*)::int AS n FROM authority.sessions WHERE principal_id = $1 AND revoked_at IS NULL",
      [idOf("sue")],
    );
    for (let i = rows[0]?.n ?? 0; i <= 50; i += 1) {
      world.clock.advance(1);
      await world.sessions.signIn({ ...request, source: source() });
    }
    const ended = await world.store.ownerQuery(
      "SELECT 1 FROM authority.sessions WHERE id = $1 AND revoked_at IS NOT NULL",
      [first.sessionId],
    );
    expect(ended.rows).toHaveLength(1);
  });
});
