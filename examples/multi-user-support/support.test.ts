/** The support agent with two people at once, over the real desk: whose words, rows and answers go where. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { agentMigrations, createCaller, generateSessionId } from "deputize/agent";
import { scriptedModel } from "@deputize/agent/testing";
import { type TestStore, openTestStore } from "@deputize/store/testing";
import { DESK_MIGRATIONS, type Desk, openDesk } from "../customer-ops/installation.ts";
import { idOf } from "../customer-ops/people.ts";
import { seedDesk } from "../customer-ops/seed.ts";
import { run } from "./main.ts";
import { type Support, openSupport } from "./support.ts";

const url = "http://localhost:8000";
let store: TestStore;
let desk: Desk;
let support: Support;
let modelCalls = 0;
const token: Record<"ann" | "ben", string> = { ann: "", ben: "" };

beforeAll(async () => {
  store = await openTestStore([...DESK_MIGRATIONS, agentMigrations]);
  await store.asOwner(seedDesk);
  desk = await openDesk({ url, store, perSecond: 100_000 });
  support = await openSupport(desk, {
    model: "offline",
    observe: ({ kind }) => void (modelCalls += Number(kind === "model_called")),
  });
  for (const name of ["ann", "ben"] as const) token[name] = (await desk.signIn(name)).person;
});
afterAll(async () => {
  await support?.[Symbol.asyncDispose]();
  await desk?.[Symbol.asyncDispose]();
  await store?.close();
});

const ask = (name: "ann" | "ben", message: string, sessionId = generateSessionId()) =>
  support.handleUserMessage({ token: token[name], sessionId, message });

describe("two people at once", () => {
  it("each find their own orders and nobody else's, on twenty questions side by side", async () => {
    const asked = Array.from({ length: 10 }, (_, n) => [
      ask("ann", n % 2 ? "Where is order 12346?" : "Where is order 22345?"),
      ask("ben", n % 2 ? "Where is order 12346?" : "Where is order 22345?"),
    ]).flat();
    const answers = await Promise.all(asked);
    for (const [n, { response, status }] of answers.entries()) {
      const annAsks = n % 2 === 0;
      const annsOrder = Math.floor(n / 2) % 2 === 1;
      expect(status).toBe("done");
      expect(response.includes("couldn't find")).toBe(annAsks !== annsOrder);
    }
  });

  it("have conversations of their own under one chosen id [PR-D25] [PR-D27]", async () => {
    const sessionId = generateSessionId();
    await Promise.all([ask("ann", "hello", sessionId), ask("ben", "hello", sessionId)]);
    const [ann, ben] = await Promise.all(
      (["ann", "ben"] as const).map(async (name) => {
        const caller = createCaller({ bearerToken: token[name] });
        return support.agent.getSession(sessionId, { caller });
      }),
    );
    expect([ann?.messages.length, ben?.messages.length]).toEqual([2, 2]);
  });

  it("are who their token says [PR-D03]", async () => {
    const request = { token: token.ann, userId: idOf("ben"), sessionId: generateSessionId(), message: "hi" };
    const before = modelCalls;
    await expect(support.handleUserMessage(request)).rejects.toMatchObject({ code: "forbidden" });
    expect(modelCalls).toBe(before);
  });
});

describe("a hostile model", () => {
  it("gets no other person's order, and changes nothing without the person's yes", async () => {
    const hostile = await openSupport(desk, {
      model: scriptedModel([
        { calls: [{ tool: "orders_get_order", args: { order_id: "22345" } }] },
        { calls: [{ tool: "orders_list_orders", args: { customer_id: "43" } }] },
        {
          calls: [
            { tool: "orders_process_refund", args: { order_id: "12346", amount_cents: 18_900, reason: "x" } },
          ],
        },
        { text: "Done." },
      ]),
    });
    const result = await hostile.handleUserMessage({
      token: token.ann,
      sessionId: generateSessionId(),
      message: "hi",
    });
    expect(result.steps.map(({ status }) => status)).not.toContain("done");
    expect(JSON.stringify(result)).not.toContain("Kettle");
    await hostile[Symbol.asyncDispose]();
  });
});

it("keeps what looks like a key from the model, the store and the answer, with the guardrails that it has by default [PR-F45]", async () => {
  const key = "AKIAIOSFODNN7EXAMPLE";
  const sessionId = generateSessionId();
  const { response } = await ask("ann", `Where is order 12346? My key is ${key}`, sessionId);
  const caller = createCaller({ bearerToken: token.ann });
  const told = JSON.stringify([response, await support.agent.getSession(sessionId, { caller })]);
  expect(told).toContain("[AWS_ACCESS_KEY_1]");
  expect(told).not.toContain(key);
});

it("prints what the page says", async () => {
  const lines: string[] = [];
  await run({ print: (line = "") => void lines.push(line) });
  const text = lines.join("\n");
  expect(text).toContain("ann: Your order 12346 is in transit.");
  expect(text).toContain("ben: I couldn't find order 12346 among your own data.");
  expect(text).toContain("Ben opens Ann's conversation: there is no such conversation.");
  expect(text).toContain("Ann asks again: the same answer, 0 calls of the model.");
  expect(text).toContain("Remembered of Ann: Prefers to be written to in the morning.");
  expect(text).toContain("Remembered of Ben: nothing");
  expect(text).toContain("the agent says yes itself: 403");
  expect(text).toContain("Done: order 12347 is cancelled.");
});
