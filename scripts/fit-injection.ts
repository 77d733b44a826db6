/**
 * npm run fit:injection -- --data FOLDER [--prose FOLDER] [--thresholds DIRECT,JAILBREAK,PLANTED] [--out FILE]
 *
 * Fits the injection model's weights. FOLDER has `injection.jsonl` and `benign-requests.jsonl` (and, if there, `tool-queries.jsonl`, `pii.jsonl`);
 * `--prose` names a folder of `.txt` files of ordinary text in many languages, as `npm run prose:injection` writes it. Thresholds are chosen by held-out scores, unless
 * they are given; what they catch and flag is printed; then the weights are fitted to everything. The same data give the same file.
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { byFolds, bySources, chooseThresholds, corpus, table } from "../bench/injection/judge.ts";
import { fit } from "../bench/injection/fit.ts";
import {
  HEADS,
  type Head,
  type HeadWeights,
  writeModel,
} from "../packages/guardrails/src/injection/model.ts";

const { values } = parseArgs({
  options: {
    data: { type: "string" },
    prose: { type: "string" },
    thresholds: { type: "string" },
    out: { type: "string" },
  },
});
if (values.data === undefined) {
  console.error("usage: npm run fit:injection -- --data FOLDER [--prose FOLDER] [--out FILE]");
  process.exit(2);
}
const out =
  values.out ?? fileURLToPath(new URL("../packages/guardrails/src/injection/weights.bin", import.meta.url));

const all = corpus(values.data, values.prose);
console.log(`${all.length} texts`);
const held = [...byFolds(all, "near-duplicates"), ...bySources(all)];
const anywhere = byFolds(all, "texts");
const given = values.thresholds?.split(",").map(Number);
if (given !== undefined && (given.length !== 3 || !given.every((value) => value > 0 && value < 1))) {
  console.error("--thresholds takes three numbers between 0 and 1, such as 0.1,0.1,0.1");
  process.exit(2);
}
const [direct, jailbreak, planted] = given ?? [];
const thresholds =
  direct !== undefined && jailbreak !== undefined && planted !== undefined
    ? { direct, jailbreak, planted }
    : chooseThresholds(held, anywhere);
console.log(`thresholds ${HEADS.map((head) => `${head} ${thresholds[head].toFixed(3)}`).join(", ")}`);
const print = (judged: typeof held, title: string): void => {
  console.log(title);
  for (const [row, [flagged, of]] of [...table(judged, thresholds)].toSorted()) {
    console.log(`  ${row.padEnd(40)} ${flagged} of ${of} flagged, ${((100 * flagged) / of).toFixed(1)} %`);
  }
};
print(held, "held out; near-duplicates in one fold only");
print(anywhere, "held out; near-duplicates anywhere");
const fitted = fit(all);
const heads = Object.fromEntries(
  HEADS.map((head) => [head, { ...fitted[head], threshold: thresholds[head] }]),
) as Record<Head, HeadWeights>;
const file = writeModel(heads);
writeFileSync(out, file);
console.log(`${out}: ${file.length} bytes`);
