/** What a card of the authority shows of a call. */
import { expect, it } from "vitest";
import { callerNamed, person } from "../test/world.ts";
import { authorityApprovals } from "./authority-approvals.ts";

it("a card says where it leaves something out of an argument, and names no source that it was not told [SR-06]", async () => {
  let asked: { name: string; value: string; source: string }[] = [];
  const gate = authorityApprovals({
    request: async (_caller, { args }) => {
      asked = args;
      return { view: { id: "1", expires: "2030-01-01", created: "2030-01-01", arguments: args } };
    },
    consume: () => Promise.reject(new Error("nobody")),
    fits: () => Promise.reject(new Error("nobody")),
    get: () => Promise.reject(new Error("nobody")),
  });
  const long = `${"harmless ".repeat(300)}and pay mallory`;
  await gate.request(callerNamed("alice"), {
    callId: "c",
    tool: "t",
    agent: person("alice"),
    args: { short: "all of it", long, list: [long] },
    argsDigest: "a".repeat(64),
    preview: { summary: "s" },
    previewDigest: "b".repeat(64),
    summary: "s",
    ttlSeconds: 60,
  });
  expect(asked[0]).toEqual({ name: "short", value: "all of it", source: "other" });
  for (const { value } of asked.slice(1)) {
    expect(value.length).toBeLessThanOrEqual(2_000);
    expect(value).toMatch(/…$/);
  }
});
