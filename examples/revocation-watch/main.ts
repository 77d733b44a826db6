/**
 * A worker that finds its credential dead asks why. Strangers hear one answer for everything; its owner is told what it
 * was: run out, let go of, or taken away. Only the last is an incident.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { type Agent, validate } from "deputize/client";
import { type ExampleContext, refusal } from "../example.ts";

export const title = "a worker that tells revoked from expired and released";
export const ceiling = ["read:data:*"];

export async function run({ app, operator, print }: ExampleContext, args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { expiry: { type: "string", default: "3" } } });
  const worker = (task: string, maxTtl = 300): Promise<Agent> =>
    app.createAgent({ orchestration: "watch", task, scope: ["read:data:x"], maxTtl });

  const revoked = await worker("taken-away");
  await revoked.renew();
  print("[WATCH] renewed, all is well");
  await operator().revoke({ level: "agent", target: revoked.agentId, reason: "an operator said so" });

  const released = await worker("let-go");
  await released.release();

  const expired = await worker("run-out", Number(values.expiry));
  while ((await expired.validate()).valid) await sleep(250);

  for (const agent of [revoked, released, expired]) {
    const stranger = await validate(app.brokerUrl, agent.accessToken);
    const owner = await agent.validate();
    if (stranger.valid || owner.valid) throw new Error(`${agent.taskId} should be dead`);
    const { message } = await refusal(() => agent.renew());
    print(`[${agent.taskId}] a stranger hears "${stranger.error}", its owner: ${owner.reason}`);
    print(`  renewing: ${message}`);
    print(owner.reason === "revoked" ? "  → an incident: stop, tell somebody" : "  → create the next worker");
  }
}
