/** How well tools are chosen, what that saves, and what a choice costs. `SHARED_DIR` names where the public requests are. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type NamedTool, type OfferedTool, sentenceEmbedder, toolChooser, toolRanker } from "@deputize/agent";
import { TOOL_REQUESTS } from "../examples/customer-ops/tool-requests.ts";
import { openTestDesk } from "../examples/customer-ops/testing.ts";

const CHOICES = 300;

export async function run(): Promise<void> {
  await desk();
  const data = join(process.env["SHARED_DIR"] ?? "../shared", "data");
  if (existsSync(join(data, "tool-catalog.json"))) await costs(data);
  else console.log("  SHARED_DIR is not set: nothing is said about a large catalogue");
}

/** The desk's 30 tools, over the real server's list. */
async function desk(): Promise<void> {
  const opened = await openTestDesk();
  try {
    const all = (await (await opened.as("max")).listTools()) as unknown as readonly OfferedTool[];
    const whole = sizeOf(all);
    const pairs = Object.entries(TOOL_REQUESTS).flatMap(([name, requests]) =>
      requests.map((content) => ({ name, content })),
    );
    console.log(`choice: ${pairs.length} requests to ${all.length} tools of the desk`);
    for (const level of ["minimal", "standard", "semantic"] as const) {
      const chooser = toolChooser(level);
      let found = 0;
      let size = 0;
      for (const { name, content } of pairs) {
        const messages = [{ role: "user" as const, content }];
        const shown = (await chooser?.choose(all, { messages, called: new Set() })) ?? [];
        if (shown.some((tool) => tool.name === name)) found += 1;
        size += sizeOf(shown);
      }
      const saved = 1 - size / pairs.length / whole;
      console.log(
        `  ${level.padEnd(9)} saves ${(saved * 100).toFixed(1)} % of the definitions, the right tool is there in ${((found / pairs.length) * 100).toFixed(1)} %`,
      );
    }
  } finally {
    await opened[Symbol.asyncDispose]();
  }
}

/** Characters of the definitions as a provider is sent them; tokens go with them. */
const sizeOf = (tools: readonly OfferedTool[]): number =>
  JSON.stringify(
    tools.map(({ name, description, inputSchema }) => ({ name, description, parameters: inputSchema })),
  ).length;

async function costs(data: string): Promise<void> {
  const tools = JSON.parse(readFileSync(join(data, "tool-catalog.json"), "utf8")) as NamedTool[];
  const requests = readFileSync(join(data, "tool-queries.jsonl"), "utf8")
    .trim()
    .split("\n")
    .slice(0, CHOICES)
    .map((line) => (JSON.parse(line) as { query: string }).query);
  const ranker = toolRanker({ embedder: sentenceEmbedder() });
  await ranker.rank(tools, ["hello"], 8);
  const times: number[] = [];
  for (const request of requests) {
    const began = performance.now();
    await ranker.rank(tools, [request], 8);
    times.push(performance.now() - began);
  }
  const known: number[] = [];
  for (const request of requests) {
    const began = performance.now();
    await ranker.rank(tools, [request], 8);
    known.push(performance.now() - began);
  }
  const at = (all: readonly number[], share: number): string =>
    (all.toSorted((a, b) => a - b)[Math.floor(all.length * share)] ?? 0).toFixed(1);
  console.log(
    `  one choice among ${tools.length} tools: p50 ${at(times, 0.5)} ms, p95 ${at(times, 0.95)} ms`,
  );
  console.log(
    `  the same without the sentence model (vectors kept): p50 ${at(known, 0.5)} ms, p95 ${at(known, 0.95)} ms`,
  );
}
