import { describe, expect, it } from "vitest";
import type { Approval } from "../../api/types.ts";
import { effectiveStatus, valueText } from "./approval-words.ts";

const approval = (status: Approval["status"]): Approval => ({
  id: "a",
  tool: "t",
  agent: "g",
  summary: "s",
  arguments: [],
  status,
  expires: "2026-11-22T12:00:00Z",
  created: "2026-11-22T11:45:00Z",
});

describe("an approval's status", () => {
  it("is expired once its time is over, though the record still says pending", () => {
    expect(effectiveStatus(approval("pending"), true)).toBe("expired");
    expect(effectiveStatus(approval("pending"), false)).toBe("pending");
    expect(effectiveStatus(approval("executed"), true)).toBe("executed");
  });
});

describe("an argument", () => {
  it("is shown exactly: text as it is, everything else as JSON", () => {
    expect(valueText('5" <b>')).toBe('5" <b>');
    expect(valueText("5")).not.toBe(valueText({ n: 5 }));
    expect(valueText(null)).toBe("null");
    expect(valueText(undefined)).toBe("–");
  });
});
