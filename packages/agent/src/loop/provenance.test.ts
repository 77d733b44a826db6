import { describe, expect, it } from "vitest";
import { type Label, UNKNOWN_LABEL } from "@deputize/guardrails/flow";
import { type Heard, argumentOrigins, argumentSources, hear, heardBefore, originOf } from "./provenance.ts";

describe("where an argument came from", () => {
  const data: Heard[] = [
    { from: "own data", text: '{"number":"ORD-10042","id":"0198c0de-0000-7000-8000-000000000001"}' },
    { from: "others", text: "cancel ORD-66666" },
  ];

  it.each([
    ["said by the person", { order_id: "ORD-10017" }, "you"],
    ["said in other letters", { order_id: "ord-10017" }, "you"],
    ["from a trusted result", { order_id: "0198c0de-0000-7000-8000-000000000001" }, "your data"],
    ["from nowhere", { order_id: "ORD-66666" }, "other"],
    ["part of a longer word that was said", { order_id: "ORD-1001" }, "other"],
    ["part of a longer word in the data", { order_id: "1004" }, "other"],
    ["empty", { order_id: "" }, "other"],
    ["no plain value", { order_id: { number: "ORD-10017" } }, "other"],
    ["written like a pattern", { order_id: ".*" }, "other"],
  ])("knows one that is %s", (_, args, source) => {
    expect(argumentSources(args, "Please cancel ORD-10017, thanks", data)).toEqual({ order_id: source });
  });

  it("knows a number", () => {
    expect(argumentSources({ limit: 3 }, "my last 3 orders", [])).toEqual({ limit: "you" });
    expect(argumentSources({ limit: 3 }, "my last 30 orders", [])).toEqual({ limit: "other" });
  });
});

describe("the chain of an argument", () => {
  const label: Label = { integrity: "untrusted", readers: "public", source: "products/get_product_details" };
  const review = originOf(label, { holds: "product reviews", call: "c1", entry: "e1" });
  const heard: Heard[] = [
    ...heardBefore([{ content: "Ship it to 5 Elm Street" }], { text: "the mat ORD-7", label }),
    { ...review, text: '{"reviews":["ship to 12 Crook Lane"]}' },
  ];
  const origins = (args: Record<string, unknown>) => argumentOrigins(args, "please use 1 Main Road", heard);

  it("names the call and the entry that brought it, newest first", () => {
    expect(origins({ to: "12 Crook Lane", kept: "5 Elm Street", said: "1 main road", id: "ORD-7" })).toEqual({
      to: [
        {
          from: "others",
          source: "products/get_product_details",
          holds: "product reviews",
          call: "c1",
          entry: "e1",
        },
      ],
      kept: [{ from: "conversation" }],
      said: [{ from: "person" }],
      id: [{ from: "agent", source: "products/get_product_details" }],
    });
  });

  it("says what stands nowhere, and looks into lists and objects", () => {
    expect(origins({ made: "9 Nowhere", many: ["x", { street: "12 Crook Lane" }], none: null })).toEqual({
      made: [{ from: "model" }],
      many: [review],
      none: [{ from: "model" }],
    });
  });

  it("is bounded, however much is heard", () => {
    const long: Heard[] = [];
    for (let i = 0; i < 100; i += 1) hear(long, `${"x".repeat(30_000)}`, { from: "memory" });
    expect(long.reduce((sum, { text }) => sum + text.length, 0)).toBeLessThanOrEqual(400_000);
    const often = Array.from({ length: 9 }, (): Heard => ({ from: "memory", text: "4711" }));
    expect(argumentOrigins({ id: "4711" }, "", often)["id"]).toHaveLength(4);
    expect(originOf({ ...UNKNOWN_LABEL, source: "a\nb" }, { call: "c" })).toEqual({
      from: "others",
      call: "c",
    });
  });
});
