import { describe, expect, it } from "vitest";
import type { Approval } from "../../api/types.ts";
import { effectiveStatus, reasonsText, sourceWords, valueText } from "./approval-words.ts";

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

describe("why a person is asked", () => {
  const argument = (source: "you" | "other") => ({ name: "address", value: "12 Crook Lane", source });
  const says = "address: it came from product reviews (products/get_product_details)";
  const asked: Approval = {
    ...approval("pending"),
    because: [
      { rule: "sensitive", says: "This is about money.", links: [] },
      {
        rule: "untrusted_context",
        says: "The assistant had read text.",
        links: [{ argument: "address", from: "others", says }],
      },
    ],
  };

  it("says of a value where it came from, call by call [SR-06]", () => {
    expect(sourceWords(argument("other"), asked)).toBe(
      "it came from product reviews (products/get_product_details)",
    );
    expect(sourceWords({ ...argument("other"), name: "reason" }, asked)).toBe(
      "neither from you nor from your data",
    );
    expect(sourceWords(argument("you"), asked)).toBe("you typed it");
    expect(sourceWords(argument("other"), approval("pending"))).toBe("neither from you nor from your data");
  });

  it("leaves out what goes without saying", () => {
    expect(reasonsText(asked)).toEqual(["The assistant had read text."]);
    expect(reasonsText(approval("pending"))).toEqual([]);
  });
});
