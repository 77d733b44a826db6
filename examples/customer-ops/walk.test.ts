/** The example as somebody runs it: the walk, and the same server over HTTP for a client that is not ours. */
import { readFileSync } from "node:fs";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { type TestStore, openTestStore } from "@deputize/store/testing";
import { afterAll, beforeAll, expect, it } from "vitest";
import { DESK_MIGRATIONS } from "./installation.ts";
import { seedDesk } from "./seed.ts";
import { type ServedDesk, serveDesk } from "./serve.ts";
import { walk } from "./walk.ts";

let store: TestStore;
let served: ServedDesk;
beforeAll(async () => {
  store = await openTestStore(DESK_MIGRATIONS);
  await store.asOwner(seedDesk);
  await store.asOwner(seedDesk); // A second start finds everything there.
  served = await serveDesk({ port: 0, store });
});
afterAll(async () => {
  await served[Symbol.asyncDispose]();
  await store.close();
});

it("walks from lists to receipts, and its README counts the same tools [PR-F52]", async () => {
  const lines: string[] = [];
  await walk(served.desk, (line = "") => lines.push(line));
  const readme = readFileSync(new URL("README.md", import.meta.url), "utf8");
  for (const line of lines.slice(1, 7)) {
    const [, first = "", count] = /^ {2}(\w+) .* (\d+)$/.exec(line) ?? [];
    expect(readme).toMatch(
      new RegExp(`^\\| [^|]*\\b${first.toLowerCase()}\\b[^|]*\\|[^|]*\\| ${count} \\|$`, "m"),
    );
  }
  const after = (start: string) => lines.find((line) => line.trim().startsWith(start))?.split(" → ")[1];
  expect(after("orders_get_order(22345)")).toBe(after("orders_get_order(99999)"));
  expect(after("ops_feature_toggle")).toBe("Error: not found");
  expect(after("the assistant decides itself")).toBe("refused with 403");
  expect(after("Ann decides")).toBe("approved");
  expect(lines.filter((line) => line.includes("; exempt"))).toEqual([
    "  orders_process_refund: approval: always; exempt (while its condition holds, in a trusted context only), because all that is refunded of an order of one's own that was delivered stays under 20 dollars",
  ]);
  expect(after("12.50 with a stranger's text about")).toMatch(/^waiting: Refund \$12\.50/);
  expect(after("12.50 of her own words")).toContain('"refunded_cents":1250');
  expect(after("12.50 once more")).toMatch(/^waiting: Refund \$12\.50/);
  expect(after("the same call again")).toContain('"refunded_cents":3750');
  expect(after("and once more")).toMatch(/^approval_invalid/);
  expect(after("without a case")).toMatch(/^not_found/);
  expect(after("with a case open")).toContain("Ann Archer");
  expect(lines.filter((line) => line.endsWith("proof holds"))).toHaveLength(2);
  expect(lines.at(-1)).toMatch(/entries, none missing or changed$/);
});

it("serves a client of the protocol's own SDK [PR-F52]", async () => {
  const client = new Client({ name: "somebody", version: "1" });
  const transport = new StreamableHTTPClientTransport(new URL(served.desk.mcpUrl), {
    requestInit: { headers: { authorization: `Bearer ${await served.desk.tokenOf("max")}` } },
  });
  await client.connect(transport as never);
  expect((await client.listTools()).tools).toHaveLength(30);
  const health = await client.callTool({ name: "ops_system_health", arguments: {} });
  expect(health.structuredContent).toMatchObject({ status: "healthy" });
  await client.close();
  const stranger = await fetch(served.desk.mcpUrl, { method: "POST", body: "{}" });
  expect(stranger.status).toBe(401);
});

it("limits, times and checks each tool in the order that a reviewer can print [PR-F16] [PR-F18]", () => {
  const explained = served.desk.server.explain();
  expect(explained).toHaveLength(30);
  for (const { steps } of explained) {
    const text = steps.join("\n");
    expect(text).toMatch(/rate limit: .*\b20 in 1 s/);
    expect(text).toMatch(/timeout 30000 ms/);
  }
  const refund = explained.find(({ name }) => name === "orders_process_refund");
  expect(refund?.steps.join("\n")).toMatch(/owns\(order_id\)[^]*approval: always/);
});
