import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { PEOPLE, type TestAuthority, idOf, openTestAuthority } from "../testing/test-authority.ts";

let world: TestAuthority;
let sources = 0;
/** A source of its own, so that one test's failures are not another's. */
const source = () => `198.51.100.${(sources += 1)}`;

beforeAll(async () => {
  world = await openTestAuthority();
});
afterAll(() => world.close());
beforeEach(() => {
  world.events.length = 0;
});

const { email, password } = PEOPLE.alice;
const login = "/api/auth/login";

describe("signing in", () => {
  it("answers an API client with an access token of 60 minutes, a refresh token and the user", async () => {
    const reply = await world.visitor({ source: source() }).send("POST", login, { email, password });
    expect(reply.status).toBe(200);
    expect(reply.body).toEqual({
      access_token: expect.stringMatching(/^ey/),
      refresh_token: expect.stringMatching(/^drt_/),
      token_type: "Bearer",
      expires_in: 3600,
      user: { id: idOf("alice"), email, name: "Alice", role: "customer" },
    });
    expect(reply.headers.get("set-cookie")).toBeNull();
    expect(reply.headers.get("cache-control")).toBe("no-store");
  });

  it("gives a browser cookies that no script can read, and no token [SH-D10]", async () => {
    const guest = world.visitor({ source: source() });
    const reply = await guest.send("POST", login, { email, password }, { "x-deputize-client": "browser" });
    expect(Object.keys(reply.body).toSorted()).toEqual(["csrf_token", "user"]);
    const cookies = reply.headers.getSetCookie();
    const session = cookies.find((line) => line.startsWith("deputize_session="));
    expect(session).toMatch(/HttpOnly/);
    expect(session).toMatch(/SameSite=Lax/);
    expect(session).not.toMatch(/Secure/); // the test's public URL is http
    expect(cookies.find((line) => line.startsWith("deputize_csrf="))).not.toMatch(/HttpOnly/);
    expect(JSON.stringify(reply.body)).not.toContain("eyJ");
  });

  it("takes the address in any case", async () => {
    const reply = await world
      .visitor({ source: source() })
      .send("POST", login, { email: ` ${email.toUpperCase()}`, password });
    expect(reply.status).toBe(200);
  });

  it("answers and works alike for a wrong password, an unknown address and a deactivated account [SH-D06]", async () => {
    await world.people.deactivate(idOf("sue"), { actor: idOf("ada"), tenant: "default" });
    const attempts = [
      { email, password: "not it" },
      { email: "nobody@example.com", password: "not it" },
      { email: "not an address", password: "not it" },
      { email: PEOPLE.sue.email, password: PEOPLE.sue.password },
    ];
    const seen = [];
    for (const attempt of attempts) {
      const before = world.work.checked;
      const reply = await world.visitor({ source: source() }).send("POST", login, attempt);
      seen.push({
        status: reply.status,
        body: { ...reply.body, request_id: "" },
        challenge: reply.headers.get("www-authenticate"),
        verifications: world.work.checked - before,
      });
    }
    for (const one of seen) expect(one).toEqual(seen[0]);
    expect(seen[0]).toMatchObject({
      status: 401,
      verifications: 1,
      body: { code: "invalid_credentials", detail: "Invalid email or password" },
    });
    await world.people.reactivate(idOf("sue"), { actor: idOf("ada"), tenant: "default" });
  });

  it("refuses fields that it does not know, and empty passwords", async () => {
    const guest = world.visitor({ source: source() });
    expect((await guest.send("POST", login, { email, password, role: "admin" })).status).toBe(422);
    expect((await guest.send("POST", login, { email, password: "" })).status).toBe(422);
  });

  it("stores neither cookie nor refresh token, and remakes a hash of weaker parameters", async () => {
    const weak = `$argon2id$v=19$m=4096,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$${Buffer.from(password).toString("base64").replaceAll("=", "").padEnd(43, "A")}`;
    await world.store.ownerQuery("UPDATE authority.passwords SET hash = $1 WHERE principal_id = $2", [
      weak,
      idOf("alice"),
    ]);
    const guest = await world.signIn("alice", "browser", source());
    const api = await world.signIn("alice", "api", source());
    const { rows } = await world.store.ownerQuery<{ hash: string }>(
      "SELECT hash FROM authority.passwords WHERE principal_id = $1",
      [idOf("alice")],
    );
    expect(rows[0]?.hash).toContain("m=19456,t=2,p=1");
    const dump = JSON.stringify([
      (
        await world.store.ownerQuery(
          "SELECT encode(cookie_hash, 'escape') AS h, s.* FROM authority.sessions s",
        )
      ).rows,
      (
        await world.store.ownerQuery(
          "SELECT encode(token_hash, 'escape') AS h, t.* FROM authority.refresh_tokens t",
        )
      ).rows,
    ]);
    expect(dump).not.toContain(guest.cookies.get("deputize_session"));
    expect(dump).not.toContain(api.refreshToken);
  });

  it("logs who signed in, and counts refusals without an entry each [SR-19]", async () => {
    const guest = world.visitor({ source: source() });
    for (let i = 0; i < 4; i += 1) await guest.send("POST", login, { email, password: "not it" });
    expect(world.events).toEqual([]);
    await guest.send("POST", login, { email, password });
    expect(world.events.map((event) => event.action)).toEqual(["grant.created", "session.signed_in"]);
    expect(world.events[1]).toMatchObject({ subject: idOf("alice"), outcome: "allowed" });
    expect(JSON.stringify(world.events)).not.toContain(email);
  });
});

