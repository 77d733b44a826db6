/**
 * One pipeline, three customers. Each tenant's rows are moved by a worker that can reach that tenant and no other; the
 * warehouse checks it too, so that a pipeline with a mistake in it is stopped at the door.
 */
import { type Agent, type DeputizeApp } from "deputize/client";
import { type ExampleContext, refusal } from "../example.ts";
import { startResourceServer } from "../resource-server.ts";

export const title = "ETL for three tenants, a worker each; the warehouse refuses the wrong one";
export const ceiling = ["read:data:*", "write:data:*"];

const ROWS: Record<string, readonly string[]> = {
  hospital: ["admission 1", "admission 2"],
  bank: ["transfer 1", "transfer 2", "transfer 3"],
  retail: ["sale 1"],
};

export async function run({ app, print }: ExampleContext): Promise<void> {
  const loaded = new Map<string, number>();
  await using warehouse = await startResourceServer(app.brokerUrl, {
    scopeFor(method, path) {
      const [, tenant = "", what] = path.split("/");
      if (!Object.hasOwn(ROWS, tenant)) return undefined;
      if (what === "source" && method === "GET") return `read:data:${tenant}-source`;
      if (what === "target" && method === "POST") return `write:data:${tenant}-target`;
      return undefined;
    },
    answer({ method, path, body }) {
      const tenant = path.split("/")[1] ?? "";
      if (method === "GET") return ROWS[tenant];
      loaded.set(tenant, (JSON.parse(body) as string[]).length);
      return { loaded: loaded.get(tenant) };
    },
  });

  for (const tenant of Object.keys(ROWS)) {
    await using agent = await workerFor(app, tenant);
    const rows = await call<string[]>(agent, `${warehouse.url}/${tenant}/source`);
    const cleaned = rows.map((row) => row.toUpperCase());
    await call(agent, `${warehouse.url}/${tenant}/target`, cleaned);
    print(`[${tenant}] extracted ${rows.length}, loaded ${loaded.get(tenant)}`);

    // What a bug or an injected instruction would try.
    const other = Object.keys(ROWS).find((name) => name !== tenant) ?? "";
    await refusal(() => agent.enforce(`read:data:${other}-source`));
    const answer = await fetch(`${warehouse.url}/${other}/source`, { headers: agent.bearerHeader });
    if (answer.status !== 403) throw new Error(`the warehouse let ${tenant} read ${other}`);
    print(`[${tenant}] reading ${other}: blocked here, and refused by the warehouse (${answer.status})`);
  }
}

function workerFor(app: DeputizeApp, tenant: string): Promise<Agent> {
  return app.createAgent({
    orchestration: "data-pipeline",
    task: `nightly-${tenant}`,
    scope: [`read:data:${tenant}-source`, `write:data:${tenant}-target`],
  });
}

async function call<T>(agent: Agent, url: string, body?: unknown): Promise<T> {
  const response = await fetch(url, {
    headers: agent.bearerHeader,
    ...(body !== undefined && { method: "POST", body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return (await response.json()) as T;
}
