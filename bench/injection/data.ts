/** What the injection model is fitted to and judged by: the public data of a folder, prose of another, and the material written for this project. */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import {
  ATTACKS,
  COUNTER,
  EVERYDAY,
  JAILBREAKS,
  LOADED,
  ORDINARY,
  PLANTED,
  fill,
} from "./material-english.ts";
import { LANGUAGES } from "./material-languages.ts";

export type Kind = "direct" | "indirect" | "jailbreak" | "planted" | "benign" | "document";

export interface Example {
  readonly text: string;
  readonly kind: Kind;
  /** Where it is from; whole sources are left out when the model is judged. */
  readonly source: string;
  /** Near-duplicates share it; they are fitted or judged, never both. */
  readonly group: string;
  /** Of a planted attack: where the instruction stands. */
  readonly planted?: { readonly start: number; readonly end: number; readonly host?: string };
}

/** mulberry32: small, seeded, the same everywhere. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export function hashOf(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  value ^= value >>> 16;
  return Math.imul(value, 0x45d9f3b) >>> 0;
}

const lines = (file: string): Record<string, string>[] =>
  existsSync(file)
    ? readFileSync(file, "utf8")
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as Record<string, string>)
    : [];

/** Where a document that was attacked differs from one that was not: the instruction that was planted in it. */
function plantedIn(
  text: string,
  documents: readonly string[],
): { start: number; end: number; host: string } | undefined {
  for (const host of documents) {
    if (text.length - host.length < 5) continue;
    let front = 0;
    while (front < host.length && text[front] === host[front]) front += 1;
    let back = 0;
    while (back < host.length - front && text[text.length - 1 - back] === host[host.length - 1 - back])
      back += 1;
    if (front + back >= host.length * 0.95) return { start: front, end: text.length - back, host };
  }
  return undefined;
}

const shape = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^\p{L}]+/gu, " ")
    .trim();

/** Groups texts of which most words are the same, by the first that is like them. */
function grouped(texts: readonly string[], prefix: string): string[] {
  const firsts: { words: Set<string>; group: string }[] = [];
  return texts.map((text, i) => {
    const words = new Set(shape(text).split(" ").slice(0, 400));
    for (const first of firsts) {
      const [small, large] = words.size < first.words.size ? [words, first.words] : [first.words, words];
      if (small.size < large.size * 0.6) continue;
      let shared = 0;
      for (const word of small) if (large.has(word)) shared += 1;
      if (shared / (words.size + first.words.size - shared) > 0.6) return first.group;
    }
    const group = `${prefix}${i}`;
    firsts.push({ words, group });
    return group;
  });
}

/** The public data: `injection.jsonl`, `benign-requests.jsonl`, and, where they are, `tool-queries.jsonl` and `pii.jsonl`. */
export function publicData(folder: string): Example[] {
  const rows = lines(join(folder, "injection.jsonl"));
  if (rows.length === 0) throw new Error(`${folder} has no injection.jsonl`);
  const documents = rows.filter(({ kind }) => kind === "document").map(({ text }) => text as string);
  const groups = new Map<string, string>();
  for (const kind of ["direct", "indirect", "jailbreak", "trigger-words"]) {
    const own = rows.filter((row) => row["kind"] === kind);
    const names = grouped(
      own.map(({ text }) => text as string),
      kind,
    );
    for (const [i, row] of own.entries()) groups.set(row["id"] as string, names[i] as string);
  }
  const examples = rows.map((row): Example => {
    const { id, kind, source, text } = row as { id: string; kind: string; source: string; text: string };
    const base = { text, source, group: groups.get(id) ?? shape(text) };
    if (row["label"] === "benign") return { ...base, kind: kind === "document" ? "document" : "benign" };
    if (kind !== "planted") return { ...base, kind: kind as Kind };
    const found = plantedIn(text, documents);
    if (found === undefined) return { ...base, kind: "planted" };
    return { ...base, kind: "planted", planted: found, group: shape(text.slice(found.start, found.end)) };
  });
  const more: [string, string, string][] = [
    ["benign-requests.jsonl", "text", "BFCL"],
    ["tool-queries.jsonl", "query", "MetaTool"],
    ["pii.jsonl", "text", "presidio"],
  ];
  for (const [file, field, source] of more) {
    for (const row of lines(join(folder, file))) {
      const text = (row[field] ?? row["text"]) as string;
      examples.push({ text, kind: "benign", source, group: shape(text) });
    }
  }
  return examples;
}

