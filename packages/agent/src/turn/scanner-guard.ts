/**
 * A scanner as the guard of an agent's turns: of messages, of answers as they stream, of what tools are told and answer.
 *
 * Guarantees: a refused message is stored without its words; a value has one placeholder throughout what is done for a caller.
 * Of what a tool answered only the texts are withheld that are refused: one review with instructions in it does not take the product's
 * price and the other reviews from everybody.
 * Arguments of calls are refused, never changed: what is carried out is what was asked for and shown.
 */
import type { Caller } from "@deputize/core";
import {
  type Action,
  type Direction,
  GuardrailViolationError,
  type Placeholders,
  type Scanner,
  createPlaceholders,
} from "@deputize/guardrails";
import type { TellGuard, TextGuard } from "./ports.ts";

/**
 * What is sure enough to refuse a call for, where a token to read the next page with looks like less; and to withhold what nobody but
 * the person and the system wrote, whose short sentences look like orders ("I wear size 43", "no such order").
 */
const SURE = 0.9;
/** Signed data that its server handed out to be handed back, such as a cursor. */
const HANDED_BACK: ReadonlySet<string> = new Set(["JSON_WEB_TOKEN"]);

export function scannerGuard(scanner: Scanner): TextGuard {
  const turns = new WeakMap<Caller, Placeholders>();
  const placeholdersOf = (caller: Caller): Placeholders => {
    const known = turns.get(caller) ?? createPlaceholders();
    turns.set(caller, known);
    return known;
  };

  return {
    ...(scanner.instructions !== undefined && { instructions: scanner.instructions }),
    async input(text, caller, tell) {
      const scanned = await scanner.scan(text, "input", placeholdersOf(caller));
      report(scanned.findings, "input", tell);
      const types = typesOf(scanned.findings.filter(({ action }) => action === "block"));
      return types.length === 0
        ? { text: scanned.text }
        : {
            text: withheldText(types),
            refusal: new GuardrailViolationError("guardrail_violation", "input", types),
          };
    },
    output: (caller, tell) =>
      scanner.stream(placeholdersOf(caller), (found) => report(found, "output", tell)),
    async toolResult(content, caller, { integrity }, tell) {
      const leaves = leavesOf(content);
      const placeholders = placeholdersOf(caller);
      const { findings } = await scanner.scan(leaves.text, "tool_result", placeholders);
      const blocked = findings.filter(
        ({ action, part, score }) =>
          action === "block" && (part !== "injection" || integrity !== "trusted" || score >= SURE),
      );
      const hidden = findings.filter(({ action }) => action === "redact");
      const told = findings.map((one) =>
        one.action === "block" && !blocked.includes(one) ? { type: one.type, action: "warn" as const } : one,
      );
      report(told, "tool_result", tell);
      if (!blocked.every(leaves.touches))
        throw new GuardrailViolationError("guardrail_violation", "tool_result", typesOf(blocked));
      return {
        content:
          blocked.length + hidden.length === 0 ? content : leaves.replace(blocked, hidden, placeholders),
        ...(blocked.length > 0 && { withheld: typesOf(blocked) }),
      };
    },
    async toolArguments(args, caller, tell) {
      const scanned = await scanner.scan(leavesOf(args).text, "output", placeholdersOf(caller));
      // Nothing in them is changed: what does not refuse the call is only told.
      const told = scanned.findings.map(({ action, part, score, type }) => {
        const refuses =
          action === "block" ||
          (action === "redact" && part === "credentials" && score >= SURE && !HANDED_BACK.has(type));
        return { type, action: refuses ? "block" : "warn" } as const;
      });
      report(told, "output", tell);
      const types = typesOf(told.filter(({ action }) => action === "block"));
      if (types.length > 0) throw new GuardrailViolationError("guardrail_violation", "output", types);
    },
  };
}

const ACTED = { block: "blocked", redact: "redacted", warn: "warned" } as const;
/** A detector of one's own may call a finding anything, the text included. */
const TYPE = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;

/** Tells what was found, one record for each type and action. */
function report(
  findings: readonly { readonly type: string; readonly action: Action }[],
  direction: Direction,
  tell: TellGuard | undefined,
): void {
  if (!tell) return;
  const counts = new Map<string, { type: string; action: keyof typeof ACTED; count: number }>();
  for (const { type: called, action } of findings) {
    if (action === "allow") continue;
    const type = TYPE.test(called) ? called : "OTHER";
    const so = counts.get(`${action} ${type}`) ?? { type, action, count: 0 };
    so.count += 1;
    counts.set(`${action} ${type}`, so);
  }
  for (const { type, action, count } of counts.values())
    tell({ kind: "guard_acted", direction, action: ACTED[action], type, count });
}

