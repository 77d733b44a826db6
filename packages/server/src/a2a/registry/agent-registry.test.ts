/** The registry of agents, in this process and in the database, against agents that publish their cards on real ports. */
import { agentMigrations } from "@deputize/agent";
import { type ManualClock, manualClock, newId } from "@deputize/core";
import { type TestStore, openTestStore } from "@deputize/store/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { registryRoutes } from "../../agent-server/a2a/registry-routes.ts";
import { type Running, startServer, token } from "../../agent-server/server.fixture.ts";
import { jwtAuth } from "../../agent-server/server.fixture.ts";
import { scriptedAgent, testCaller } from "../../testing.ts";
import { cardSigner } from "../card-signature.ts";
import { type TestSite, ed25519, openSite, testCard, wire } from "../card.fixture.ts";
import { builtAround, done } from "../served.fixture.ts";
import { serverMigrations } from "../task-store.ts";
import { type AgentRegistry, type AgentRegistryOptions, agentRegistry } from "./agent-registry.ts";
import { type RegistryStore, memoryRegistry } from "./registry-store.ts";
import { sqlRegistry } from "./sql-registry.ts";

const key = ed25519();
let site: TestSite;
let database: TestStore | undefined;
let clock: ManualClock;
const open: AgentRegistry[] = [];

beforeAll(async () => {
  database = await openTestStore([agentMigrations, serverMigrations]);
});
afterAll(() => database?.close());
beforeEach(async () => {
  site = await openSite();
  clock = manualClock(Date.UTC(2026, 10, 30));
});
afterEach(async () => {
  for (const one of open.splice(0)) one.close();
  await database?.ownerQuery("delete from registry.agents");
  await site.close();
});

async function made(store: RegistryStore, more: Partial<AgentRegistryOptions> = {}): Promise<AgentRegistry> {
  const { jwks } = await cardSigner({ keys: [key] });
  const registry = agentRegistry({ store, trust: { jwks }, allowPrivate: true, clock, ...more });
  open.push(registry);
  return registry;
}

/** Publishes the signed card of an agent; answers its address. */
async function publish(name: string, more: Parameters<typeof testCard>[0] = {}) {
  const url = `${site.url}/agents/${name}`;
  const signer = await cardSigner({ keys: [key] });
  site.publish(
    `/agents/${name}/.well-known/agent-card.json`,
    wire(signer.sign(testCard({ name, url, ...more }))),
  );
  return { name, url };
}
const silence = (name: string): void =>
  site.publish(`/agents/${name}/.well-known/agent-card.json`, (_q: never, response: { destroy(): void }) =>
    response.destroy(),
  );
const skill = (id: string, tags: string[]) => ({ id, name: id, description: id, tags });

const alice = testCaller("alice");
const bob = testCaller("bob");
const names = async (registry: AgentRegistry, query = {}, who = alice) =>
  (await registry.list(who, query)).agents.map(({ name }) => name);

