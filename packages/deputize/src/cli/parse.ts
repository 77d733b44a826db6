/** Reading option values. Each throws commander's own error, which names the option and exits with 2. */
import { type Constraint, parseConstraints } from "@deputize/core";
import { InvalidArgumentError } from "commander";

/** A whole number from `min` to `max`. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,12}$/.test(text) ? Number(text) : Number.NaN;
    if (Number.isNaN(value) || value < min || value > max) {
      throw new InvalidArgumentError(`It is a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}

/** A list: values apart by commas or blanks, or the option given several times. */
export function list(text: string, before: readonly string[] = []): string[] {
  return [...before, ...text.split(/[\s,]+/).filter((one) => one !== "")];
}

/** Limits on arguments of tools, by name, as JSON. */
export function constraints(text: string): Readonly<Record<string, Constraint>> {
  try {
    return parseConstraints(JSON.parse(text));
  } catch {
    throw new InvalidArgumentError(
      'They are JSON such as {"small":{"tool":"orders/refund_order","argument":"amount","max":5000}}, with min, max, oneOf or maxLength.',
    );
  }
}

/** A moment as RFC 3339, or a time ago such as `15m`, `24h`, `7d`. */
export function moment(nowMs: () => number): (text: string) => string {
  const SECONDS = { s: 1, m: 60, h: 3_600, d: 86_400 } as const;
  return (text) => {
    const ago = /^(\d{1,6})([smhd])$/.exec(text);
    if (ago) {
      const seconds = Number(ago[1]) * SECONDS[ago[2] as keyof typeof SECONDS];
      return new Date(nowMs() - seconds * 1000).toISOString();
    }
    if (
      !/^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?$/.test(text) ||
      Number.isNaN(Date.parse(text))
    ) {
      throw new InvalidArgumentError(
        "It is a moment such as 2026-11-22T18:00:00Z, or a time ago such as 15m, 24h, 7d.",
      );
    }
    return new Date(text).toISOString();
  };
}
