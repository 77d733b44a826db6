import { manualClock } from "@deputize/core";
import { describe, expect, it } from "vitest";
import { type Pass, createBreaker } from "./breaker.ts";

function fresh() {
  const clock = manualClock(0);
  const breaker = createBreaker({ failures: 2, openMs: 1_000, clock });
  const enter = (): Pass => {
    const pass = breaker.enter();
    if ("waitMs" in pass) throw new Error(`shut for ${pass.waitMs}`);
    return pass;
  };
  return { clock, breaker, enter };
}

describe("a circuit breaker", () => {
  it("opens after failures in a row, and says for how long", () => {
    const { breaker, enter, clock } = fresh();
    enter().failed();
    enter().succeeded();
    enter().failed();
    enter().failed();
    clock.advance(400);
    expect(breaker.enter()).toEqual({ waitMs: 600 });
  });

  it("lets one probe through, whose success closes it", () => {
    const { breaker, enter, clock } = fresh();
    enter().failed();
    enter().failed();
    clock.advance(1_000);
    const probe = enter();
    expect(breaker.enter()).toEqual({ waitMs: 1_000 });
    probe.succeeded();
    enter().failed();
    enter();
  });

  it("opens anew when the probe fails, and takes the next when it says nothing", () => {
    const { breaker, enter, clock } = fresh();
    enter().failed();
    enter().failed();
    clock.advance(1_000);
    enter().left();
    enter().failed();
    expect(breaker.enter()).toEqual({ waitMs: 1_000 });
  });

  it("does not wait for ever for a probe that nobody hears of", () => {
    const { enter, clock } = fresh();
    enter().failed();
    enter().failed();
    clock.advance(1_000);
    const lost = enter();
    clock.advance(1_000);
    const second = enter();
    lost.failed();
    second.succeeded();
    enter();
    enter();
  });

  it("does not hear calls that began before it opened", () => {
    const { breaker, enter } = fresh();
    const [early, late] = [enter(), enter()];
    enter().failed();
    enter().failed();
    early.succeeded();
    late.failed();
    expect(breaker.enter()).toEqual({ waitMs: 1_000 });
  });

  it("counts a call once, and rests for as long as it was asked to", () => {
    const { breaker, enter } = fresh();
    const pass = enter();
    pass.failed();
    pass.failed();
    enter().failed(5_000);
    expect(breaker.enter()).toEqual({ waitMs: 5_000 });
  });
});
