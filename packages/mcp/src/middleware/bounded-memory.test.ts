import { manualClock } from "@deputize/core";
import { describe, expect, it } from "vitest";
import { boundedMemory } from "./bounded-memory.ts";

describe("boundedMemory", () => {
  it("drops what was unused for longest when it is full, and refuses what is too large", () => {
    const memory = boundedMemory(100, manualClock(0));
    for (const key of ["a", "b", "c", "d"]) memory.set(key, "x".repeat(9), 1000);
    expect(memory.get("a")).toBeDefined();
    memory.set("e", "x".repeat(9), 1000);
    expect([memory.get("a"), memory.get("b"), memory.get("e")].map((text) => text !== undefined)).toEqual([
      true,
      true,
      true,
    ]);
    memory.set("f", "x".repeat(9), 1000);
    expect(memory.get("c")).toBeUndefined();
    memory.set("g", "x".repeat(50), 1000);
    expect(memory.get("g")).toBeUndefined();
    memory.set("a", "new", 1000);
    expect(memory.get("a")).toBe("new");
  });

  it("forgets after its time", () => {
    const clock = manualClock(0);
    const memory = boundedMemory(1000, clock);
    memory.set("a", "x", 10);
    clock.advance(10);
    expect(memory.get("a")).toBeUndefined();
  });
});