describe("throttling", () => {
  it("answers 429 with a time to wait from the sixth failure, before any hashing, for known and unknown accounts [SH-D06]", async () => {
    for (const account of [PEOPLE.bob.email, "unknown@example.com"]) {
      const guest = world.visitor({ source: source() });
      const statuses = [];
      for (let i = 0; i < 5; i += 1) {
        statuses.push((await guest.send("POST", login, { email: account, password: "not it" })).status);
      }
      expect(statuses).toEqual([401, 401, 401, 401, 401]);
      const before = world.work.checked;
      const sixth = await guest.send("POST", login, { email: account, password: PEOPLE.bob.password });
      expect(sixth.status).toBe(429);
      expect(Number(sixth.headers.get("retry-after"))).toBeGreaterThan(0);
      expect(world.work.checked).toBe(before);
    }
  });

  it("counts failures in a row only", async () => {
    const guest = world.visitor({ source: source() });
    for (let round = 0; round < 3; round += 1) {
      for (let i = 0; i < 4; i += 1) await guest.send("POST", login, { email, password: "not it" });
      expect((await guest.send("POST", login, { email, password })).status).toBe(200);
    }
  });

  it("does not let a stranger lock a person out: another source and a known device still sign in [SR-26]", async () => {
    const attacker = source();
    const home = source();
    const guest = world.visitor({ source: home });
    const first = await guest.send("POST", login, { email: PEOPLE.bob.email, password: PEOPLE.bob.password });
    expect(first.status).toBe(200);
    const device = first.headers.get("x-deputize-device") ?? "";
    const bad = { email: PEOPLE.bob.email, password: "not it" };
    const hostile = world.visitor({ source: attacker });
    for (let i = 0; i < 7; i += 1) await hostile.send("POST", login, bad);
    expect((await hostile.send("POST", login, bad)).status).toBe(429);
    const good = { email: PEOPLE.bob.email, password: PEOPLE.bob.password };
    expect((await guest.send("POST", login, good)).status).toBe(200);
    // Behind the attacker's own address, the person's device is told apart; a forged or foreign one is not.
    const sameAddress = world.visitor({ source: attacker });
    expect((await sameAddress.send("POST", login, good, { "x-deputize-device": device })).status).toBe(200);
    expect((await sameAddress.send("POST", login, good, { "x-deputize-device": `${device}A` })).status).toBe(
      429,
    );
    const aliceDevice = (await world.visitor({ source: home }).send("POST", login, { email, password }))
      .headers;
    const foreign = { "x-deputize-device": aliceDevice.get("x-deputize-device") ?? "" };
    expect((await sameAddress.send("POST", login, good, foreign)).status).toBe(429);
  });

  it("gives a known device ten failures, not endless ones", async () => {
    const guest = world.visitor({ source: source() });
    const device =
      (await guest.send("POST", login, { email, password })).headers.get("x-deputize-device") ?? "";
    const statuses = [];
    for (let i = 0; i < 11; i += 1) {
      const reply = await guest.send(
        "POST",
        login,
        { email, password: "not it" },
        { "x-deputize-device": device },
      );
      statuses.push(reply.status);
    }
    expect(statuses.filter((status) => status === 401)).toHaveLength(10);
    expect(statuses.at(-1)).toBe(429);
  });

  it("bounds one source to 30 tries a minute over all accounts [SH-D06]", async () => {
    const guest = world.visitor({ source: source() });
    const statuses = [];
    for (let i = 0; i < 31; i += 1) {
      statuses.push(
        (await guest.send("POST", login, { email: `guess${i}@example.com`, password: "x" })).status,
      );
    }
    expect(statuses.slice(0, 30).every((status) => status === 401)).toBe(true);
    expect(statuses[30]).toBe(429);
  });
});

