/** What the shop's agents keep of people and what they use, over HTTP, with the offline planner. */
import { type ResolvedModel, resolveModel } from "@deputize/agent";
import { scriptedModel } from "@deputize/agent/testing";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { documentedPath } from "@deputize/client";
import { ROUTES } from "../http/route-table.ts";
import { type RunningShop, type TestClient, runShop, signIn } from "../testing/running-shop.ts";
import { idOf } from "../testing/test-shop.ts";

const PRICE = { inputPerMillion: 1, outputPerMillion: 10 };

/** The offline planner with a price, and what was really asked of it. */
function pricedModel(): ResolvedModel & { used: { calls: number; tokensIn: number; tokensOut: number } } {
  const offline = resolveModel({});
  const used = { calls: 0, tokensIn: 0, tokensOut: 0 };
  return {
    ...offline,
    price: PRICE,
    used,
    model: {
      ...offline.model,
      async doStream(options) {
        used.calls += 1;
        const { stream, ...rest } = await offline.model.doStream(options);
        const counted = stream.pipeThrough(
          new TransformStream({
            transform(part, controller) {
              if (part.type === "finish") {
                used.tokensIn += part.usage.inputTokens.total ?? 0;
                used.tokensOut += part.usage.outputTokens.total ?? 0;
              }
              controller.enqueue(part);
            },
          }),
        );
        return { ...rest, stream: counted };
      },
    },
  };
}

const model = pricedModel();
let running: RunningShop;
let alice: TestClient;
let bob: TestClient;
beforeAll(async () => {
  running = await runShop({ model });
  alice = await signIn(() => running.shop, "alice.johnson@gmail.com", "customer123");
  bob = await signIn(() => running.shop, "bob.smith@gmail.com", "customer123");
});
afterAll(() => running?.close());

const texts = async (client: TestClient): Promise<string[]> =>
  (await client.get("/api/memories")).body.memories.map(({ text }: { text: string }) => text);

describe("memory", () => {
  it("is kept by chat, told in another conversation, and never to anybody else [SH-F21]", async () => {
    const kept = await alice.ask("Remember that I wear running shoes of size 43");
    expect(kept.body).toMatchObject({ status: "done", response: expect.stringContaining("size 43") });
    const told = await alice.ask("What do you know about me?");
    expect(told.body.conversation_id).not.toBe(kept.body.conversation_id);
    expect(told.body.response).toContain("I wear running shoes of size 43");
    expect((await bob.ask("What do you know about me?")).body.response).not.toContain("43");
    expect(await texts(alice)).toEqual(["I wear running shoes of size 43"]);
    expect(await texts(bob)).toEqual([]);
  });

  it("is before the models of the person's own turns, and of nobody else's [SH-F21] [PR-D40]", async () => {
    const said = { text: "Here you are." };
    const seen = scriptedModel([said, said]);
    await running.restart({ model: { ...seen, price: PRICE } });
    await alice.ask("which running shoes would you choose for me?");
    await bob.ask("which running shoes would you choose for me?");
    const [hers, his] = seen.asked.map(({ prompt }) => JSON.stringify(prompt));
    expect(hers).toContain("running shoes of size 43");
    expect(his).not.toContain("size 43");
    seen.assertComplete();
    // Each of its calls used ten tokens in and ten out, and counts beside the planner's.
    model.used.calls += 2;
    model.used.tokensIn += 20;
    model.used.tokensOut += 20;
    await running.restart();
  });

  it("is corrected and removed by its person, and is not there for others", async () => {
    const [memory] = (await alice.get("/api/memories")).body.memories;
    const path = `/api/memories/${memory.id}`;
    const foreign = await bob.send("PATCH", path, { text: "mine now" });
    expect(foreign.status).toBe(404);
    expect((await bob.send("DELETE", path)).status).toBe(404);
    expect((await alice.send("PATCH", path, { text: "I wear running shoes of size 44" })).status).toBe(200);
    expect((await alice.ask("What do you know about me?")).body.response).toContain("size 44");
    expect((await alice.send("DELETE", path)).status).toBe(204);
    expect(await texts(alice)).toEqual([]);
  });

  it("is forgotten by chat when the person says what", async () => {
    await alice.ask("Remember that I collect green teapots");
    await alice.ask("Remember that I wear shoes of size 43");
    expect((await alice.ask("Forget that I collect green teapots")).body.response).toContain("forgotten");
    expect(await texts(alice)).toEqual(["I wear shoes of size 43"]);
  });

  it("is documented, and answers nobody who is not signed in", async () => {
    const paths = ROUTES.map(({ method, path }) => `${method} ${documentedPath(path)}`);
    for (const route of ["GET /api/memories", "PATCH /api/memories/{id}", "DELETE /api/memories/{id}"])
      expect(paths).toContain(route);
    expect((await fetchWithout("/api/memories")).status).toBe(401);
    expect((await fetchWithout("/api/me/usage")).status).toBe(401);
  });
});

