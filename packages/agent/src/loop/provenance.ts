/**
 * Where an argument came from, for the card that a person decides on and for the log.
 *
 * Guarantees: `you` only for a value that stands in the person's own words of this turn; `your data` only for
 * one that stood in a trusted tool result. Everything else is `other`. The chain beside it names the call and the entry that
 * brought a value, or the memory, the conversation or the other agent in whose words it stands.
 * Does not: waive or require anything; provenance explains and never decides [SR-06]. See a value that a model rewrote.
 */
import { LINKS_MAX, type Label, type Origin, type OriginKind } from "@deputize/guardrails/flow";
import type { ApprovalArgument } from "../events.ts";

export type ArgumentSource = ApprovalArgument["source"];

/** Something that the model was given, and where it was from. */
export interface Heard extends Origin {
  readonly text: string;
}

/** Of one text that is kept to be looked through, and of all of a run's. */
const TEXT_MAX = 20_000;
const TEXTS_MAX = 400_000;

const normalize = (text: string): string =>
  text.normalize("NFKC").toLowerCase().replaceAll(/\s+/g, " ").trim();

/** True when `value` stands in `text` as a word of its own, not as part of a longer one. */
function standsIn(text: string, value: string): boolean {
  const escaped = value.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  return new RegExp(String.raw`(?<![\p{L}\p{N}])${escaped}(?![\p{L}\p{N}])`, "u").test(text);
}

/** Keeps what the model was given; the oldest goes where there is too much. */
export function hear(heard: Heard[], content: unknown, origin: Origin): void {
  const text = (typeof content === "string" ? content : (JSON.stringify(content) ?? "")).slice(0, TEXT_MAX);
  heard.push({ ...origin, text });
  let size = heard.reduce((sum, one) => sum + one.text.length, 0);
  while (size > TEXTS_MAX) size -= heard.shift()?.text.length ?? size;
}

/** What a turn begins with: what was said before, and what another agent brings. */
export function heardBefore(
  history: readonly { readonly content: string }[],
  brought: { readonly text: string; readonly label: Label } | undefined,
): Heard[] {
  const heard: Heard[] = [];
  for (const { content } of history) hear(heard, content, { from: "conversation" });
  if (brought) hear(heard, brought.text, { from: "agent", ...sourceOf(brought.label) });
  return heard;
}

const sourceOf = ({ source }: Label): Pick<Origin, "source"> =>
  /^[^\p{Cc}]{1,200}$/u.test(source) ? { source } : {};

/** Where a result was from: own data when its label is trusted, and others' words when not. */
export function originOf(
  label: Label,
  about: { readonly holds?: string | undefined; readonly call: string; readonly entry?: string | undefined },
): Origin {
  const from: OriginKind = label.integrity === "trusted" ? "own data" : "others";
  const { holds, call, entry } = about;
  return { from, ...sourceOf(label), ...(holds && { holds }), call, ...(entry && { entry }) };
}

/** One source per argument. */
export function argumentSources(
  args: Readonly<Record<string, unknown>>,
  personMessage: string,
  heard: readonly Heard[],
): Record<string, ArgumentSource> {
  const person = normalize(personMessage);
  const data = heard.filter(({ from }) => from === "own data").map(({ text }) => normalize(text));
  return Object.fromEntries(
    Object.entries(args).map(([name, value]) => {
      const plain = plainOf(value);
      if (plain === "") return [name, "other"];
      if (standsIn(person, plain)) return [name, "you"];
      return [name, data.some((text) => standsIn(text, plain)) ? "your data" : "other"];
    }),
  );
}

/** The chain of each argument, the newest first: every place in which its value stands, up to a few. */
export function argumentOrigins(
  args: Readonly<Record<string, unknown>>,
  personMessage: string,
  heard: readonly Heard[],
): Record<string, Origin[]> {
  const person = normalize(personMessage);
  const texts = heard.toReversed().map(({ text, ...origin }) => ({ origin, text: normalize(text) }));
  return Object.fromEntries(
    Object.entries(args).map(([name, value]) => {
      const words = wordsOf(value);
      const among = (text: string): boolean => words.some((word) => standsIn(text, word));
      const found: Origin[] = [
        ...(among(person) ? [{ from: "person" as const }] : []),
        ...texts.filter(({ text }) => among(text)).map(({ origin }) => origin),
      ];
      return [name, found.length > 0 ? found.slice(0, LINKS_MAX) : [{ from: "model" as const }]];
    }),
  );
}

const plainOf = (value: unknown): string =>
  typeof value === "string" || typeof value === "number" ? normalize(String(value)) : "";

const WORDS_MAX = 20;

/** The plain values in an argument, its parts' included. */
function wordsOf(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [plainOf(value)].filter((word) => word !== "");
  return Object.values(value).flatMap(wordsOf).slice(0, WORDS_MAX);
}
