/** Which of the desk's 30 tools a model is shown, over the real server's list. */
import { type OfferedTool, toolChooser } from "deputize/agent";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { TOOL_REQUESTS } from "./tool-requests.ts";
import { type TestDesk, openTestDesk } from "./testing.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

let desk: TestDesk;
let all: readonly OfferedTool[];
const chooser = toolChooser("semantic");

beforeAll(async () => {
  desk = await openTestDesk();
  all = await toolsOf("max");
});
afterAll(() => desk[Symbol.asyncDispose]());

async function toolsOf(name: "max" | "ann"): Promise<readonly OfferedTool[]> {
  const listed = await (await desk.as(name)).listTools();
  return listed.map((tool) => ({ description: "", ...tool })) as unknown as readonly OfferedTool[];
}

const shownFor = async (tools: readonly OfferedTool[], request: string): Promise<readonly OfferedTool[]> =>
  (await chooser?.choose(tools, { messages: [{ role: "user", content: request }], called: new Set() })) ?? [];
const sizeOf = (tools: readonly OfferedTool[]): number =>
  JSON.stringify(
    tools.map(({ name, description, inputSchema }) => ({ name, description, parameters: inputSchema })),
  ).length;

describe("the desk's tools, chosen by meaning", () => {
  it("are there for what people say, with less than a third of the definitions [PR-D45] [PR-F37]", async () => {
    expect(all).toHaveLength(30);
    const missed: string[] = [];
    let asked = 0;
    let size = 0;
    for (const [tool, requests] of Object.entries(TOOL_REQUESTS)) {
      for (const request of requests) {
        const shown = await shownFor(all, request);
        expect(shown.length).toBeLessThanOrEqual(8);
        asked += 1;
        size += sizeOf(shown);
        if (!shown.some(({ name }) => name === tool)) missed.push(`${tool}: ${request}`);
      }
    }
    expect(asked).toBeGreaterThanOrEqual(150);
    expect(1 - missed.length / asked, missed.join("\n")).toBeGreaterThanOrEqual(0.98);
    expect(1 - size / asked / sizeOf(all)).toBeGreaterThanOrEqual(0.7);
  });

  it.each([
    ["status of order #12345", ["orders_get_order", "orders_track_shipment", "orders_list_orders"]],
    [
      "churn risk for customer 42",
      ["analytics_churn_risk_score", "analytics_customer_lifetime_value", "customers_get_customer"],
    ],
  ])("for %j are at least those that the guide names [PR-F37]", async (request, wanted) => {
    expect((await shownFor(all, request)).map(({ name }) => name)).toEqual(expect.arrayContaining(wanted));
  });

  it("are never those that the person may not call, whatever is asked [PR-D44]", async () => {
    const own = await toolsOf("ann");
    const mine = new Set(own.map(({ name }) => name));
    expect(own.length).toBeLessThan(30);
    for (const request of ["churn risk for customer 42", "show the audit log", "turn the feature off"]) {
      const shown = await shownFor(own, request);
      expect(shown.length).toBeGreaterThan(0);
      expect(shown.every(({ name }) => mine.has(name))).toBe(true);
    }
  });
});
