import { describe, expect, it } from "vitest";
import { errorOf, smallServer } from "../../test/servers.ts";
import { clientOf } from "../../test/world.ts";
import { type OutputLimits, outputLimit, publicTool } from "../index.ts";
import { limitOutput } from "./output-limit.ts";

const open = { description: "o", effect: "read", guards: [publicTool()] } as const;
const limit = (limits: OutputLimits, value: unknown) => limitOutput([outputLimit(limits)], 1_000_000, value);

describe("outputLimit", () => {
  it("cuts a long text at a character's border and says so", () => {
    expect(limit({ maxText: 3 }, { a: ["abcdef", "abc"] })).toEqual({
      a: ["abc… [3 characters cut]", "abc"],
    });
    expect(limit({ maxText: 3 }, "ab😀cd")).toBe("ab… [4 characters cut]");
  });

  it("leaves pictures whole, which half a text is not", () => {
    const picture = { type: "image", data: "aGVsbG8=", mimeType: "image/png" };
    expect(limit({ maxText: 3 }, [picture])).toEqual([picture]);
  });

  it.each<[string, OutputLimits, unknown]>([
    ["bytes, not characters", { maxBytes: 6 }, "ééé"],
    ["depth", { maxDepth: 2 }, { a: { b: { c: 1 } } }],
    ["items of a list", { maxItems: 2 }, { a: [1, 2, 3] }],
    ["members of an object", { maxItems: 2 }, { a: 1, b: 2, c: 3 }],
    ["text, where it may not be cut", { maxText: 3, longText: "refuse" }, ["abcd"]],
  ])("refuses too much: %s", (_name, limits, value) => {
    expect(() => limit(limits, value)).toThrow(expect.objectContaining({ code: "limit_exceeded" }));
  });

  it("holds the narrowest of several", () => {
    const layers = [outputLimit({ maxText: 5 }), outputLimit({ maxItems: 1 })];
    expect(limitOutput(layers, 100, ["abcdef"])).toEqual(["abcde… [1 characters cut]"]);
    expect(() => limitOutput(layers, 100, [1, 2])).toThrow();
  });

  it("refuses the call of a tool that answers too much", async () => {
    const { server, audit } = smallServer();
    server.use(outputLimit({ maxItems: 2 }));
    server.tool("many", open, () => ({ all: [1, 2, 3] }));
    expect(errorOf(await clientOf(server, "alice").callTool("many"))?.code).toBe("limit_exceeded");
    expect(audit.entries).toMatchObject([{ outcome: "refused", reason: "limit_exceeded" }]);
  });

  it("refuses limits that are none at start-up", () => {
    expect(() => outputLimit({})).toThrow(/output limit/);
    expect(() => outputLimit({ maxBytes: -1 })).toThrow(/output limit/);
  });
});
