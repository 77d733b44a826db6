/**
 * A worker that lives long: it renews by a deadline, stops when it is told to, finishes the job in hand, and lets go of
 * its credential on the way out.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { ExampleContext } from "../example.ts";

export const title = "a long-lived worker: renewal by deadline, Ctrl-C, a clean end";
export const ceiling = ["read:data:*"];

export async function run({ app, print }: ExampleContext, args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      jobs: { type: "string", default: "8" },
      pause: { type: "string", default: "1" },
      ttl: { type: "string", default: "5" },
    },
  });
  const stop = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => {
    print(`[${signal}] finishing the job in hand`);
    stop.abort();
  };
  process.once("SIGINT", onSignal).once("SIGTERM", onSignal);

  try {
    await using agent = await app.createAgent({
      orchestration: "lifecycle",
      task: "queue",
      scope: ["read:data:queue"],
      maxTtl: Number(values.ttl),
      // A timer set to the token's end, not a check that happens to come by in time.
      autoRenew: {
        onFailed: (error) => {
          print(`[RENEWAL REFUSED] ${error instanceof Error ? error.message : error}`);
          stop.abort();
        },
      },
    });
    print(`[START] ${agent.expiresIn}s at a time`);
    let token = agent.accessToken;
    let renewals = 0;
    for (let job = 1; job <= Number(values.jobs) && !stop.signal.aborted; job += 1) {
      agent.enforce("read:data:queue");
      if (agent.accessToken !== token) renewals += 1;
      token = agent.accessToken;
      print(`[JOB ${job}] done`);
      await sleep(Number(values.pause) * 1000, undefined, { signal: stop.signal }).catch(() => undefined);
    }
    const { valid } = await agent.validate();
    print(`[END] renewed ${renewals} times, ${valid ? "still good" : "no longer good"}; releasing`);
  } finally {
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
  }
  print("[RELEASED]");
}