describe("signing up", () => {
  const body = { email: "new@example.com", password: "a heron over the canal", name: "New" };
  const signup = "/api/auth/signup";

  it("answers the same for a new and a known address, after the same work, and changes nothing of the known one [SH-D06]", async () => {
    const replies = [];
    for (const address of ["new@example.com", PEOPLE.alice.email, PEOPLE.alice.email.toUpperCase()]) {
      const before = world.work.hashed;
      const reply = await world
        .visitor({ source: source() })
        .send("POST", signup, { ...body, email: address });
      replies.push({ status: reply.status, body: reply.body, hashed: world.work.hashed - before });
    }
    for (const reply of replies) expect(reply).toEqual({ status: 202, body: {}, hashed: 1 });
    expect((await world.visitor({ source: source() }).send("POST", login, { email, password })).status).toBe(
      200,
    );
    const taken = await world
      .visitor({ source: source() })
      .send("POST", login, { email, password: body.password });
    expect(taken.status).toBe(401);
  });

  it("makes a customer, whatever the body says [SH-D15]", async () => {
    const guest = world.visitor({ source: source() });
    expect(
      (await guest.send("POST", signup, { ...body, email: "r@example.com", role: "admin" })).status,
    ).toBe(422);
    expect(await world.people.findByEmail("r@example.com")).toBeUndefined();
    await guest.send("POST", signup, { ...body, email: "r@example.com" });
    expect(await world.people.findByEmail("r@example.com")).toMatchObject({
      role: "customer",
      state: "active",
    });
  });

  it("lets one of two sign-ups with one address win, and leaves nothing of the other", async () => {
    const both = ["one", "two"].map((name) =>
      world.people.signUp({ email: "twice@example.com", password: body.password, name }),
    );
    await Promise.all(both);
    const { rows } = await world.store.ownerQuery<{ n: number }>(
      `SELECT count(*)::int AS n FROM authority.principals pr WHERE pr.kind = 'user'
         AND NOT EXISTS (SELECT 1 FROM authority.people p WHERE p.principal_id = pr.id)`,
    );
    expect(rows[0]?.n).toBe(0);
    expect(await world.people.findByEmail("twice@example.com")).toBeDefined();
  });

  it("refuses weak passwords, naming the fix, and malformed addresses and names", async () => {
    const guest = world.visitor({ source: source() });
    const weak = await guest.send("POST", signup, { ...body, password: "password1234" });
    expect(weak.status).toBe(422);
    expect(weak.body["errors"]).toMatchObject({ field: "password" });
    expect(JSON.stringify(weak.body)).not.toContain("password1234");
    expect((await guest.send("POST", signup, { ...body, email: "nowhere" })).status).toBe(422);
    expect((await guest.send("POST", signup, { ...body, name: "a\u0000b" })).status).toBe(400);
  });
});
