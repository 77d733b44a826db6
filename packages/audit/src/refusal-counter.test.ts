import { describe, expect, it } from "vitest";
import { manualClock } from "@deputize/core";
import { type AuditEvent, encodeEvent } from "./event.ts";
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
