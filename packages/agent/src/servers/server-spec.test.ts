/** Which token a tool server is sent, as a program names it. */
import { newId, systemClock } from "@deputize/core";
import { privateLabel } from "@deputize/guardrails/flow";
import { expect, it } from "vitest";
import { alice } from "../agent.fixture.ts";
import type { ToolContext } from "../tools/tool-source.ts";
import { httpServer } from "./server-spec.ts";

const url = "https://tools.example.com/mcp";

it("a fixed token of the agent's own is sent in the place of the person's, and once only where it is refused [PR-F36]", async () => {
  const sent: (string | null)[] = [];
  const asked: string[] = [];
  const context: ToolContext = {
    caller: alice,
    authority: { tokenFor: async (audience) => (asked.push(audience), "the person's") },
    agent: "desk",
    runId: newId(),
    conversationId: newId(),
    label: privateLabel(alice.subject, "person"),
    personMessage: "",
    signal: new AbortController().signal,
    emit: () => {},
  };
  const refusing: typeof fetch = async (input, init) => {
    sent.push(new Request(input, init).headers.get("authorization"));
    return new Response(null, { status: 401 });
  };
  const source = httpServer({ url, bearerToken: "own", fetch: refusing }).source("tools", systemClock);
  await expect(source.list(context)).rejects.toMatchObject({ code: "invalid_token" });
  expect(sent).toEqual(["Bearer own"]);
  expect(asked).toEqual([]);
  // Without one, each request carries a token that was made for the person and this server.
  const plain = httpServer({ url, fetch: refusing }).source("tools", systemClock);
  await expect(plain.list(context)).rejects.toThrow();
  expect(asked).toEqual([url, url]);
  expect(sent.at(-1)).toBe("Bearer the person's");
});

it("two ways to the agent's own token are refused", () => {
  expect(() => httpServer({ url, bearerToken: "own", tokenProvider: async () => "own" })).toThrow(/not both/);
});
