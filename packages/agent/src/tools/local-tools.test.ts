import { describe, expect, it } from "vitest";
import { z } from "zod";
import { alice, auditList, authority, trusted } from "../agent.fixture.ts";
import { declineTool } from "./decline-tool.ts";
import { localTools } from "./local-tools.ts";
import type { ToolCall, ToolContext } from "./tool-source.ts";

const context: ToolContext = {
  caller: alice,
  authority,
  agent: "customer-support",
  runId: "r",
  conversationId: "v",
  label: trusted,
  personMessage: "",
  signal: new AbortController().signal,
  emit: () => {},
};
const call = (tool: string, args: Record<string, unknown>): ToolCall => ({
  callId: "c",
  tool,
  args,
  argumentSources: {},
});

describe("local tools", () => {
  const seen: unknown[] = [];
  const source = localTools("here", [
    {
      name: "greet",
      description: "Greets.",
      input: z.strictObject({ name: z.string().default("you") }),
      call: async ({ args }) => {
        seen.push(args);
        return { status: "done", content: "hi", label: trusted, cards: [] };
      },
    },
    {
      name: "secret",
      description: "For nobody.",
      input: z.strictObject({}),
      available: () => false,
      call: async () => ({ status: "done", content: "", label: trusted, cards: [] }),
    },
  ]);

  it("are offered with their schema, unless they are not available to the caller", async () => {
    const listed = await source.list(context);
    expect(listed.map(({ name }) => name)).toEqual(["greet"]);
    expect(listed[0]?.inputSchema).toMatchObject({ type: "object", additionalProperties: false });
  });

  it("get parsed arguments, and refuse what does not fit before they run", async () => {
    expect(await source.call(call("greet", {}), context)).toMatchObject({ status: "done" });
    expect(await source.call(call("greet", { name: 7 }), context)).toMatchObject({ status: "refused" });
    expect(await source.call(call("greet", { user_id: "bob" }), context)).toMatchObject({
      status: "refused",
    });
    expect(await source.call(call("none", {}), context)).toMatchObject({ status: "refused" });
    expect(seen).toEqual([{ name: "you" }]);
  });
});

describe("declining", () => {
  it("leaves an entry that says who was refused what, and does nothing else", async () => {
    const audit = auditList();
    const source = declineTool(audit);
    const outcome = await source.call(call("decline_request", { reason: "other_persons_data" }), context);
    expect(outcome).toMatchObject({ status: "refused", entryId: expect.any(String) });
    expect(audit.events).toMatchObject([
      { action: "agent.declined", outcome: "refused", reason: "other_persons_data", subject: alice.subject },
    ]);
    expect(
      await source.call(call("decline_request", { reason: "free text about Bob" }), context),
    ).toMatchObject({ status: "refused" });
    expect(audit.events).toHaveLength(1);
  });
});
