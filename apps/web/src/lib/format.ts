/**
 * Words for money, times and names of the protocol.
 *
 * Guarantees: money is formatted from integer cents; an unreadable time gives a dash, never "Invalid Date".
 */
const LOCALE = "en-US";
const usd = new Intl.NumberFormat(LOCALE, { style: "currency", currency: "USD" });
const count = new Intl.NumberFormat(LOCALE);
const day = new Intl.DateTimeFormat(LOCALE, { year: "numeric", month: "short", day: "numeric" });
const dayAndTime = new Intl.DateTimeFormat(LOCALE, {
  year: "numeric",
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});
const clockTime = new Intl.DateTimeFormat(LOCALE, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const relative = new Intl.RelativeTimeFormat(LOCALE, { numeric: "auto" });

function parse(time: string): Date | undefined {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

function show(format: Intl.DateTimeFormat, time: string | undefined): string {
  const date = time === undefined ? undefined : parse(time);
  return date === undefined ? "–" : format.format(date);
}

/** Integer cents as dollars, `12999` → `$129.99`. Anything but an integer gives a dash: never invent an amount. */
export function money(cents: number | undefined): string {
  return cents === undefined || !Number.isInteger(cents) ? "–" : usd.format(cents / 100);
}

/** Dollars as typed by a person to integer cents; undefined when it is not an amount. */
export function parseDollars(text: string): number | undefined {
  const trimmed = text.trim().replace(/^\$/, "");
  const match = /^(\d{1,7})(?:\.(\d{1,2}))?$/.exec(trimmed);
  if (match?.[1] === undefined) return undefined;
  return Number(match[1]) * 100 + Number((match[2] ?? "").padEnd(2, "0"));
}

export const number = (value: number): string => count.format(value);
export const date = (time: string | undefined): string => show(day, time);
export const dateTime = (time: string | undefined): string => show(dayAndTime, time);
export const timeOfDay = (time: string | undefined): string => show(clockTime, time);

const STEPS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["week", 604_800],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
];

/** "3 hours ago", "in 5 minutes", "now". */
export function ago(time: string | undefined, now: number): string {
  const date = time === undefined ? undefined : parse(time);
  if (date === undefined) return "–";
  const seconds = Math.round((date.getTime() - now) / 1000);
  for (const [unit, size] of STEPS) {
    if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit);
  }
  return "now";
}

/** Time left as `m:ss` or `h:mm:ss`; `0:00` once it is over, and for an unreadable time (absent means no). */
export function timeLeft(expires: string, now: number): { text: string; over: boolean; seconds: number } {
  const date = parse(expires);
  const seconds = date === undefined ? 0 : Math.max(0, Math.ceil((date.getTime() - now) / 1000));
  const pad = (value: number) => String(value).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  const text =
    hours > 0 ? `${hours}:${pad(minutes)}:${pad(seconds % 60)}` : `${minutes}:${pad(seconds % 60)}`;
  return { text, over: seconds === 0, seconds };
}

/** Milliseconds for people: `42 ms`, `1.3 s`. */
export function duration(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** `out_for_delivery` → `Out for delivery`. */
export function words(identifier: string): string {
  const text = identifier.replaceAll(/[_-]+/g, " ").trim();
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** A server's message (lower case, no full stop) as a sentence. */
export function sentence(message: string): string {
  const text = message.trim();
  if (text === "") return "";
  const start = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(start) ? start : `${start}.`;
}

const ACTIONS: Readonly<Record<string, string>> = {
  use: "use",
  open: "open",
  read: "read",
  cancel: "cancel",
  write: "change",
};

/** A scope in plain words: `read:orders:*` → `read orders`, `use:agents:order-management` → `use agents: order-management`. */
export function scopeWords(scope: string): string {
  const [action, resource, identifier] = scope.split(":");
  if (action === undefined || resource === undefined) return scope;
  const verb = ACTIONS[action] ?? action;
  const what = resource.replaceAll(/[_-]/g, " ");
  return identifier === undefined || identifier === "*"
    ? `${verb} ${what}`
    : `${verb} ${what}: ${identifier}`;
}
