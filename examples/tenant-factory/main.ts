/**
 * Workers by tenant, made when they are first needed and kept. A kept one is used only while enough of its time is left;
 * then the factory makes the next.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { Agent, DeputizeApp } from "deputize/client";
import { type ExampleContext, refusal } from "../example.ts";

export const title = "workers by tenant, kept and replaced before they run out";
export const ceiling = ["read:data:*"];

const KINDS = ["orders", "invoices"] as const;

export async function run({ app, print }: ExampleContext, args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { ttl: { type: "string", default: "4" } } });
  const ttl = Number(values.ttl);
  await using factory = tenantFactory(app, ttl);

  const acme = await factory.agentFor("acme");
  print(`acme holds ${acme.scope.join(", ")}`);
  print(`acme again: ${(await factory.agentFor("acme")) === acme ? "the same worker" : "another"}`);
  const globex = await factory.agentFor("globex");
  print(`globex: ${globex === acme ? "the same worker" : "another worker"}`);

  acme.enforce("read:data:orders:acme");
  print(`acme reading globex: ${(await refusal(() => acme.enforce("read:data:orders:globex"))).message}`);
  print(`acme reading everything: ${(await refusal(() => acme.enforce("read:data:*"))).message}`);

  // The identifier may hold colons, and `*` stands for all of it.
  await using support = await app.createAgent({
    orchestration: "tenants",
    task: "support",
    scope: ["read:data:*"],
  });
  for (const tenant of ["acme", "globex"]) support.enforce(`read:data:orders:${tenant}`);
  print("support, with read:data:*, reads both");

  await sleep(ttl * 700);
  const later = await factory.agentFor("acme");
  print(
    `acme, ${ttl * 0.7}s later: ${later === acme ? "the same worker" : "a fresh worker, before the old one ran out"}`,
  );
}

function tenantFactory(app: DeputizeApp, maxTtl: number) {
  const kept = new Map<string, { agent: Promise<Agent>; until: number }>();
  return {
    agentFor(tenant: string): Promise<Agent> {
      const known = kept.get(tenant);
      if (known && performance.now() < known.until) return known.agent;
      const agent = app.createAgent({
        orchestration: "tenants",
        task: tenant,
        scope: KINDS.map((kind) => `read:data:${kind}:${tenant}`),
        maxTtl,
      });
      // Kept as a promise, so that two callers at once share one worker; replaced after half of its time.
      kept.set(tenant, { agent, until: performance.now() + maxTtl * 500 });
      agent.catch(() => kept.delete(tenant));
      return agent;
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await Promise.allSettled([...kept.values()].map(async ({ agent }) => (await agent).release()));
    },
  };
}