const typesOf = (findings: readonly { readonly type: string }[]): string[] => [
  ...new Set(findings.map(({ type }) => type)),
];

/** What stands in the place of a text that is not passed on. */
const withheldText = (types: readonly string[]): string => `[withheld: ${types.join(", ")}]`;

/** The name of a member says of its value what words do in a text. */
const SECRET_NAME = /pass(?:word|wd|phrase)|secret|api_?key|private_?key|credential/i;
const BETWEEN = "\n";
/** What a schema calls a member; any other name may be somebody's text, and is read as one. */
const PLAIN_NAME = /^[A-Za-z_-]{1,64}$/;

interface Place {
  readonly type: string;
  readonly start: number;
  readonly end: number;
}

/** A whole number of as many digits as a telephone number has; shorter ones are nobody's, and are not read. */
const isLongNumber = (value: unknown): value is number | bigint =>
  typeof value === "bigint" || (Number.isInteger(value) && Math.abs(value as number) >= 1_000_000);

const wordsOf = (name: string): string => name.replaceAll(/[_-]+|(?<=[a-z])(?=[A-Z])/g, " ");

/** All texts and long numbers of a JSON value as one, each on lines of its own, and the way back. */
function leavesOf(content: unknown): {
  readonly text: string;
  /** Whether a finding lies in one of the texts, not beside them all. */
  touches(place: Place): boolean;
  /** The value without the texts that a finding of `blocked` touches, and with placeholders in the places of `hidden`. */
  replace(blocked: readonly Place[], hidden: readonly Place[], placeholders: Placeholders): unknown;
} {
  const parts: string[] = [];
  const starts: number[] = [];
  const ends: number[] = [];
  let length = 0;
  const add = (part: string): void => {
    parts.push(part);
    length += part.length;
  };
  const leaf = (value: string): void => {
    starts.push(length);
    add(value);
    ends.push(length);
    add(BETWEEN);
  };
  const walk = (value: unknown, name: string): void => {
    if (typeof value === "string") {
      if (SECRET_NAME.test(name)) add(`${name}: `);
      leaf(value);
    } else if (isLongNumber(value)) {
      // "phone" beside a bare number is what makes it one.
      add(`${wordsOf(name)}: `);
      leaf(String(value));
    } else if (Array.isArray(value)) {
      for (const item of value) walk(item, name);
    } else if (typeof value === "object" && value !== null) {
      for (const [member, inner] of Object.entries(value)) {
        if (!PLAIN_NAME.test(member)) leaf(member);
        walk(inner, member);
      }
    }
  };
  walk(content, "");
  const text = parts.join("");
  return {
    text,
    touches: ({ start, end }) => starts.some((at, leaf) => start < (ends[leaf] ?? at) && at < end),
    replace(blocked, hidden, placeholders) {
      let at = 0;
      const next = (value: string): string => fill(value, starts[at++] ?? 0);
      const rebuild = (value: unknown): unknown => {
        if (typeof value === "string") return next(value);
        if (isLongNumber(value)) {
          const said = next(String(value));
          return said === String(value) ? value : said;
        }
        if (Array.isArray(value)) return value.map(rebuild);
        if (typeof value !== "object" || value === null) return value;
        return Object.fromEntries(
          Object.entries(value).map(([name, inner]) => [
            PLAIN_NAME.test(name) ? name : next(name),
            rebuild(inner),
          ]),
        );
      };
      const fill = (value: string, at: number): string => {
        const types = typesOf(blocked.filter(({ start, end }) => start < at + value.length && at < end));
        if (types.length > 0) return withheldText(types);
        let out = "";
        let from = 0;
        for (const { type, start, end } of hidden) {
          const [begin, stop] = [Math.max(start - at, from), Math.min(end - at, value.length)];
          if (stop <= begin) continue;
          out += value.slice(from, begin) + placeholders.of(type, text.slice(start, end));
          from = stop;
        }
        return out + value.slice(from);
      };
      return rebuild(content);
    },
  };
}
