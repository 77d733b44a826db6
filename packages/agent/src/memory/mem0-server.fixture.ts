/** For tests: a local server that speaks the wire format of the Mem0 platform, and can be made to misbehave. */
import { randomUUID } from "node:crypto";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { wordShare, wordsOf } from "./memory-words.ts";

export const MEM0_KEY = "m0-key-of-the-test-server";

interface Kept {
  id: string;
  memory: string;
  user_id: string;
  metadata: unknown;
  created_at: string;
  updated_at: string;
}

export interface Mem0Server {
  readonly url: string;
  readonly kept: Map<string, Kept>;
  readonly seen: { readonly method: string; readonly path: string; readonly body: string }[];
  /** Sends what belongs to others too. */
  leaky: boolean;
  /** Takes memories in later, as the hosted service does, and names an event only. */
  later: boolean;
  /** Answers instead. */
  answer: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;
  close(): Promise<void>;
}

export async function mem0Server(now: () => number = Date.now): Promise<Mem0Server> {
  const kept = new Map<string, Kept>();
  const seen: Mem0Server["seen"] = [];
  const state: { leaky: boolean; later: boolean; answer: Mem0Server["answer"] } = {
    leaky: false,
    later: false,
    answer: undefined,
  };

  const server = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += String(chunk);
    const url = new URL(request.url ?? "/", "http://local");
    const method = request.method ?? "GET";
    seen.push({ method, path: url.pathname + url.search, body: text });
    if (state.answer) return state.answer(request, response);
    const send = (status: number, body?: unknown): void => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(body === undefined ? "" : JSON.stringify(body));
    };
    if (request.headers.authorization !== `Token ${MEM0_KEY}`) return send(401, { detail: "Invalid token." });
    const body = (text ? JSON.parse(text) : {}) as Record<string, unknown>;
    const filters = body["filters"] as { user_id?: string } | undefined;
    const visible = (): Kept[] =>
      [...kept.values()].filter(({ user_id }) => state.leaky || user_id === filters?.user_id).toReversed();
    const id = /^\/v1\/memories\/([^/]+)\/$/.exec(url.pathname)?.[1];

    if (method === "POST" && url.pathname === "/v3/memories/add/") {
      const [message] = body["messages"] as { content: string }[];
      const at = new Date(now()).toISOString();
      const one: Kept = {
        id: randomUUID(),
        memory: message?.content ?? "",
        user_id: String(body["user_id"]),
        metadata: body["metadata"],
        created_at: at,
        updated_at: at,
      };
      kept.set(one.id, one);
      if (state.later) return send(202, { message: "Queued.", status: "PENDING", event_id: randomUUID() });
      return send(200, { results: [{ id: one.id, memory: one.memory, event: "ADD" }] });
    }
    if (method === "POST" && url.pathname === "/v3/memories/search/") {
      const asked = new Set(wordsOf(String(body["query"])));
      const scored = visible().map((one) => ({
        ...one,
        score: wordShare(asked, new Set(wordsOf(one.memory))),
      }));
      const found = scored.filter(({ score }) => score >= Number(body["threshold"] ?? 0));
      return send(200, {
        results: found.toSorted((a, b) => b.score - a.score).slice(0, Number(body["top_k"] ?? 10)),
      });
    }
    if (method === "POST" && url.pathname === "/v3/memories/") {
      const [page, size] = [Number(url.searchParams.get("page")), Number(url.searchParams.get("page_size"))];
      const all = visible();
      const results = all.slice((page - 1) * size, page * size);
      return send(200, {
        count: all.length,
        next: page * size < all.length ? "next" : null,
        previous: null,
        results,
      });
    }
    if (method === "DELETE" && url.pathname === "/v1/memories/") {
      const user = url.searchParams.get("user_id");
      if (!user) return send(400, { error: "a filter is needed" });
      for (const one of kept.values()) if (one.user_id === user) kept.delete(one.id);
      return send(200, { message: "Memories deleted successfully!" });
    }
    const one = id === undefined ? undefined : kept.get(id);
    if (!one) return send(404, { detail: "Not found." });
    if (method === "DELETE") {
      kept.delete(one.id);
      return send(204);
    }
    if (method === "PUT") {
      Object.assign(one, {
        memory: body["text"],
        metadata: body["metadata"],
        updated_at: new Date(now()).toISOString(),
      });
    }
    return send(200, one);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return Object.assign(state, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    kept,
    seen,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}