describe.each([
  ["in this process", () => memoryRegistry()],
  ["in the database", () => sqlRegistry(database as TestStore)],
])("the registry %s", (_name, storeOf) => {
  it("lists an agent after its card was read and checked, and finds it by skill and tag", async () => {
    const registry = await made(storeOf());
    await registry.register(
      alice,
      await publish("orders", { skills: [skill("Cancel", ["shop", "Refund"])] }),
    );
    await registry.register(bob, await publish("weather", { skills: [skill("forecast", ["sky"])] }));
    expect(await names(registry)).toEqual(["orders", "weather"]);
    for (const word of ["cancel", "CANCEL", "refund"])
      expect(await names(registry, { skill: word })).toEqual(["orders"]);
    expect(await names(registry, { skill: "sky" })).toEqual(["weather"]);
    expect(await names(registry, { skill: "%" })).toEqual([]);
    const [first] = (await registry.list(alice, { skill: "refund" })).agents;
    expect(first).toMatchObject({ url: `${site.url}/agents/orders`, state: "healthy" });
    expect((await registry.get(bob, first?.id ?? "")).card).toMatchObject({ name: "orders" });
  });

  it.each<[string, () => Promise<{ name: string; url: string }>]>([
    ["whose card is of another name", async () => ({ ...(await publish("orders")), name: "billing" })],
    [
      "that copies another's card to its own address",
      async () => {
        const signer = await cardSigner({ keys: [key] });
        const copied = wire(signer.sign(testCard({ name: "orders", url: "https://orders.example/a" })));
        site.publish("/agents/copy/.well-known/agent-card.json", copied);
        return { name: "orders", url: `${site.url}/agents/copy` };
      },
    ],
    [
      "whose card is signed by a stranger",
      async () => {
        const url = `${site.url}/agents/x`;
        const signer = await cardSigner({ keys: [ed25519()] });
        site.publish(
          "/agents/x/.well-known/agent-card.json",
          wire(signer.sign(testCard({ name: "x", url }))),
        );
        return { name: "x", url };
      },
    ],
    ["at no address of the web", async () => ({ name: "x", url: "ftp://a.example/x" })],
  ])("does not list an agent %s", async (_case, address) => {
    const registry = await made(storeOf());
    await expect(registry.register(alice, await address())).rejects.toMatchObject({
      code: "validation_failed",
    });
    expect(await names(registry)).toEqual([]);
  });

  it("lists one name and one address once", async () => {
    const registry = await made(storeOf(), { mostPerOwner: 2 });
    const orders = await publish("orders");
    await registry.register(alice, orders);
    await expect(registry.register(bob, orders)).rejects.toMatchObject({ code: "conflict" });
    const twice = await Promise.allSettled(
      [1, 2].map(async () => registry.register(bob, await publish("b"))),
    );
    expect(twice.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    await registry.register(alice, await publish("c"));
    await expect(registry.register(alice, await publish("d"))).rejects.toMatchObject({
      code: "limit_exceeded",
    });
  });

  it("pages by name, and refuses a cursor that is none", async () => {
    const registry = await made(storeOf());
    for (const name of ["c", "a", "b"]) await registry.register(alice, await publish(name));
    const first = await registry.list(alice, { limit: 2 });
    const rest = await registry.list(alice, { limit: 2, ...(first.next && { cursor: first.next }) });
    expect([first, rest].map(({ agents }) => agents.map(({ name }) => name))).toEqual([["a", "b"], ["c"]]);
    expect(rest.next).toBeUndefined();
    await expect(registry.list(alice, { cursor: "AA" })).rejects.toMatchObject({ code: "invalid_request" });
  });

  it("keeps tenants apart, and lets an owner alone take an agent off or have it asked", async () => {
    const registry = await made(storeOf());
    const { id } = await registry.register(alice, await publish("orders"));
    const elsewhere = { ...alice, tenant: "other" };
    expect(await names(registry, {}, elsewhere)).toEqual([]);
    const missing = { code: "not_found", message: "there is no such agent" };
    await expect(registry.get(elsewhere, id)).rejects.toMatchObject(missing);
    for (const who of [bob, elsewhere]) {
      await expect(registry.remove(who, id)).rejects.toMatchObject(missing);
      await expect(registry.check(who, id)).rejects.toMatchObject(missing);
    }
    await expect(registry.get(alice, newId())).rejects.toMatchObject(missing);
    await registry.remove(alice, id);
    expect(await names(registry)).toEqual([]);
  });

  it("tells an agent as unhealthy after the second silence, asks it less and less, and takes it back", async () => {
    const registry = await made(storeOf());
    const { id } = await registry.register(alice, await publish("orders"));
    silence("orders");
    expect(await registry.checkDue()).toBe(0);
    clock.advance(300_000);
    expect(await registry.checkDue()).toBe(1);
    expect(await names(registry)).toEqual(["orders"]);
    expect(await registry.checkDue()).toBe(0);
    clock.advance(600_000);
    expect(await registry.checkDue()).toBe(1);
    expect(await names(registry)).toEqual([]);
    expect(await names(registry, { state: "unhealthy" })).toEqual(["orders"]);
    clock.advance(600_000);
    expect(await registry.checkDue()).toBe(0);
    await publish("orders", { skills: [skill("new", ["fresh"])] });
    clock.advance(3_600_000);
    expect(await registry.checkDue()).toBe(1);
    expect(await registry.get(bob, id)).toMatchObject({ state: "healthy", failures: 0 });
    expect(await names(registry, { skill: "fresh" })).toEqual(["orders"]);
  });

  it("takes an agent off the list at once when its card no longer holds, and shows it to its owner alone", async () => {
    const registry = await made(storeOf());
    const { id, url } = await registry.register(alice, await publish("orders"));
    const forged = wire((await cardSigner({ keys: [ed25519()] })).sign(testCard({ name: "orders", url })));
    site.publish("/agents/orders/.well-known/agent-card.json", forged);
    clock.advance(300_000);
    await registry.checkDue();
    expect(await names(registry)).toEqual([]);
    expect(await names(registry, { state: "unhealthy" })).toEqual([]);
    await expect(registry.get(bob, id)).rejects.toMatchObject({ code: "not_found" });
    expect((await registry.get(alice, id)).state).toBe("refused");
    await publish("orders");
    clock.advance(11_000);
    expect((await registry.check(alice, id)).state).toBe("healthy");
    await expect(registry.check(alice, id)).rejects.toMatchObject({ code: "rate_limited" });
  });

  it("has two replicas share the checks that are due", async () => {
    const store = storeOf();
    const [one, two] = [await made(store), await made(store)];
    for (const name of ["a", "b", "c", "d", "e"]) await one.register(alice, await publish(name));
    const before = site.asked.length;
    clock.advance(300_000);
    const [first, second] = await Promise.all([one.checkDue(), two.checkDue()]);
    expect(first + second).toBe(5);
    expect(site.asked.length - before).toBe(5);
  });
});

describe("whoever registers an address of our own network", () => {
  it("has nothing sent there", async () => {
    const registry = await made(memoryRegistry(), { allowPrivate: false });
    const asked = site.asked.length;
    for (const url of [
      `${site.url}/agents/orders`,
      "https://127.0.0.1/a",
      "https://[::1]/a",
      "https://10.0.0.1/a",
      "https://169.254.169.254/latest",
      "https://localhost/a",
    ])
      await expect(registry.register(alice, { name: "orders", url })).rejects.toMatchObject({
        code: "unavailable",
      });
    expect(site.asked.length).toBe(asked);
  });

  it("has nothing sent there by a name that leads there either", async () => {
    const resolve = async () => [{ address: "192.168.1.1", family: 4 }];
    const registry = await made(memoryRegistry(), { allowPrivate: false, resolve });
    await expect(
      registry.register(alice, { name: "orders", url: "https://orders.example/a" }),
    ).rejects.toMatchObject({ code: "unavailable" });
  });
});

describe("the routes of the registry", () => {
  let running: Running;
  async function served(): Promise<AgentRegistry> {
    const registry = await made(memoryRegistry());
    running = await startServer({
      agents: [
        builtAround(
          scriptedAgent("assistant", async function* () {
            yield done;
          }),
        ),
      ],
      auth: jwtAuth({ issuers: { "urn:deputize:authenticator:jwt": { roles: { allow: ["publisher"] } } } }),
      routes: () => registryRoutes({ registry, mayRegister: ({ roles }) => roles.includes("publisher") }),
    });
    return registry;
  }
  afterEach(() => running?.stop());
  const post = async (body: object, userId = "carol", roles = ["publisher"]) =>
    running.ask("/v1/registry/agents", { method: "POST", bearer: await token({ userId, roles }), body });

  it("register, list, show and take off, for whom the operator names", async () => {
    await served();
    const { name, url } = await publish("orders");
    expect((await post({ name, url }, "dave", [])).status).toBe(403);
    const made = await post({ name, url });
    const { data } = (await made.json()) as { data: { id: string } };
    expect([made.status, data]).toMatchObject([201, { name, url, mine: true, state: "healthy" }]);
    const path = `/v1/registry/agents/${data.id}`;
    const seen = (await (await running.ask("/v1/registry/agents?skill=orders", { as: "dave" })).json()) as {
      data: { agents: object[] };
    };
    expect(seen.data.agents).toMatchObject([{ name, mine: false }]);
    expect(JSON.stringify(seen)).not.toContain("owner");
    expect((await running.ask(path, { as: "dave" })).status).toBe(200);
    expect((await running.ask("/v1/registry/agents")).status).toBe(401);
    const remove = async (userId: string) =>
      running.ask(path, { method: "DELETE", bearer: await token({ userId, roles: ["publisher"] }) });
    expect((await remove("erin")).status).toBe(404);
    expect((await remove("carol")).status).toBe(204);
    expect((await running.ask(path, { as: "dave" })).status).toBe(404);
  });

  it("refuse what is no address, what is unknown, and a card that does not hold", async () => {
    await served();
    const { name, url } = await publish("orders");
    for (const body of [{}, { name }, { name, url: "x" }, { name, url, owner: "me" }, { name: "other", url }])
      expect([body, (await post(body)).status]).toEqual([body, 422]);
  });
});
