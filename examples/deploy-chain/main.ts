/**
 * Orchestrator → analyst → deployer. Each hop hands on less than it holds; the deployer's token names everybody on the
 * way, signed by each of them; when the orchestrator lets go, the whole chain is dead.
 */
import { validate } from "deputize/client";
import { type ExampleContext, refusal } from "../example.ts";

export const title = "three agents, two hops: each narrower than the one before, all dead at once";
export const ceiling = ["read:deploy:*", "write:deploy:*"];

export async function run({ app, print }: ExampleContext): Promise<void> {
  const worker = (task: string, scope: string[]) =>
    app.createAgent({ orchestration: "release-42", task, scope });
  const orchestrator = await worker("orchestrate", ["read:deploy:*", "write:deploy:*"]);
  await using analyst = await worker("analyse", ["read:deploy:logs"]);
  await using deployer = await worker("deploy", ["read:deploy:logs"]);

  // The first hop must carry what the second one needs.
  const analysing = await orchestrator.delegate(analyst, ["read:deploy:staging", "write:deploy:staging"]);
  print(`orchestrator → analyst:  ${analysing.scope.join(", ")}`);
  analysing.enforce("read:deploy:staging");
  print("[ANALYST] staging is healthy");

  const deploying = await analysing.delegate(deployer, ["write:deploy:staging"]);
  print(`analyst → deployer:      ${deploying.scope.join(", ")}`);
  deploying.enforce("write:deploy:staging");
  print("[DEPLOYER] release 42 is on staging");

  const wider = await refusal(() => analysing.delegate(deployer.agentId, ["write:deploy:production"]));
  print(`[REFUSED] analyst → deployer, production: ${wider.message}`);
  const local = await refusal(() => deploying.enforce("read:deploy:staging"));
  print(`[BLOCKED] deployer reading: ${local.message}`);

  const shown = await validate(app.brokerUrl, deploying.accessToken);
  if (!shown.valid) throw new Error(shown.error);
  for (const [hop, link] of (shown.claims.delegation_chain ?? []).entries()) {
    print(`hop ${hop + 1}: ${link.agent.split("/").at(-2)} held ${link.scope.join(", ")}`);
  }

  await orchestrator.release();
  const states = await Promise.all(
    [analysing, deploying].map(async (held) => (await validate(app.brokerUrl, held.accessToken)).valid),
  );
  if (states.some(Boolean)) throw new Error("a hop outlived the orchestrator");
  print("The orchestrator is done: analyst's and deployer's tokens are dead.");
}
