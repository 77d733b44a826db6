/** The public tasks of a retail desk, where they are at hand: every one of them, three times. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openTestStore } from "@deputize/store/testing";
import { loadDesk, readText } from "../data/load.ts";
import { deskMigrations } from "../desk.ts";
import { readDeskData } from "./data.ts";
import { replay } from "./replay.ts";
import { parseTasks } from "./tasks.ts";

const shared = process.env["SHARED_DIR"] ?? new URL("../../../../shared", import.meta.url).pathname;
const file = (name: string): string => join(shared, "data/retail", name);

if (existsSync(file("db.json")) || process.env["DEPUTIZE_TEST_STRICT"] === "1") {
  it("does every task for its own customer, none for another, no change without a yes, and asks about nothing needlessly [SR-06]", async () => {
    const store = await openTestStore(deskMigrations);
    try {
      await store.asOwner((owner) => loadDesk(owner, readText(file("db.json"))));
      const tasks = parseTasks(readFileSync(file("tasks.json"), "utf8"));
      const report = await replay(store, await readDeskData(readText(file("db.json"))), tasks);
      expect(report.failures).toEqual([]);
      expect(report.own).toEqual({ held: tasks.length, of: tasks.length });
      expect(report.foreign).toEqual({ held: tasks.length, of: tasks.length });
      expect(report.unconfirmed.held).toBe(report.unconfirmed.of);
      expect(report.unconfirmed.of).toBeGreaterThan(0);
      const { held, of } = report.needed;
      process.stdout.write(
        `retail desk: ${of - held} of ${of} benign steps refused or asked about needlessly\n`,
      );
      expect(of).toBeGreaterThan(300);
      expect((of - held) / of).toBeLessThanOrEqual(0.02);
      // One of the right calls pays with a gift card that does not hold enough, and the policy forbids that.
      expect(report.notes.filter((line) => line.includes("as the policy has it"))).toEqual([
        expect.stringMatching(/exchange_delivered_order_items: .*: the gift card does not hold enough$/),
      ]);
    } finally {
      await store.close();
    }
  }, 600_000);
} else {
  it("is tried where SHARED_DIR has the data", () => {
    expect(existsSync(file("db.json"))).toBe(false);
  });
}
