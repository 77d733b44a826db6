/** The client of an agent server without Node: bundled for browsers, and run where nothing of Node is in reach. */
import { createContext, runInContext } from "node:vm";
import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { bundlePortable } from "../testing/bundle-portable.ts";

it("bundles for browsers and the edge with nothing of Node in it, and stays small", async () => {
  const code = await bundlePortable("server/index.ts", "agentServer");
  expect(code).not.toMatch(
    /["']node:|__vite-browser-external|\brequire\(|\bBuffer\b|\bprocess\.|AsyncLocalStorage/,
  );
  expect(gzipSync(code).length).toBeLessThan(30_000);
});

it("asks, streams and refuses in a world without Node's globals", async () => {
  const world = createContext({
    crypto,
    TextEncoder,
    TextDecoder,
    URL,
    URLSearchParams,
    AbortController,
    AbortSignal,
    FormData,
    Blob,
    File,
    setTimeout,
    clearTimeout,
    btoa,
    async fetch(this: unknown, address: string, init: RequestInit) {
      // As browsers do, and Node does not.
      if (this !== undefined) throw new TypeError("Illegal invocation");
      if (new Headers(init.headers).get("authorization") !== "Bearer good")
        return Response.json({ error: { code: "INVALID_TOKEN", message: "no" } }, { status: 401 });
      if (!address.endsWith("/stream")) return Response.json({ data: { threads: [] }, metadata: {} });
      return new Response(
        'id: 1\nevent: delta\ndata: {"text":"Hi"}\n\nid: 2\nevent: done\ndata: {"status":"succeeded"}\n\n',
      );
    },
  });
  runInContext(
    `${await bundlePortable("server/index.ts", "agentServer")}; globalThis.lib = agentServer;`,
    world,
  );
  const outcome = (await runInContext(
    `(async () => {
      const client = (token) => new lib.AgentServerClient({ baseUrl: "https://agent.example", authToken: token });
      const events = [];
      for await (const { event } of client("good").streamRun("r")) events.push(event);
      return JSON.stringify({
        threads: (await client("good").threads()).data.threads,
        events,
        refused: await client("bad").threads().catch((error) => error.errorCode),
        node: [typeof Buffer, typeof process, typeof require].join(),
      });
    })()`,
    world,
  )) as string;
  expect(JSON.parse(outcome)).toEqual({
    threads: [],
    events: ["delta", "done"],
    refused: "INVALID_TOKEN",
    node: "undefined,undefined,undefined",
  });
});
