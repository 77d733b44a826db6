/** A retail desk whose tools act for the customer who asks: nobody else's rows, the policy's rules, a yes for each change. */
import { parseArgs } from "node:util";
import type { ExampleContext } from "../example.ts";
import { walk } from "./walk.ts";

export const title = "sixteen tools of a retail desk: own orders only, every change confirmed (--db FILE)";
export const ceiling: readonly string[] = [];

/** `--db FILE`: on the rows of that file instead of a few of its own. */
export async function run({ print }: Pick<ExampleContext, "print">, args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { db: { type: "string" } } });
  await walk(print, values.db);
}
