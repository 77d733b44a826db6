import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WHO } from "../testing/test-core.ts";
import { type TestAuthority, idOf, openTestAuthority } from "../testing/test-authority.ts";

let world: TestAuthority;
beforeAll(async () => {
  world = await openTestAuthority();
});
afterAll(() => world.close());

const by = { actor: idOf("ada"), tenant: "default" };

describe("at the same time", () => {
  it("requests, refreshes, sign-outs and changes of role end in no ring of locks, and in the newest role [SR-12] [SR-13]", async () => {
    for (let round = 0; round < 4; round += 1) {
      const page = await world.signIn("sue", "browser", `203.0.113.${round}`);
      const api = await world.signIn("sue", "api", `203.0.113.${round}`);
      const leaving = await world.signIn("sue", "browser", `203.0.113.${round}`);
      const role = round % 2 === 0 ? "power_user" : "seller";
      const replies = await Promise.all([
        world.people.changeRole(idOf("sue"), role, by),
        ...[1, 2, 3].map(() => page.send("GET", "/api/sessions")),
        ...[1, 2].map(() =>
          world.visitor().send("POST", "/api/auth/refresh", { refresh_token: api.refreshToken }),
        ),
        leaving.send("POST", "/api/auth/logout"),
        world.permissions.grant({ person: idOf("sue"), agent: WHO.support, grantedBy: by.actor }),
      ]);
      for (const reply of replies) if (reply) expect(reply.status).toBeLessThan(500);
      expect((await world.callerOf(page)).roles).toEqual([role]);
      expect((await leaving.send("GET", "/api/sessions")).status).toBe(401);
    }
  });

  it("signing in and deactivating leave no session that outlives the person's deactivation", async () => {
    const attempts = [0, 1, 2, 3].map((n) =>
      world.signIn("bob", "browser", `203.0.114.${n}`).catch(() => undefined),
    );
    await Promise.all([...attempts, world.people.deactivate(idOf("bob"), by)]);
    await world.people.reactivate(idOf("bob"), by);
    for (const guest of await Promise.all(attempts)) {
      if (guest) expect((await guest.send("GET", "/api/sessions")).status).toBe(401);
    }
  });
});

describe("a change of role that is not committed yet", () => {
  it("is waited for by refresh and sign-in, whose grants then hold the new role's scopes [SR-12] [SR-13]", async () => {
    const api = await world.signIn("max", "api", "203.0.115.1");
    let committed: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (committed = resolve));
    let started: () => void = () => undefined;
    const begun = new Promise<void>((resolve) => (started = resolve));
    const change = world.store.transaction("authority", async (tx) => {
      await world.principals.bumpEpoch(tx, { tenant: "default", id: idOf("max") }, "role_changed");
      await tx.query("UPDATE authority.people SET role = 'customer' WHERE principal_id = $1", [idOf("max")]);
      started();
      await held;
    });
    await begun;
    const refreshing = world.visitor().send("POST", "/api/auth/refresh", { refresh_token: api.refreshToken });
    const signingIn = world.signIn("max", "api", "203.0.115.2");
    await new Promise((resolve) => setTimeout(resolve, 300));
    committed();
    await change;
    const refreshed = world.visitor();
    refreshed.token = (await refreshing).body.access_token;
    for (const guest of [refreshed, await signingIn]) {
      const caller = await world.callerOf(guest);
      expect(caller.roles).toEqual(["customer"]);
      expect(caller.scopes).not.toContain("open:cases:*");
    }
  });
});
