import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type PrincipalId, newId } from "@deputize/core";
import { PEOPLE, type TestAuthority, idOf, openTestAuthority } from "../testing/test-authority.ts";

let world: TestAuthority;
beforeAll(async () => {
  world = await openTestAuthority();
});
afterAll(() => world.close());

const by = { actor: idOf("ada"), tenant: "default" };

describe("people", () => {
  it("are made once by id, so that a seeder may run at each start without undoing what changed since", async () => {
    await world.people.changeRole(idOf("bob"), "power_user", by);
    const hashed = world.work.hashed;
    await world.people.create({ id: idOf("bob"), ...PEOPLE.bob });
    expect(world.work.hashed).toBe(hashed);
    expect(await world.people.get(idOf("bob"))).toMatchObject({ role: "power_user" });
  });

  it("have one address each, and a refused one leaves no principal behind", async () => {
    const id = newId() as PrincipalId;
    await expect(world.people.create({ ...PEOPLE.bob, id })).rejects.toMatchObject({ code: "conflict" });
    expect(await world.people.get(id)).toBeUndefined();
    expect(
      await world.principals.get(world.store.pool("authority"), { tenant: "default", id }),
    ).toBeUndefined();
  });

  it("makes a person once when several processes seed at once", async () => {
    const person = { ...PEOPLE.bob, id: newId() as PrincipalId, email: "seeded.twice@example.com" };
    await Promise.all([1, 2, 3].map(() => world.people.create(person)));
    expect((await world.people.get(person.id))?.email).toBe("seeded.twice@example.com");
  });

  it("are unknown in another tenant [SR-23]", async () => {
    expect(await world.people.get(idOf("bob"), "other")).toBeUndefined();
    expect(await world.people.findByEmail(PEOPLE.bob.email, "other")).toBeUndefined();
    await expect(world.people.deactivate(idOf("bob"), { ...by, tenant: "other" })).rejects.toMatchObject({
      code: "not_found",
    });
  });

  it("leave an entry for each change, which names who decided and about whom, and holds no address", async () => {
    world.events.length = 0;
    await world.people.deactivate(idOf("bob"), by);
    await world.people.reactivate(idOf("bob"), by);
    await world.people.changeRole(idOf("bob"), "customer", by);
    const own = world.events.filter((event) => event.action.startsWith("person."));
    expect(own.map((event) => event.action)).toEqual([
      "person.deactivated",
      "person.reactivated",
      "person.role_changed",
    ]);
    for (const event of own) expect(event).toMatchObject({ subject: idOf("ada"), about: [idOf("bob")] });
    expect(JSON.stringify(world.events)).not.toContain(PEOPLE.bob.email);
  });

  it("have one of four roles, whatever writes the row", async () => {
    const write = world.store.ownerQuery(
      "UPDATE authority.people SET role = 'root' WHERE principal_id = $1",
      [idOf("bob")],
    );
    await expect(write).rejects.toMatchObject({ code: "23514" });
  });
});
