/** Limits on arguments of tools, set by those who hand authority on: with a launch token, with a hop. */
import { type Agent, type DeputizeApp, AuthorizationError } from "@deputize/client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type TestBroker, openTestBroker } from "./testing.ts";

const small = { tool: "orders/refund_order", argument: "amount", max: 5000 };
const mine = { tool: "get_order", argument: "order_id", oneOf: ["o-17", "o-18"] };

let broker: TestBroker;
let app: DeputizeApp;
beforeAll(async () => {
  broker = await openTestBroker();
  app = await broker.newApp(["read:data:*"]);
});
afterAll(() => broker?.[Symbol.asyncDispose]());

const worker = (constraints?: Record<string, typeof small>) =>
  app.createAgent({
    orchId: "limits",
    taskId: "t",
    requestedScope: ["read:data:*"],
    ...(constraints && { constraints }),
  });
const grantOf = async ({ claims }: Agent) => {
  const id = (claims["grants"] as string[]).at(-1) ?? "";
  const { grant } = (await broker.operator.request("GET", `/v1/admin/grants/${id}`)) as {
    grant: Record<string, unknown>;
  };
  return grant;
};

describe("constraints over HTTP [PR-D18]", () => {
  it("come with a launch token, are in the worker's token, and show at the operator's", async () => {
    await using agent = await worker({ small });
    expect(agent.claims).toMatchObject({ constraints: { small } });
    expect(await grantOf(agent)).toMatchObject({ constraints: { small } });
    expect((await agent.validate()).valid).toBe(true);
    await agent.renew();
    expect(agent.claims).toMatchObject({ constraints: { small } });
    await using free = await worker();
    expect(await grantOf(free)).not.toHaveProperty("constraints");
  });

  it("go on to whoever it delegates to, who gets further ones and never others", async () => {
    await using from = await worker({ small });
    await using to = await worker();
    const handed = await from.delegate(to, "read:data:7", { constraints: { mine } });
    expect(handed.claims).toMatchObject({ constraints: { small, mine } });
    expect(await grantOf(handed)).toMatchObject({ constraints: { small, mine } });
    const wider = { small: { ...small, max: 9_999_999 } };
    await expect(from.delegate(to, "read:data:7", { constraints: wider })).rejects.toThrow(
      AuthorizationError,
    );
    expect((await from.delegate(to, "read:data:7")).claims).toMatchObject({ constraints: { small } });
  });

  it("are refused when nobody could hold them", async () => {
    for (const bad of [
      { small: { tool: "t", argument: "a" } },
      { small: { ...small, at: "noon" } },
      JSON.parse(`{"__proto__": ${JSON.stringify(small)}}`) as object,
      [small],
      "small",
    ])
      await expect(worker(bad as never), JSON.stringify(bad)).rejects.toThrow(/constraints/);
  });
});
