/** The life of lasting work, with an engine whose clock is ours. */
import { describe, expect, it } from "vitest";
import {
  type LastingInput,
  type LastingState,
  type LastingWorker,
  type Steps,
  liveLastingWork,
} from "./workflow.ts";

const HOUR = 3_600_000;
const input: LastingInput = {
  id: "11111111-1111-4111-8111-111111111111",
  tenant: "default",
  subject: "22222222-2222-4222-8222-222222222222",
  agent: "orders",
  mandateId: "33333333-3333-4333-8333-333333333333",
  startAt: 0,
};

function engine(startMs: number) {
  const clock = { ms: startMs };
  const states: LastingState[] = [];
  const steps: Steps = {
    now: async () => clock.ms,
    sleepms: async (ms) => void (clock.ms += ms),
    runStep: (work) => work(),
    setEvent: async (_key, value) => void states.push(value as LastingState),
    recv: async (_topic, { timeoutSeconds }) => {
      clock.ms += timeoutSeconds * 1_000;
      return null;
    },
  };
  return { clock, states, steps };
}

describe("lasting work", () => {
  it("asks seldom how an approval stands that takes a day, and drives no run meanwhile [SR-14]", async () => {
    const { clock, steps } = engine(0);
    let drives = 0;
    let looks = 0;
    const worker: LastingWorker = {
      async drive(_input, { decided }) {
        drives += 1;
        return decided ? { status: "done" } : { status: "waiting", approvalId: "a" };
      },
      async decision() {
        looks += 1;
        return clock.ms < 24 * HOUR ? "pending" : "approve";
      },
    };
    await liveLastingWork(steps, worker, { pollMs: 5_000 }, input);
    expect(drives).toBe(2);
    expect(looks).toBeLessThan(1_600);
    // Soon after it was given, at first; within a minute, later.
    expect(clock.ms - 24 * HOUR).toBeLessThanOrEqual(60_000);
  });

  it("makes up once for what was missed, and keeps to its hours", async () => {
    const { clock, states, steps } = engine(0);
    const ran: number[] = [];
    const worker: LastingWorker = {
      async drive() {
        ran.push(clock.ms / HOUR);
        // Nothing runs for ten hours and a half, as after a fall of the whole installation.
        if (ran.length === 2) clock.ms += 10.5 * HOUR;
        return { status: ran.length < 5 ? "done" : "stopped" };
      },
      decision: async () => "refuse",
    };
    await liveLastingWork(steps, worker, { pollMs: 5_000 }, { ...input, everySeconds: 3_600 });
    expect(ran).toEqual([0, 1, 11.5, 12, 13]);
    expect(
      states.filter(({ status }) => status === "scheduled").map(({ next }) => (next ?? 0) / HOUR),
    ).toEqual([1, 12, 13]);
  });
});
