import { describe, expect, it } from "vitest";
import { argumentSources } from "./provenance.ts";

describe("where an argument came from", () => {
  const data = ['{"number":"ORD-10042","id":"0198c0de-0000-7000-8000-000000000001"}'];

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
