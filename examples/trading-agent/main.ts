/**
 * Short work, short credentials: a trader renews its own while it works, a scalp lives ten seconds, and one that
 * nobody lets go of is dead by itself after five.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { validate } from "deputize/client";
import type { ExampleContext } from "../example.ts";

export const title = "short-lived credentials: a renewal loop, a scalp, and one that runs out";
export const ceiling = ["read:trades:*", "write:trades:*"];

export async function run({ app, print }: ExampleContext, args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      symbol: { type: "string", default: "ACME" },
      scalp: { type: "string", default: "10" },
      expiry: { type: "string", default: "5" },
    },
  });
  const { symbol } = values;
  const scope = [`read:trades:${symbol}`, `write:trades:${symbol}`];

  const trader = await app.createAgent({ orchestration: "trading", task: `trade-${symbol}`, scope });
  for (const price of [101.2, 101.4, 101.1]) {
    trader.enforce(`write:trades:${symbol}`);
    const before = trader.accessToken;
    await trader.renew();
    const old = await validate(app.brokerUrl, before);
    print(`[TRADE] ${symbol} at ${price}; renewed, the old token is ${old.valid ? "ALIVE" : "dead"}`);
  }
  await trader.release();

  const scalpSeconds = Number(values.scalp);
  const scalper = await app.createAgent({
    orchestration: "trading",
    task: `scalp-${symbol}`,
    scope,
    maxTtl: scalpSeconds,
  });
  print(`[SCALP] ${scalper.expiresIn}s to get in and out`);
  scalper.enforce(`write:trades:${symbol}`);
  await sleep((scalpSeconds * 1000) / 2);
  await scalper.release();
  print("[SCALP] out in half of the time, and released");

  const forgotten = await app.createAgent({
    orchestration: "trading",
    task: `forgotten-${symbol}`,
    scope,
    maxTtl: Number(values.expiry),
  });
  print(`[EXPIRY] waiting ${forgotten.expiresIn}s, without releasing`);
  while ((await validate(app.brokerUrl, forgotten.accessToken)).valid) await sleep(250);
  await forgotten.release(); // Nothing is left to end, and that is no error.
  print("[EXPIRY] dead by itself; releasing it afterwards is quiet");
}