const fetchWithout = async (path: string): Promise<Response> =>
  running.shop.fetch(new Request(new URL(path, "http://localhost:3000")));

describe("answers that are given again", () => {
  const ask = async (client: TestClient, message: string) => {
    const before = model.used.calls;
    const { body } = await client.ask(message);
    return { response: body.response as string, calls: model.used.calls - before };
  };

  it("save the front desk's model and the specialist's, and end with anybody's write to what they rest on [SR-22]", async () => {
    const message = "show my orders";
    const first = await ask(bob, message);
    const again = await ask(bob, message);
    expect(again.response).toBe(first.response);
    expect(first.calls).toBeGreaterThan(2);
    expect(again.calls).toBe(0);
    expect((await ask(alice, message)).calls).toBe(first.calls);
    const { rows } = await running.store.ownerQuery<{ id: string }>(
      "update shop.orders set status = 'delivered' where user_id = $1 and status = 'shipped' returning id",
      [idOf("bob.smith")],
    );
    await running.store.ownerQuery("update shop.orders set status = status where user_id = $1", [
      idOf("bob.smith"),
    ]);
    const changed = await ask(bob, message);
    expect(changed.calls).toBe(first.calls);
    if (rows.length > 0) expect(changed.response).not.toBe(first.response);
  });

  it("are none of what a case showed, once the case is closed [SR-04]", async () => {
    const admin = await signIn(() => running.shop, "admin.demo@gmail.com", "admin123");
    const opened = await admin.post("/api/cases", {
      subject_email: "bob.smith@gmail.com",
      purpose: "a question by phone",
      resources: ["orders"],
    });
    const order = (await bob.get("/api/orders?limit=1")).body.orders[0].number as string;
    const under = await ask(admin, `show order ${order}`);
    await admin.send("DELETE", `/api/cases/${opened.body.id}`);
    const after = await ask(admin, `show order ${order}`);
    expect(under.response).toContain(order);
    expect(after.response).not.toBe(under.response);
    expect(after.response).toContain("couldn't find");
  });
});

describe("usage", () => {
  it("is the sum of what the models used, with its cost, to the person and to staff [SH-F23]", async () => {
    const admin = await signIn(() => running.shop, "admin.demo@gmail.com", "admin123");
    await vi.waitFor(async () => {
      const { body } = await admin.get("/api/admin/usage");
      expect(body.total).toMatchObject({
        tokens_in: model.used.tokensIn,
        tokens_out: model.used.tokensOut,
        unpriced: 0,
      });
    });
    const { body } = await admin.get("/api/admin/usage");
    const cost = model.used.tokensIn + model.used.tokensOut * 10;
    // Each call's cost is rounded up by itself.
    expect(body.total.cost_micros).toBeGreaterThanOrEqual(cost);
    expect(body.total.cost_micros).toBeLessThanOrEqual(cost + model.used.calls);
    const sum = (of: { cost_micros: number }[]) => of.reduce((n, { cost_micros }) => n + cost_micros, 0);
    expect(sum(body.agents)).toBe(body.total.cost_micros);
    expect(sum(body.by_day)).toBe(body.total.cost_micros);
    expect(body.tools.map(({ tool }: { tool: string }) => tool)).toContain("store_memory");
    expect(JSON.stringify(body)).not.toContain(idOf("bob.smith"));

    const people = await Promise.all([alice, bob, admin].map((one) => one.get("/api/me/usage")));
    const own = people.map(({ body: mine }) => mine.total.tokens_in as number);
    expect(own.reduce((n, tokens) => n + tokens, 0)).toBe(body.total.tokens_in);
    expect((await bob.get("/api/admin/usage")).status).toBe(403);
  });
});

describe("budgets", () => {
  it("end the turns of the person who used theirs up, and of nobody else", async () => {
    const asked = { text: "Hello." };
    const script = Array.from({ length: 6 }, () => ({ ...asked, tokens: 800 }));
    const online = { ...scriptedModel(script), offline: false };
    await running.restart({
      model: online,
      budgets: {
        userTokens: 1_500,
        tenantTokens: 1_000_000,
        userCostMicros: undefined,
        tenantCostMicros: undefined,
      },
    });
    expect((await alice.ask("tell me a story")).body.status).toBe("done");
    const over = await alice.ask("tell me another story");
    expect(JSON.stringify(over.body)).toContain("budget");
    expect((await bob.ask("tell me a story")).body.status).toBe("done");
    expect(online.asked).toHaveLength(2);
    await running.restart();
  });
});
