/**
 * What the guardrails cost and find: times of scanning 1 KB in and out, and, where a folder of labelled sentences is at hand
 * (`SHARED_DIR`/data/pii.jsonl), recall and precision of personal data by kind.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  type Scanner,
  credentialsDetector,
  createScanner,
  defaultScanner,
  exfiltrationDetector,
  personalDataDetector,
} from "@deputize/guardrails";
import { measure, report } from "./harness.ts";

const SENTENCES =
  "Hello, my order ORD-2024-0012 is late and the parcel was not at the door. Please write to jo@example.com, or see " +
  "https://shop.example/orders?page=2 and call +41 44 668 18 00. The card 4111 1111 1111 1111 was charged twice; my account number is " +
  "12345678. It was 3 days, 2 pairs of shoes in size 43, and a total of $129.90, which I paid on 2024-11-28 10:12:00. Thanks a lot! ";
const PLAIN =
  "The blue kettle holds a litre and a half, boils in four minutes and switches itself off. It comes with a filter that can be washed, " +
  "and with a lead long enough for most kitchens. People who bought it also looked at the toaster of the same make, which has a wide slot. ";
const kilobyte = (text: string): string => text.repeat(9).slice(0, 1_024);
/** Kinds whose numbers have a form or check digits. */
const CHECKABLE = new Set([
  "CREDIT_CARD",
  "IBAN_CODE",
  "PHONE_NUMBER",
  "EMAIL_ADDRESS",
  "IP_ADDRESS",
  "US_SSN",
  "DOMAIN_NAME",
]);

interface Span {
  readonly type: string;
  readonly start: number;
  readonly end: number;
}

export async function run(): Promise<void> {
  const rules = createScanner({
    detectors: [personalDataDetector(), credentialsDetector(), exfiltrationDetector()],
  });
  const all = defaultScanner();
  await rules.warmup();
  await all.warmup();
  const both = async (scanner: Scanner, text: string): Promise<void> => {
    await scanner.scan(text, "input");
    await scanner.scan(text, "output");
  };
  const variants = (
    [
      ["rules", rules],
      ["default scanner", all],
    ] as const
  ).flatMap(([name, scanner]) =>
    (
      [
        ["much to find", kilobyte(SENTENCES)],
        ["nothing to find", kilobyte(PLAIN)],
      ] as const
    ).map(([what, text]) => ({
      name: `1 KB in + out, ${name}, ${what}`,
      run: () => both(scanner, text),
    })),
  );
  report("guardrails: scan (budget: p99 < 2 ms in + out by rules)", await measure(variants, { inFlight: 1 }));

  console.log("  processor time of one, which other work on the machine does not lengthen:");
  for (const { name, run: scan } of variants) {
    const times: number[] = [];
    for (let count = 0; count < 2_000; count += 1) {
      const before = process.cpuUsage();
      await scan();
      const { user, system } = process.cpuUsage(before);
      times.push((user + system) / 1_000);
    }
    times.sort((a, b) => a - b);
    const at = (share: number): string => `${(times[Math.floor(times.length * share)] ?? 0).toFixed(2)} ms`;
    console.log(`  ${name.padEnd(52)} p50 ${at(0.5)}  p99 ${at(0.99)}`);
  }

  const data = join(process.env["SHARED_DIR"] ?? "", "data", "pii.jsonl");
  if (!existsSync(data)) {
    console.log("  SHARED_DIR is not set: recall and precision of personal data were not measured");
    return;
  }
  await accuracy(rules, data);
}

/** A finding counts for a span of its own type that it overlaps. */
async function accuracy(scanner: Scanner, file: string): Promise<void> {
  const counts = new Map<
    string,
    { labelled: number; hit: number; exact: number; said: number; right: number }
  >();
  const of = (type: string) => {
    const known = counts.get(type) ?? { labelled: 0, hit: 0, exact: 0, said: 0, right: 0 };
    counts.set(type, known);
    return known;
  };
  for (const line of readFileSync(file, "utf8").trim().split("\n")) {
    const { text, spans } = JSON.parse(line) as { text: string; spans: readonly Span[] };
    const { findings } = await scanner.scan(text, "output");
    const over = (a: Span, b: Span): boolean => a.type === b.type && a.start < b.end && b.start < a.end;
    for (const span of spans) {
      const count = of(span.type);
      const hit = findings.find((finding) => over(span, finding));
      count.labelled += 1;
      count.hit += hit ? 1 : 0;
      count.exact += hit?.start === span.start && hit.end === span.end ? 1 : 0;
    }
    for (const finding of findings) {
      const count = of(finding.type);
      count.said += 1;
      count.right += spans.some((span) => over(span, finding)) ? 1 : 0;
    }
  }
  const percent = (part: number, whole: number): string =>
    (whole === 0 ? "–" : `${((100 * part) / whole).toFixed(1)}%`).padStart(7);
  console.log("\nguardrails: personal data by kind            labelled  recall   exact  precision");
  const row = (
    name: string,
    c: { labelled: number; hit: number; exact: number; said: number; right: number },
  ): void =>
    console.log(
      `  ${name.padEnd(42)} ${String(c.labelled).padStart(8)} ${percent(c.hit, c.labelled)} ${percent(c.exact, c.labelled)}  ${percent(c.right, c.said)}`,
    );
  const sum = { labelled: 0, hit: 0, exact: 0, said: 0, right: 0 };
  for (const [type, count] of [...counts].toSorted(([, a], [, b]) => b.labelled - a.labelled)) {
    row(type, count);
    if (!CHECKABLE.has(type)) continue;
    for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += count[name];
  }
  row("checkable kinds together (budget: ≥ 95%)", sum);
}
