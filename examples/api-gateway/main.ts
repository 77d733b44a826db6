/**
 * A gateway in front of a customer API. Each request gets a worker for the one customer that it is about; the API behind
 * it checks that worker's token, so that not even the gateway can mix two customers up.
 */
import { type DeputizeApp } from "deputize/client";
import type { ExampleContext } from "../example.ts";
import { startResourceServer } from "../resource-server.ts";

export const title = "a gateway that calls a customer API with a worker for each request";
export const ceiling = ["read:customers:*"];

const CUSTOMERS: Record<string, { name: string; plan: string }> = {
  "42": { name: "Ada", plan: "pro" },
  "43": { name: "Grace", plan: "free" },
};

export async function run({ app, print }: ExampleContext): Promise<void> {
  await using api = await startResourceServer(app.brokerUrl, {
    scopeFor: (method, path) => {
      const id = /^\/customers\/(\w+)$/.exec(path)?.[1];
      return method === "GET" && id !== undefined ? `read:customers:${id}` : undefined;
    },
    answer: ({ path }) => CUSTOMERS[path.split("/")[2] ?? ""] ?? null,
  });

  for (const id of ["42", "43"]) {
    const { status, body } = await gateway(app, id, `${api.url}/customers/${id}`);
    print(`GET /customers/${id} → ${status} ${body}`);
  }
  // A gateway with a mistake in it: the worker is for 42, the address says 43.
  const { status, body } = await gateway(app, "42", `${api.url}/customers/43`);
  print(`GET /customers/43 as the worker for 42 → ${status} ${body}`);
  const stranger = await fetch(`${api.url}/customers/42`);
  print(`GET /customers/42 without a token → ${stranger.status} ${await stranger.text()}`);
}

async function gateway(
  app: DeputizeApp,
  customer: string,
  url: string,
): Promise<{ status: number; body: string }> {
  await using agent = await app.createAgent({
    orchestration: "api-gateway",
    task: `request-${crypto.randomUUID()}`,
    scope: [`read:customers:${customer}`],
  });
  const response = await fetch(url, { headers: agent.bearerHeader });
  return { status: response.status, body: await response.text() };
}
