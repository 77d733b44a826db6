/** Which answers may be kept at all, and which of them may be given to others. */
import type { AnswerRests, FreshAnswer, Reads } from "../turn/ports.ts";

/**
 * What the answer rests on, or undefined when it may not be kept: a step was refused, failed or waited; a tool changed
 * something, may have, or does not say what it read; two readings saw one tag in two versions.
 */
export function keepable({ text, steps, reads }: FreshAnswer): AnswerRests | undefined {
  if (text.trim() === "" || steps.some(({ status }) => status !== "done")) return undefined;
  return reads.every(isReading) ? joinReads(reads) : undefined;
}

const isReading = (read: Reads): read is Reads & AnswerRests =>
  read.effect === "read" && read.versions !== undefined;

/** Undefined where two saw one tag in two versions. */
export function joinReads(all: readonly AnswerRests[]): AnswerRests | undefined {
  const versions = new Map<string, string>();
  const audiences = new Set(all.flatMap((read) => read.audiences ?? []));
  let validUntilMs: number | undefined;
  for (const read of all) {
    for (const [tag, version] of Object.entries(read.versions)) {
      if ((versions.get(tag) ?? version) !== version) return undefined;
      versions.set(tag, version);
    }
    validUntilMs = Math.min(validUntilMs ?? Infinity, read.validUntilMs ?? Infinity);
  }
  const until = validUntilMs !== undefined && Number.isFinite(validUntilMs) && { validUntilMs };
  const asked = audiences.size > 0 && { audiences: [...audiences] };
  return { versions: Object.fromEntries(versions), ...until, ...asked };
}

/**
 * Whether an answer may be given to others [SR-22]: nothing that others wrote was in the context, all that was read is public, and
 * the answer repeats nothing of the question by which its asker could be known.
 */
export function sharable(message: string, { text, cards, reads, label: whole }: FreshAnswer): boolean {
  if (whole.integrity !== "trusted") return false;
  const open = reads.every(({ label }) => label.integrity === "trusted" && label.readers === "public");
  if (!open) return false;
  const answer = foldedWords(`${text} ${JSON.stringify(cards)}`);
  return telling(message).every((word) => !answer.has(word));
}

/** Names (also after "my name is" in small letters), numbers and addresses of a message. */
function telling(message: string): string[] {
  const [, ...rest] = words(message);
  const introduced = /\b(?:i am|i'm|im|my name is|this is|call me|it's)\s+(\S+)(?:\s+(\S+))?/giu;
  const named = [...message.matchAll(introduced)].flatMap(([, one = "", two = ""]) => words(`${one} ${two}`));
  const capital = rest.filter((word) => /^\p{Lu}/u.test(word) && !/^I(?:'\p{L}+)?$/u.test(word));
  const marked = words(message).filter((word) => /[\d@]/.test(word));
  return [...named, ...capital, ...marked].map((word) => word.toLowerCase());
}

const words = (text: string): string[] => text.match(/[\p{L}\p{N}@._%+'-]*[\p{L}\p{N}]/gu) ?? [];
const foldedWords = (text: string): Set<string> => new Set(words(text).map((word) => word.toLowerCase()));
