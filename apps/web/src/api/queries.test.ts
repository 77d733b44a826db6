import { expect, it, vi } from "vitest";
import { fetchConversation } from "./queries.ts";

it("reads a conversation of many pages whole, and in order", async () => {
  const message = (seq: number) => ({ id: `m${seq}`, seq });
  const pages: Record<string, unknown> = {
    "/api/conversations/c%2F1": { id: "c/1", title: "T", messages: [message(3), message(4)], earlier: 3 },
    "/api/conversations/c%2F1?limit=1000&before=3": { messages: [message(2)], earlier: 2 },
    "/api/conversations/c%2F1?limit=1000&before=2": { messages: [message(1)] },
  };
  vi.stubGlobal("fetch", async (url: string) => Response.json(pages[url]));
  expect(await fetchConversation("c/1")).toEqual({
    id: "c/1",
    title: "T",
    messages: [1, 2, 3, 4].map(message),
  });
});
