/** A read under a case: one entry that says who looked, through which agents, at what, and why. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningShop, type TestClient, runShop, signIn } from "../testing/running-shop.ts";

let running: RunningShop;
let admin: TestClient;
beforeAll(async () => {
  running = await runShop();
  admin = await signIn(() => running.shop, "admin.demo@gmail.com", "admin123");
});
afterAll(() => running.close());

const purpose = "Ticket 42: missing parcel";

async function stepsOf(message: string): Promise<{ tool: string; entry_id?: string }[]> {
  const { body } = await admin.ask(message);
  await running.shop.audit.flush();
  return body.steps;
}

describe("the receipt of a read under a case", () => {
  it("names the tool, the case and its purpose, in the one entry of the call [SR-04]", async () => {
    const opened = await admin.post("/api/cases", {
      subject_email: "bob.smith@gmail.com",
      purpose,
      resources: ["orders"],
    });
    const [asked, found] = await stepsOf("Show me Bob Smith's orders").then((steps) => [
      steps.find((step) => step.tool === "call_specialist_agent"),
      steps.find((step) => step.tool === "staff_find_orders"),
    ]);
    const receipt = await admin.get(`/api/receipts/${found?.entry_id}`);
    expect(receipt.body.summary).toMatchObject({
      action: "tool.call",
      outcome: "allowed",
      resource: "orders/staff_find_orders",
      asked: { name: "Admin Demo" },
      agents: [{ name: "order-management" }, { name: "customer-support" }],
      case: { id: opened.body.id, purpose },
    });
    const hop = await admin.get(`/api/receipts/${asked?.entry_id}`);
    expect(hop.body.summary).toMatchObject({
      action: "agent.tool_call",
      resource: "agent:order-management",
      agents: [{ name: "customer-support" }],
    });
    expect(hop.body.summary.case).toBeUndefined();
    expect(await running.shop.audit.list({ action: "case.read" })).toEqual([]);
  });

  it("leaves the case out of a refused call, and of the admin's own orders", async () => {
    for (const message of ["Show me Carol Davis's orders", "Show my orders"]) {
      const last = (await stepsOf(message)).findLast((step) => step.tool !== "call_specialist_agent");
      const { body } = await admin.get(`/api/receipts/${last?.entry_id}`);
      expect(body.summary.resource).toMatch(/^orders\//);
      expect(body.summary.case).toBeUndefined();
    }
  });
});
