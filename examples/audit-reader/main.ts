/** What happened last, newest first, with a check that nobody has changed the log. */
import { parseArgs } from "node:util";
import type { ExampleContext } from "../example.ts";

export const title = "the newest entries of the audit log, and a check of its chain";
export const ceiling = ["read:data:*"];

export async function run({ app, operator, print }: ExampleContext, args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { last: { type: "string", default: "20" } } });

  const agent = await app.createAgent({ orchestration: "audit", task: "read", scope: ["read:data:x"] });
  await agent.release();

  const { events, total } = await operator().eventPage({ order: "newest", limit: Number(values.last) });
  print(`the last ${events.length} of ${total} events, newest first`);
  for (const event of events) {
    const who = event.agent_id ?? "";
    print(`${event.id}  ${event.event_type.padEnd(22)} ${(event.outcome ?? "").padEnd(8)} ${who}`);
  }

  // Each entry names the hash of the one before it.
  const broken = events.find((event, i) => i + 1 < events.length && event.prev_hash !== events[i + 1]?.hash);
  if (broken) throw new Error(`the chain breaks at ${broken.id}`);
  print(`the chain holds from ${events.at(-1)?.id} to ${events[0]?.id}`);
}