/** Paragraphs of prose: every `.txt` of a folder, paragraphs parted by an empty line. */
export function prose(folder: string, most: number): string[] {
  const found = readdirSync(folder)
    .filter((file) => file.endsWith(".txt"))
    .toSorted()
    .flatMap((file) => readFileSync(join(folder, file), "utf8").split(/\n\n+/))
    .filter((text) => text.length >= 20 && text.length <= 3_000)
    .toSorted((a, b) => hashOf(a) - hashOf(b));
  return found.slice(0, most);
}

/** What was written for this project, the lists filled in `times` times a line. */
export function material(times: number): Example[] {
  const next = random(11);
  const choose = (size: number): number => Math.floor(next() * size);
  const made = (list: readonly string[], kind: Kind, source: string, each: number): Example[] =>
    list.flatMap((line) =>
      Array.from({ length: /\{\w+\}/.test(line) ? each : 2 }, () => ({
        text: fill(line, choose),
        kind,
        source,
        group: line,
      })),
    );
  return [
    ...made(ATTACKS, "direct", "own", times),
    ...made(JAILBREAKS, "jailbreak", "own", times),
    ...made(LOADED, "benign", "own-loaded", 60),
    ...made(ORDINARY, "benign", "own-ordinary", 25),
    ...made(EVERYDAY, "benign", "own-everyday", 1),
    ...made(COUNTER, "benign", "own-counter", 8),
    ...LANGUAGES.flatMap(({ code, attacks, everyday }): Example[] => [
      ...attacks.map((text): Example => ({ text, kind: "direct", source: `own-${code}`, group: text })),
      // Two lines together, as an attack is often said.
      ...attacks.map((text, i): Example => ({
        text: `${text} ${attacks[(i + 2) % attacks.length] as string}`,
        kind: "direct",
        source: `own-${code}`,
        group: text,
      })),
      ...everyday.map((text): Example => ({ text, kind: "benign", source: `own-${code}`, group: text })),
      ...everyday.map((text, i): Example => ({
        text: `${text} ${everyday[(i + 3) % everyday.length] as string}`,
        kind: "benign",
        source: `own-${code}`,
        group: text,
      })),
    ]),
  ];
}

/** Documents with an instruction planted in them, made of `hosts` and of lines for an assistant. */
export function plantedMaterial(
  hosts: readonly string[],
  requests: readonly string[],
  seed: number,
): Example[] {
  const next = random(seed);
  const choose = (size: number): number => Math.floor(next() * size);
  const attacks = LANGUAGES.flatMap(({ attacks: own }) => own);
  return hosts.map((host): Example => {
    const draw = next();
    const line =
      draw < 0.6
        ? fill(PLANTED[choose(PLANTED.length)] as string, choose)
        : draw < 0.8
          ? (requests[choose(requests.length)] as string)
          : draw < 0.9
            ? fill(ATTACKS[choose(40)] as string, choose)
            : (attacks[choose(attacks.length)] as string);
    const place = next();
    const stops = [...host.matchAll(/[.!?]\s|\n/g)].map((stop) => stop.index + 1);
    const at =
      place < 0.33 || stops.length === 0
        ? 0
        : place < 0.66
          ? host.length
          : (stops[choose(stops.length)] as number);
    const before = at === 0 ? "" : `${host.slice(0, at)}${at === host.length ? "\n" : " "}`;
    const after = at === host.length ? "" : `${at === 0 ? "\n" : " "}${host.slice(at)}`;
    return {
      text: `${before}${line}${after}`,
      kind: "planted",
      source: "own-planted",
      group: line,
      planted: { start: before.length, end: before.length + line.length },
    };
  });
}
