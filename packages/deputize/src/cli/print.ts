/** What the command writes: plain text for people, one JSON document for programs. */
import { type Clock, systemClock } from "@deputize/core";

/** One document on stdout. The names in it are those of the HTTP API, and stay. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/**
 * Text from elsewhere as a terminal may show it: an identifier is another's choice, and an escape sequence in it could
 * redraw what an operator reads.
 */
export function plain(value: unknown): string {
  // Control characters, and those that only steer: bidirectional marks, what has no width.
  return String(value ?? "").replaceAll(/[\p{Cc}\p{Cf}]/gu, "?");
}

export function print(...lines: readonly string[]): void {
  for (const line of lines) process.stdout.write(`${line}\n`);
}

/** Rows in columns as wide as they need; the header first. */
export function printTable(header: readonly string[], rows: readonly (readonly unknown[])[]): void {
  const cells = [header, ...rows.map((row) => row.map(plain))];
  const widths = header.map((_, at) => Math.max(...cells.map((row) => row[at]?.length ?? 0)));
  for (const row of cells) {
    print(row.map((cell, at) => (at === row.length - 1 ? cell : cell.padEnd(widths[at] ?? 0))).join("  "));
  }
}

/** How long until (or since) an RFC 3339 moment, such as `4m58s` or `2d3h`. */
export function duration(seconds: number): string {
  const units: [number, string][] = [
    [86_400, "d"],
    [3_600, "h"],
    [60, "m"],
    [1, "s"],
  ];
  let rest = Math.max(0, Math.floor(Math.abs(seconds)));
  const parts: string[] = [];
  for (const [size, unit] of units) {
    if (rest >= size && parts.length < 2) parts.push(`${Math.floor(rest / size)}${unit}`);
    rest %= size;
  }
  return parts.length > 0 ? parts.join("") : "0s";
}

/** Seconds from now to an RFC 3339 moment; negative when it is past. */
export function secondsUntil(moment: string, clock: Clock = systemClock): number {
  return (Date.parse(moment) - clock.nowMs()) / 1000;
}
