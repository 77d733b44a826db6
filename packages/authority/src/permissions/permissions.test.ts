import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WHO } from "../testing/test-core.ts";
import { type TestAuthority, idOf, openTestAuthority } from "../testing/test-authority.ts";

let world: TestAuthority;
let sources = 0;
const source = () => `198.51.105.${(sources += 1)}`;
const stands = async (token: string) => (await world.tokens.stands(token)) !== undefined;

beforeAll(async () => {
  world = await openTestAuthority();
});
afterAll(() => world.close());

describe("a person's permission for an agent", () => {
  it("is needed for each exchange, and taking it back ends what it carried [SR-10]", async () => {
    const alice = await world.signIn("alice", "api", source());
    const deputy = await world.deputyOf(alice);
    const by = idOf("ada");
    await world.permissions.revoke({ person: idOf("alice"), agent: WHO.orders, revokedBy: by });
    expect(await stands(deputy.token)).toBe(false);
    expect(await stands(alice.token ?? "")).toBe(true);
    await expect(world.deputyOf(alice)).rejects.toMatchObject({ code: "forbidden" });
    await expect(
      world.permissions.revoke({ person: idOf("alice"), agent: WHO.orders, revokedBy: by }),
    ).rejects.toMatchObject({ code: "not_found" });
    await world.permissions.grant({ person: idOf("alice"), agent: WHO.orders, grantedBy: by });
    expect(await stands((await world.deputyOf(alice)).token)).toBe(true);
  });

  it("ends with its time, and granting it again changes nothing", async () => {
    const ask = { person: idOf("bob"), agent: WHO.support };
    const grant = { ...ask, grantedBy: idOf("ada"), expiresAt: world.clock.nowMs() + 60_000 };
    await world.permissions.grant(grant);
    world.events.length = 0;
    await world.permissions.grant(grant);
    expect(world.events).toEqual([]);
    expect(await world.permissions.check(world.store.pool("authority"), ask)).toBe(true);
    expect(await world.permissions.list(idOf("bob"))).toMatchObject([
      { agent: { name: "customer-support" }, level: "user" },
    ]);
    world.clock.advance(60_000);
    expect(await world.permissions.check(world.store.pool("authority"), ask)).toBe(false);
    expect(await world.permissions.list(idOf("bob"))).toEqual([]);
    await expect(world.permissions.grant({ ...grant, agent: WHO.orderTools })).rejects.toMatchObject({
      code: "not_found",
    });
  });
});
