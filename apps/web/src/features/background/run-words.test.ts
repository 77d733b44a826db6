import { describe, expect, it } from "vitest";
import { isUnderWay, runWords } from "./run-words.ts";

describe("what a person reads of background work", () => {
  it("says why it is parked", () => {
    expect(runWords({ status: "parked", reason: "grant_revoked" })).toBe("Parked: its mandate ended");
    expect(runWords({ status: "parked", reason: "insufficient_scope" })).toBe(
      "Parked: its mandate does not cover it",
    );
    expect(runWords({ status: "waiting" })).toBe("Needs you");
  });

  it("offers Stop for what may still happen, and for nothing else", () => {
    expect(isUnderWay({ status: "parked" })).toBe(true);
    for (const status of ["done", "failed", "stopped", "cancelled"] as const)
      expect(isUnderWay({ status })).toBe(false);
  });
});
