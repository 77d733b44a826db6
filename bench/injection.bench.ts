/** How much the injection detector catches and flags, and what a scan costs. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Detector, type Direction, injectionDetector } from "@deputize/guardrails";
import { byFolds, bySources, chooseThresholds, corpus, table } from "./injection/judge.ts";

const ROUNDS = 2_000;

/** A text of a kilobyte that resembles what is scanned: a request, an answer. */
const REQUEST =
  "I ordered two lamps on Monday and only one of them came. Could you find out where the other one is? ".repeat(
    10,
  );
const ANSWER =
  "Your order 4823 was shipped in two parcels. The second one is on its way and arrives on Thursday. ".repeat(
    10,
  );

async function scanTimes(name: string, detector: Detector): Promise<void> {
  await detector.warmup?.();
  const times: number[] = [];
  for (let i = 0; i < ROUNDS + 200; i += 1) {
    const before = performance.now();
    await detector.scan(`${i} ${REQUEST.slice(0, 1_000)}`, "input");
    await detector.scan(`${i} ${ANSWER.slice(0, 1_000)}`, "output");
    if (i >= 200) times.push(performance.now() - before);
  }
  const ranked = times.toSorted((a, b) => a - b);
  const at = (share: number): string => (ranked[Math.floor(share * ranked.length)] as number).toFixed(2);
  console.log(
    `  ${name.padEnd(16)} 1 KB in and 1 KB out: median ${at(0.5)} ms, p90 ${at(0.9)} ms, p99 ${at(0.99)} ms`,
  );
}

/** The shipped weights on the data of a folder: by its lines, with their rows. */
function asShipped(folder: string, detector: Detector): void {
  const rows = new Map<string, [number, number]>();
  const count = (row: string, text: string, direction: Direction): void => {
    const [flagged, of] = rows.get(row) ?? [0, 0];
    const found = detector.scan(text, direction) as readonly unknown[];
    rows.set(row, [flagged + (found.length > 0 ? 1 : 0), of + 1]);
  };
  const lines = (file: string): Record<string, string>[] =>
    readFileSync(join(folder, file), "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Record<string, string>);
  for (const { kind, text, direction } of lines("injection.jsonl")) {
    count(
      kind === "direct" || kind === "indirect" ? "direct + indirect" : String(kind),
      String(text),
      direction as Direction,
    );
  }
  for (const { text } of lines("benign-requests.jsonl")) count("everyday", String(text), "input");
  print("shipped weights, on data that they were fitted to", rows);
}

function print(title: string, rows: Map<string, [number, number]>): void {
  console.log(`  ${title}`);
  for (const [row, [flagged, of]] of [...rows].toSorted()) {
    console.log(
      `    ${row.padEnd(40)} ${((100 * flagged) / of).toFixed(1).padStart(5)} %  (${flagged} of ${of})`,
    );
  }
}

/**
 * The data is at `SHARED_DIR/data`, prose for fitting at `DEPUTIZE_BENCH_PROSE`. `--full`: held-out figures too, which take
 * some minutes, as weights are fitted anew for each fold and each source.
 */
export async function run({ full }: { full: boolean }): Promise<void> {
  console.log("injection");
  await scanTimes("rules", injectionDetector({ model: false }));
  await scanTimes("rules and model", injectionDetector());
  const folder =
    process.env["SHARED_DIR"] === undefined ? undefined : join(process.env["SHARED_DIR"], "data");
  if (folder === undefined || !existsSync(join(folder, "injection.jsonl"))) {
    console.log("  SHARED_DIR has no data/injection.jsonl: no figures");
    return;
  }
  asShipped(folder, injectionDetector());
  if (!full) return;
  const all = corpus(folder, process.env["DEPUTIZE_BENCH_PROSE"]);
  const sources = bySources(all);
  const apart = byFolds(all, "near-duplicates");
  const anywhere = byFolds(all, "texts");
  const thresholds = chooseThresholds([...apart, ...sources], anywhere);
  print("eight folds, near-duplicates in one fold only", table(apart, thresholds));
  print("eight folds, near-duplicates anywhere", table(anywhere, thresholds));
  print("sources left out of the fitting", table(sources, thresholds));
}
