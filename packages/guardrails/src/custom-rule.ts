/**
 * A detector of one's own, by a pattern or a function.
 *
 * A pattern runs on RE2, whose time is linear in the text whatever the pattern: nobody's rule can be made to hang. RE2 has no look
 * around and no back references; a rule that needs them is a function.
 */
import { DeputizeError } from "@deputize/core";
import { RE2JS } from "re2js";
import type { Detector, Direction, Finding } from "./detector.ts";

export interface CustomRule {
  /** What is found, in capitals, digits and `_`, such as `CUSTOMER_NUMBER`. */
  readonly type: string;
  /** In RE2's syntax. With a group in it, the first group is the finding; else all that matches. */
  readonly pattern?: string;
  readonly ignoreCase?: boolean;
  /** Instead of a pattern: the places, in UTF-16 units. */
  readonly find?: (text: string, direction: Direction) => Iterable<Pick<Finding, "start" | "end">>;
  /** Whether what a pattern matched is one. */
  readonly check?: (matched: string) => boolean;
  /** All three unless set. */
  readonly directions?: readonly Direction[];
  /** 0 to 1; 0.9 unless set. */
  readonly score?: number;
}

/** Throws `config_invalid`. */
export function customRule(rule: CustomRule): Detector {
  const { type, pattern, ignoreCase = false, find, check, directions, score = 0.9 } = rule;
  if (!/^[A-Z][A-Z0-9_]{0,63}$/.test(type))
    throw new DeputizeError("config_invalid", "a rule's `type` has capitals, digits and `_`, 64 at most");
  if ((pattern === undefined) === (find === undefined))
    throw new DeputizeError("config_invalid", `the rule \`${type}\` needs either a \`pattern\` or \`find\``);
  if (!(score >= 0 && score <= 1))
    throw new DeputizeError("config_invalid", `the score of \`${type}\` is from 0 to 1`);
  const places = find ?? byPattern(type, pattern ?? "", ignoreCase, check);
  return {
    name: type,
    scan(text, direction) {
      if (directions && !directions.includes(direction)) return [];
      return [...places(text, direction)].map(({ start, end }) => ({ type, start, end, score }));
    },
  };
}

function byPattern(
  type: string,
  pattern: string,
  ignoreCase: boolean,
  check: CustomRule["check"],
): NonNullable<CustomRule["find"]> {
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(pattern, ignoreCase ? RE2JS.CASE_INSENSITIVE : 0);
  } catch (cause) {
    throw new DeputizeError("config_invalid", `the pattern of \`${type}\` is none that RE2 takes`, { cause });
  }
  const group = compiled.groupCount() > 0 ? 1 : 0;
  return (text) => {
    const found: { start: number; end: number }[] = [];
    const matcher = compiled.matcher(text);
    while (matcher.find()) {
      const [start, end] = [matcher.start(group), matcher.end(group)];
      if (start >= 0 && end > start && (check?.(text.slice(start, end)) ?? true)) found.push({ start, end });
    }
    return found;
  };
}
