import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type TestBroker, openTestBroker } from "../../packages/server/src/authority-server/testing.ts";
import { rowServer } from "./readme-server.ts";
import { processOrder } from "./readme-worker.ts";

const ROWS = "http://rows.example";
let broker: TestBroker;
beforeAll(async () => {
  broker = await openTestBroker();
});
afterAll(() => broker?.[Symbol.asyncDispose]());

it("the README of the client shows the worker and the server that run here", () => {
  const readme = readFileSync(new URL("../../packages/client/README.md", import.meta.url), "utf8");
  for (const file of ["readme-worker.ts", "readme-server.ts"]) {
    expect(readme).toContain(readFileSync(new URL(file, import.meta.url), "utf8").trim());
  }
});

it("and they do what it says: the worker reads its own order, and is gone afterwards [AW-F26] [AW-F38]", async () => {
  const server = await rowServer(broker.url, ROWS);
  const served: string[] = [];
  const app = await broker.newApp(["read:data:*", "write:data:*"], {
    fetch: async (input, init) => {
      const request = new Request(input, init);
      if (!request.url.startsWith(ROWS)) return fetch(request);
      served.push(request.headers.get("authorization") ?? "");
      return server.request(request.url, request);
    },
  });
  expect(await processOrder("ord-4823", ROWS, app)).toEqual({
    id: "ord-4823",
    by: expect.stringMatching(/^spiffe:\/\/agentwrit\.local\/agent\/order-worker\/process-ord-4823\//),
  });
  const token = served[0]?.slice("Bearer ".length) ?? "";
  expect(await app.validate(token)).toMatchObject({ valid: false });
});
