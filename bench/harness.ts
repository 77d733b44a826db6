/**
 * Side-by-side measurement: the variants of one comparison take turns in short rounds within one process, so
 * that what else the machine does falls on all of them alike, and the result is a ratio of medians.
 */
export interface Variant {
  readonly name: string;
  /** One operation. */
  readonly run: () => Promise<unknown>;
}

export interface Measured {
  readonly name: string;
  /** Median operations per second over the rounds. */
  readonly perSecond: number;
  /** Lowest and highest round. */
  readonly spread: readonly [number, number];
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface MeasureOptions {
  /** Operations under way at once. */
  readonly inFlight?: number;
  readonly rounds?: number;
  readonly roundMs?: number;
}

function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}

async function round(
  variant: Variant,
  inFlight: number,
  roundMs: number,
  latencies: number[],
): Promise<number> {
  const started = performance.now();
  let done = 0;
  const worker = async (): Promise<void> => {
    while (performance.now() - started < roundMs) {
      const before = performance.now();
      await variant.run();
      latencies.push(performance.now() - before);
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  return (done * 1000) / (performance.now() - started);
}

/** Measures the variants in turns. An operation that throws ends the measurement: an error is no result. */
export async function measure(
  variants: readonly Variant[],
  options: MeasureOptions = {},
): Promise<Measured[]> {
  const { inFlight = 16, rounds = 5, roundMs = 700 } = options;
  const rates = variants.map(() => [] as number[]);
  const latencies = variants.map(() => [] as number[]);
  for (const variant of variants) await round(variant, inFlight, 200, []);
  for (let r = 0; r < rounds; r += 1) {
    for (const [i, variant] of variants.entries()) {
      rates[i]?.push(await round(variant, inFlight, roundMs, latencies[i] ?? []));
    }
  }
  return variants.map((variant, i) => {
    const sorted = (rates[i] ?? []).toSorted((a, b) => a - b);
    const times = (latencies[i] ?? []).toSorted((a, b) => a - b);
    return {
      name: variant.name,
      perSecond: quantile(sorted, 0.5),
      spread: [sorted[0] ?? 0, sorted.at(-1) ?? 0],
      p50Ms: quantile(times, 0.5),
      p99Ms: quantile(times, 0.99),
    };
  });
}

/** Prints a comparison; the first variant is what the others are divided by. */
export function report(title: string, measured: readonly Measured[]): void {
  console.log(`\n${title}`);
  const base = measured[0]?.perSecond ?? 1;
  for (const m of measured) {
    const [low, high] = m.spread.map((v) => Math.round(v));
    console.log(
      `  ${m.name.padEnd(44)} ${String(Math.round(m.perSecond)).padStart(8)}/s  (${low}–${high})  p50 ${m.p50Ms.toFixed(2)} ms  p99 ${m.p99Ms.toFixed(2)} ms  ×${(m.perSecond / base).toFixed(2)}`,
    );
  }
}
