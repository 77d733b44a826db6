/** The one refund that needs nobody's yes, and all that comes close to it. */
import { type TestClient, type ToolCallResult } from "deputize/mcp";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { TRUSTED, type TestDesk, approvalOf, openTestDesk } from "./testing.ts";

let desk: TestDesk;
let ann: TestClient;
beforeAll(async () => {
  desk = await openTestDesk();
  ann = await desk.as("ann");
});
beforeEach(async () => {
  await desk.store.ownerQuery("DELETE FROM desk.refunds");
  await desk.store.ownerQuery("UPDATE desk.orders SET refunded_cents = 0");
});
afterAll(() => desk[Symbol.asyncDispose]());

const refund = (client: TestClient, amount: number, order_id = "12345", meta: object = TRUSTED) =>
  client.callTool("orders_process_refund", { order_id, amount, reason: "broken" }, { ...meta });
const outcomeOf = (result: ToolCallResult): string => {
  if (approvalOf(result)) return "asked";
  const error = result.structuredContent?.["error"] as { code: string } | undefined;
  return error?.code ?? "done";
};
const outcome = async (...args: Parameters<typeof refund>) => outcomeOf(await refund(...args));
const refunded = async (): Promise<number> => {
  const { rows } = await desk.store.ownerQuery<{ cents: number }>(
    "SELECT coalesce(sum(amount_cents), 0)::int AS cents FROM desk.refunds",
  );
  return rows[0]?.cents ?? -1;
};

it("goes through under 20 dollars on an own delivered order, and the entry says why [PR-F27] [SR-06]", async () => {
  expect(await outcome(ann, 19.99)).toBe("done");
  expect(await refunded()).toBe(1999);
  const { entries } = await desk.audit.query({ tenant: "default", limit: 20 });
  expect(
    entries.find(({ event }) => event?.resource === "customer-ops/orders_process_refund")?.event,
  ).toMatchObject({
    detail: { exempt: expect.stringContaining("stays under 20 dollars") },
  });
});

it("asks from 20 dollars on, and for an order that was not delivered [SR-06]", async () => {
  expect(await outcome(ann, 20)).toBe("asked");
  expect(await outcome(ann, 5, "12346")).toBe("asked");
  expect(await refunded()).toBe(0);
});

it("asks for the small one that passes the limit together with those before [SR-15]", async () => {
  const outcomes: string[] = [];
  for (const amount of [5, 5, 5, 4.99, 0.01, 5]) outcomes.push(await outcome(ann, amount));
  expect(outcomes).toEqual(["done", "done", "done", "done", "asked", "asked"]);
  expect(await refunded()).toBe(1999);
});

it("lets no two at once pass the limit together [SR-15]", async () => {
  for (let round = 0; round < 3; round++) {
    await desk.store.ownerQuery("DELETE FROM desk.refunds");
    await desk.store.ownerQuery("UPDATE desk.orders SET refunded_cents = 0");
    const outcomes = await Promise.all([12, 12, 12].map((amount) => outcome(ann, amount)));
    expect(outcomes.filter((one) => one === "done")).toHaveLength(1);
    expect(await refunded()).toBe(1200);
  }
});

it("asks in an untrusted context, and where nobody says that it is not [SR-06]", async () => {
  for (const meta of [{}, { "deputize/context": { integrity: "untrusted" } }])
    expect(await outcome(ann, 5, "12345", meta)).toBe("asked");
  expect(await refunded()).toBe(0);
});

it("asks a colleague under a case, because the order is not theirs [SR-04]", async () => {
  const { assistant } = await desk.withCase("max", "ann");
  expect(await outcome(assistant, 5)).toBe("asked");
  expect(await refunded()).toBe(0);
});

it("holds against SQL that calls the function alone [SR-03] [SR-15]", async () => {
  const { token } = await desk.withCase("max", "ann");
  const tokens = { ann: (await desk.signIn("ann")).assistant, max: token };
  const attempt = async (as: "ann" | "max", order: string, cents: number | null, times = 1) => {
    const { caller } = await desk.authority.tokens.read(tokens[as]);
    return desk.store.asCaller(
      caller,
      async (tx) => {
        for (let n = 0; n < times; n++)
          await tx.query("SELECT desk.refund($1, $2, 'r', (SELECT version FROM desk.orders WHERE id = $1))", [
            order,
            cents,
          ]);
      },
      { readOnly: false },
    );
  };
  const refused = async (attempted: Promise<unknown>, code = "approval_invalid") =>
    expect(attempted).rejects.toMatchObject({ code });
  await refused(attempt("ann", "12345", 2000));
  await refused(attempt("ann", "12345", null));
  await refused(attempt("ann", "12345", -100));
  await refused(attempt("ann", "12346", 100));
  await refused(attempt("ann", "22345", 100), "not_found");
  await refused(attempt("ann", "12345", 1000, 2));
  await refused(attempt("max", "12345", 100));
  expect(await refunded()).toBe(0);
  await attempt("ann", "12345", 1000);
  await refused(attempt("ann", "12345", 1000));
  expect(await refunded()).toBe(1000);
});
