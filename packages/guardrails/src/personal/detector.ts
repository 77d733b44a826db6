/**
 * Personal data: the kinds of the tables, telephone numbers, links, names.
 *
 * Guarantees: a number without a shape of its own is found only beside a word for it, and one with check digits only when they
 * hold [PR-D36]; no pattern takes more than linear time in the length of a text, but for a small constant.
 * Does not: tell names, places or addresses that nothing announces.
 */
import type { Detector, Finding } from "../detector.ts";
import { loadStandardNumbers } from "./checks.ts";
import { type Beside, calledOtherwise, contextIndex, surroundings, wordsOf } from "./context.ts";
import type { PersonalGroup, PersonalKind } from "./kind.ts";
import { KINDS } from "./kinds/index.ts";
import { findLinks } from "./links.ts";
import { findNames } from "./names.ts";
import { findPhones } from "./phones.ts";

export interface PersonalDataOptions {
  /** Only these groups; all unless set. */
  readonly groups?: readonly PersonalGroup[];
  /** Types that are not looked for. */
  readonly except?: readonly string[];
}

/** Kinds that files of their own find. */
const OTHERS: readonly {
  readonly type: string;
  readonly group: PersonalGroup;
  readonly country?: undefined;
}[] = [
  { type: "PHONE_NUMBER", group: "contact" },
  { type: "DOMAIN_NAME", group: "network" },
  { type: "URL", group: "network" },
  { type: "PERSON", group: "person" },
];

/** Every type that is looked for, once, with its group and, where one country has it, the country. */
export function personalDataTypes(): readonly {
  readonly type: string;
  readonly group: PersonalGroup;
  readonly country: string | undefined;
}[] {
  const all = [...KINDS, ...OTHERS].map(({ type, group, country }) => ({ type, group, country }));
  return all.filter(({ type }, at) => all.findIndex((other) => other.type === type) === at);
}

interface Compiled {
  readonly kind: PersonalKind;
  /** The kind's place among those with words. */
  readonly index: number;
  readonly pattern: RegExp;
}

const LETTER = String.raw`[\p{L}\p{N}_]`;
/** Letters and digits end a number on both sides, and so does a decimal point with digits behind it. */
const compile = (kind: PersonalKind, index: number): Compiled => {
  const ascii = !/\\p\{|[^\0-\x7f]/u.test(kind.pattern);
  const edge = ascii ? "[A-Za-z0-9_]" : LETTER;
  return {
    kind,
    index,
    pattern: new RegExp(`(?<!${edge})(?:${kind.pattern})(?!${edge})`, ascii ? "g" : "gu"),
  };
};

/** Finds personal data, in every direction. */
export function personalDataDetector({ groups, except = [] }: PersonalDataOptions = {}): Detector {
  const wanted = ({ type, group }: { type: string; group: PersonalGroup }): boolean =>
    (groups?.includes(group) ?? true) && !except.includes(type);
  const compiled = KINDS.filter(wanted).map(compile);
  const index = contextIndex(compiled.map(({ kind }) => kind.context ?? []));
  const alone = compiled.filter(({ kind }) => kind.alone === true || kind.context === undefined);
  const others = new Set(OTHERS.filter(wanted).map(({ type }) => type));

  function scan(text: string): readonly Finding[] {
    const words = wordsOf(text);
    const beside = index.find(text, words);
    const found: (Finding & { readonly gap: number })[] = [];

    /** Answers whether it is one. */
    const consider = (one: Compiled, start: number, matched: string): boolean => {
      const { kind } = one;
      const end = start + matched.length;
      const gap = kind.context && index.distance(beside.get(one.index), start, end);
      if (gap === undefined && kind.context && !kind.alone) return false;
      const { check } = kind;
      if (check && !check(matched)) return false;
      // A number that was called something else just before it is that, unless its own word is there or its groups say what it is.
      const plain = !isShaped(kind) || (gap === undefined && PLAIN_NUMBER.test(matched));
      if (plain && calledOtherwise(words, start)) return false;
      found.push({ type: kind.type, start, end, score: scoreOf(kind, gap), gap: gap ?? 1_000 });
      return true;
    };

    for (const one of alone) {
      search(text, one, 0, consider);
    }
    for (const place of beside.values()) {
      const one = compiled[place.kind];
      if (one && one.kind.alone !== true) searchNear(text, one, place, consider);
    }
    // Of kinds that fit one place the nearest word names it; the order of the tables decides between equals.
    const named = nearestFirst(found);
    if (others.has("PHONE_NUMBER")) named.push(...findPhones(text, words));
    if (others.has("URL")) named.push(...findLinks(text));
    if (others.has("PERSON")) named.push(...findNames(text));
    return named;
  }

  return {
    name: "personal_data",
    async warmup() {
      loadStandardNumbers();
      scan("Call +1 202 555 0123 about 4111 1111 1111 1111, me@example.com, https://example.com/");
    },
    scan,
  };
}

function searchNear(
  text: string,
  one: Compiled,
  place: Beside,
  consider: (one: Compiled, start: number, matched: string) => boolean,
): void {
  for (const [from, to] of surroundings(text, place)) {
    search(text.slice(from, to), one, from, consider);
  }
}

/** Every match of a kind's pattern, or, of a kind that shrinks, the longest part of it that is one. */
function search(
  text: string,
  one: Compiled,
  from: number,
  consider: (one: Compiled, start: number, matched: string) => boolean,
): void {
  const { pattern } = one;
  pattern.lastIndex = 0;
  for (let match = pattern.exec(text); match; match = pattern.exec(text)) {
    const { index } = match;
    const [whole] = match;
    if (whole === "") pattern.lastIndex += 1;
    if (consider(one, from + index, whole) || !one.kind.shrinks) continue;
    let part = whole;
    while (part !== "") {
      part = part.slice(0, Math.max(part.lastIndexOf(" "), part.lastIndexOf("-"), 0));
      if (part !== "" && consider(one, from + index, part)) break;
    }
    // What was not taken may hold another, or be the end of one that begins behind the first group.
    const next = part === "" ? /^[^ -]+[ -]*/.exec(whole)?.[0].length : part.length;
    pattern.lastIndex = index + (next ?? whole.length);
  }
}

/** Digits in one piece, or with the last four apart, as orders are numbered too. */
const PLAIN_NUMBER = /^\d+(?:-\d{4})?$/;

/** Letters or signs in fixed places, which a plain number does not have. */
const isShaped = ({ alone }: PersonalKind): boolean => alone === true;

function scoreOf({ check, alone }: PersonalKind, gap: number | undefined): number {
  if (gap === undefined) return check ? 0.8 : 0.7;
  return check ? 0.95 : alone ? 0.9 : 0.75;
}

/** One finding for each place: the surest, then the one whose word is nearest, then the one that was found first. */
function nearestFirst(found: readonly (Finding & { readonly gap: number })[]): Finding[] {
  const best = new Map<string, Finding & { readonly gap: number }>();
  for (const finding of found) {
    const key = `${finding.start}:${finding.end}`;
    const so = best.get(key);
    if (!so || finding.gap < so.gap || (finding.gap === so.gap && finding.score > so.score))
      best.set(key, finding);
  }
  return [...best.values()].map(({ type, start, end, score }) => ({ type, start, end, score }));
}
