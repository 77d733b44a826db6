import { expect, it } from "vitest";
import { walk } from "./walk.ts";

it("walks: own rows, nobody else's, and nothing without a yes", async () => {
  const lines: string[] = [];
  await walk((line = "") => lines.push(line));
  const after = (label: string) =>
    lines
      .find((line) => line.includes(label))
      ?.split(label)[1]
      ?.trim();
  expect(after("find_user_id_by_email, own address")).toBe('{"user_id":"ana_silva_1001"}');
  const nothing = "refused: there is no such thing, or it is not yours";
  for (const label of [
    "another customer's",
    "get_order_details     ",
    "of no order at all",
    "cancel_pending_order  ",
  ])
    expect(after(label)).toBe(nothing);
  expect(after("for a good one")).toBe("waits for the customer");
  expect(after("the customer is shown")).toBe(
    "Cancel order #A1 (no longer needed). Refund: $100.25 to credit_card_1001 within 5 to 7 business days. It cannot be undone.",
  );
  expect(after("and says yes")).toBe('status: "cancelled"');
  expect(after("once more")).toMatch(/^refused: the order is not pending/);
}, 120_000);
