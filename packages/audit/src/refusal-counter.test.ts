import { describe, expect, it } from "vitest";
import { type PrincipalId, manualClock, newId } from "@deputize/core";
import { type AuditEvent, encodeEvent } from "./event.ts";
import { REFUSAL_ENTRIES } from "./refusal-budget.ts";
import { REFUSAL_LIMITS, refusalCounter } from "./refusal-counter.ts";

function counting() {
  const events: AuditEvent[] = [];
  let broken = false;
  const log = {
    append: async (event: AuditEvent) => {
      if (broken) throw new Error("the log is away");
      encodeEvent(event);
      events.push(event);
      return "id";
    },
  };
  const clock = manualClock(Date.parse("2026-11-22T10:00:00Z"));
  const counter = refusalCounter({ log, clock, tenant: "default" });
  return { counter, clock, events, breakLog: (value: boolean) => (broken = value) };
}

describe("refusals of somebody known", () => {
  const refused = (who: string, action = "scope_violation"): AuditEvent => ({
    action,
    outcome: "refused",
    tenant: "default",
    subject: who as PrincipalId,
  });

  it("are entries of their own up to a budget a minute, kind and principal, and counted beyond [SR-19]", async () => {
    const { counter, clock, events } = counting();
    const loud = newId();
    for (let n = 0; n < 10_000; n += 1) await counter.refused(refused(loud));
    await counter.refused(refused(newId()));
    await counter.refused(refused(loud, "delegation_refused"));
    expect(events).toHaveLength(REFUSAL_ENTRIES.ofOne + 2);
    clock.advance(60_000);
    await counter.refused(refused(loud));
    expect(events).toHaveLength(REFUSAL_ENTRIES.ofOne + 3);
    await counter.close();
    expect(events.at(-1)?.detail?.["counted"]).toEqual([
      { reason: "scope_violation", source: loud, count: 10_000 - REFUSAL_ENTRIES.ofOne },
    ]);
  });

  it("have a bound in all, however many names one makes for oneself [SR-19]", async () => {
    const { counter, events } = counting();
    for (let n = 0; n < REFUSAL_ENTRIES.ofAll + 5_000; n += 1) await counter.refused(refused(newId()));
    expect(events).toHaveLength(REFUSAL_ENTRIES.ofAll);
    await counter.close();
    expect(events.at(-1)?.detail?.["total"]).toBe(5_000);
  });

  it("are refused all the same while the log is away; a stranger's is counted", async () => {
    const { counter, events, breakLog } = counting();
    breakLog(true);
    await expect(counter.refused(refused(newId()))).rejects.toThrow("away");
    await counter.refused(
      { action: "token_auth_failed", outcome: "refused", tenant: "default" },
      "192.0.2.1",
    );
    breakLog(false);
    await counter.close();
    expect(events.map(({ detail }) => detail?.["counted"])).toEqual([
      [{ reason: "token_auth_failed", source: "192.0.2.1", count: 1 }],
    ]);
  });
});

describe("refusals without identity", () => {
  it("become one entry a period, with a number for each reason and source [SR-19]", async () => {
    const { counter, clock, events } = counting();
    for (let i = 0; i < 3; i += 1) counter.count("invalid_token", "198.51.100.7");
    counter.count("invalid_client", "198.51.100.8");
    clock.advance(60_000);
    await counter.flush();
    expect(events).toEqual([
      {
        action: "refusals.counted",
        outcome: "refused",
        tenant: "default",
        detail: {
          from: "2026-11-22T10:00:00.000Z",
          to: "2026-11-22T10:01:00.000Z",
          total: 4,
          others: 0,
          counted: [
            { reason: "invalid_token", source: "198.51.100.7", count: 3 },
            { reason: "invalid_client", source: "198.51.100.8", count: 1 },
          ],
        },
      },
    ]);
    await counter.close();
    expect(events).toHaveLength(1);
  });

  it("grow neither memory nor log, however many come from wherever [SR-19]", async () => {
    const { counter, events } = counting();
    for (let i = 0; i < 200_000; i += 1)
      counter.count(`reason${i % 7}${"x".repeat(99)}`, `source ${i}${"y".repeat(999)}`);
    await counter.close();
    expect(events).toHaveLength(1);
    const { total, others, counted } = (events[0] as AuditEvent).detail as {
      total: number;
      others: number;
      counted: { source: string }[];
    };
    expect(total).toBe(200_000);
    expect(counted).toHaveLength(REFUSAL_LIMITS.pairs);
    expect(others).toBe(200_000 - REFUSAL_LIMITS.pairs);
    expect(counted.every((tally) => tally.source.length <= REFUSAL_LIMITS.sourceChars)).toBe(true);
    expect(encodeEvent(events[0] as AuditEvent).length).toBeLessThan(64_000);
  });

  it("are not lost while the log is away", async () => {
    const { counter, events, breakLog } = counting();
    counter.count("invalid_token", "a");
    breakLog(true);
    await counter.flush();
    counter.count("invalid_token", "a");
    breakLog(false);
    await counter.flush();
    expect(events.map((event) => event.detail?.["total"])).toEqual([2]);
    await counter.close();
  });

  it("write nothing when there was nothing", async () => {
    const { counter, events } = counting();
    await counter.close();
    expect(events).toEqual([]);
  });
});
