/** One finding for each place, and the text with placeholders where they are wanted. */
import type { Finding } from "../detector.ts";
import type { Placeholders } from "./placeholders.ts";
import type { Action } from "./policy.ts";

/** A finding and what is done about it. Like every finding it holds a place and never the text that was there. */
export interface ScannedFinding extends Finding {
  readonly action: Action;
  /** Which part of the guardrails found it. */
  readonly part: string;
}

/** A finding that was chosen among those of one place, and all of what is hidden for it. */
interface Place {
  readonly finding: ScannedFinding;
  readonly start: number;
  readonly end: number;
}

const WEIGHT: Readonly<Record<Action, number>> = { block: 3, redact: 2, warn: 1, allow: 0 };
/** Of texts as a whole: they lie beside what is found in a place, and hide nothing of it. */
const WHOLE: ReadonlySet<string> = new Set(["injection", "canary"]);

/**
 * Of findings that overlap the one with the strongest action stays, then the surest, then the longest. Where others that are to be
 * hidden reach beyond it, that is hidden with it.
 */
export function resolve(found: readonly ScannedFinding[]): {
  readonly findings: readonly ScannedFinding[];
  readonly places: readonly Place[];
} {
  const whole = found.filter(({ part, action }) => WHOLE.has(part) && action !== "allow");
  const ranked = found
    .filter(({ part, action }) => !WHOLE.has(part) && action !== "allow")
    .toSorted(
      (a, b) =>
        WEIGHT[b.action] - WEIGHT[a.action] ||
        b.score - a.score ||
        b.end - b.start - (a.end - a.start) ||
        a.start - b.start,
    );
  /** In the order of the text, none over another: a text of a million signs may hold a hundred thousand. */
  const places: { finding: ScannedFinding; start: number; end: number }[] = [];
  for (const finding of ranked) {
    const first = firstEndingAfter(places, finding.start);
    let next = first;
    while ((places[next]?.start ?? Number.POSITIVE_INFINITY) < finding.end) next += 1;
    if (next === first) {
      places.splice(first, 0, { finding, start: finding.start, end: finding.end });
      continue;
    }
    if (WEIGHT[finding.action] < WEIGHT.redact) continue;
    // What reaches beyond goes to the first that it overlaps, as far as the next one lets it.
    for (let at = first; at < next; at++) {
      const place = places[at];
      if (!place) continue;
      place.start = Math.min(place.start, Math.max(finding.start, places[at - 1]?.end ?? 0));
      place.end = Math.max(place.end, Math.min(finding.end, places[at + 1]?.start ?? finding.end));
    }
  }
  const findings = [...whole, ...places.map(({ finding }) => finding)].toSorted(
    (a, b) => a.start - b.start || a.end - b.end,
  );
  return { findings, places };
}

/** The place of the first that ends behind `start`. */
function firstEndingAfter(places: readonly { readonly end: number }[], start: number): number {
  let [low, high] = [0, places.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((places[middle]?.end ?? 0) <= start) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The text with a placeholder in each place whose finding `hides`. */
export function withPlaceholders(
  text: string,
  places: readonly Place[],
  placeholders: Placeholders,
  hides: (finding: ScannedFinding) => boolean,
): string {
  let out = "";
  let from = 0;
  for (const { finding, start, end } of places) {
    if (!hides(finding) || start < from) continue;
    out += text.slice(from, start) + placeholders.of(finding.type, text.slice(finding.start, finding.end));
    from = end;
  }
  return out + text.slice(from);
}
