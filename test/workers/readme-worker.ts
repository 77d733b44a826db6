import { DeputizeApp } from "deputize/client";

/** One credential for one order, gone on every way out. */
export async function processOrder(
  order: string,
  rows: string,
  app = DeputizeApp.fromEnv(),
): Promise<unknown> {
  await using agent = await app.createAgent({
    orchestration: "order-worker",
    task: `process-${order}`,
    scope: [`read:data:${order}`, `write:data:${order}`],
    autoRenew: true,
  });
  agent.enforce(`read:data:${order}`); // throws where the worker has no business
  const response = await agent.fetch(`${rows}/rows/${order}`);
  return response.json();
}
