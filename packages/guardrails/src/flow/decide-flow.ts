/**
 * Decides about one tool call by where information came from and where it would go: allow, ask a person, or deny.
 *
 * The theory. Labels form the lattice of `label.ts`; a run's context has the join of everything that the model was given. A model
 * is taken for a function that may copy any of its input into any of its output, so whatever it writes has the label of its
 * context: which tool it chose, every argument, and that it called at all. On that rest two classic rules.
 * Integrity (Biba): what untrusted content may have chosen changes nothing by itself. Confidentiality (Bell and LaPadula): what
 * is given to a destination is given to all who read there, so each of them has to be a reader of everything that the model knew. FIDES
 * (arXiv 2505.23643) holds both with labels that a planner carries along, and CaMeL (arXiv 2503.18813) by fixing the plan
 * before untrusted content is read. From the latter comes the one relief here: a call has the label of the context in which it was
 * *chosen*. One that was chosen beside the reading of untrusted content, before it came in, is not led by it.
 * Where a rule is not met, a person may endorse the call or give away what is theirs; nobody may give away what is another's.
 *
 * The rules, all of which apply; the strictest answer counts.
 *   `sensitive`           the effect is sensitive: ask, unless a written policy exempts it.
 *   `untrusted_context`   a write, chosen with untrusted content in the context: ask; a policy exempts only if it says so aloud.
 *   `reader_not_allowed`  someone outside reads there and may not read what the context holds: ask; exempt only while all is trusted.
 *   `not_the_persons`     the same, and the person may not read it either: deny.
 *   `run_gate`            private data, untrusted content and a destination beyond the person, in one run: ask, or deny where
 *                         told so. It is the shape of every theft by injection: no policy exempts what goes outside, and one that
 *                         says so aloud only what goes to the house.
 *
 * Guarantees (flow-properties.test.ts): of two contexts, the one with more untrusted content or fewer readers gets no milder
 * answer; with untrusted content no effect and nothing beyond the person is allowed but by a policy that says so; what is
 * allowed goes only to readers of everything in the context, the person and the house apart, or by a written policy in a trusted
 * context; where an argument came from changes no answer; what is unreadable counts as the strictest.
 *
 * Does not promise: that the model tells the person the truth, or picks fair words; that a person agrees only to what they
 * understood. That nothing is learned from time, size, order or number of calls, or from whether a call was asked about. Anything of
 * what a tool does beyond its declaration, or of what the machine that runs it reads: choose tool servers accordingly. Anything of a
 * label that is wrong from the start, such as that of a tool which calls strangers' text its own.
 */
import type { Effect, PrincipalId } from "@deputize/core";
import { type Label, joinLabels } from "../label.ts";
import {
  type Destination,
  UNDECLARED,
  destinationWords,
  isOutward,
  isShared,
  mayRead,
  parseDestination,
} from "./destination.ts";
import { type Origin, originWords } from "./origin.ts";

export type FlowRule =
  "sensitive" | "untrusted_context" | "reader_not_allowed" | "not_the_persons" | "run_gate";

export interface FlowArgument {
  /** Of a value that did not pass through the model; joined with the context's, so it only makes the answer stricter. */
  readonly label?: Label;
  /** Where the value stands in what the model was given. Explains, and changes no answer. */
  readonly origins?: readonly Origin[];
}

export interface FlowCall {
  /** For whom the call is made. */
  readonly person: PrincipalId;
  readonly effect: Effect;
  /** Who reads what the tool is given. */
  readonly sends: Destination;
  /** The join of everything that the model was given when it chose this call. */
  readonly context: Label;
  readonly arguments?: Readonly<Record<string, FlowArgument>>;
  /** A written policy by which nobody is asked. */
  readonly exempt?: { readonly evenUntrusted: boolean } | undefined;
  /** What the run gate answers; `ask` unless told. */
  readonly gate?: "ask" | "deny" | undefined;
}

export interface ReasonLink extends Origin {
  /** The argument whose value it is. */
  readonly argument: string;
}

/** Why a call was not simply allowed. Names arguments and sources, and holds no value. */
export interface FlowReason {
  readonly rule: FlowRule;
  readonly answer: "ask" | "deny";
  /** One plain sentence for the person who decides. */
  readonly says: string;
  /** Where the label of the context came from. */
  readonly sources: readonly string[];
  readonly links: readonly ReasonLink[];
}

export interface FlowDecision {
  readonly decision: "allow" | "ask" | "deny";
  /** Empty where nothing stands in the way, or a policy exempts. */
  readonly reasons: readonly FlowReason[];
  /** The rules that the written policy set aside. */
  readonly exempted: readonly FlowRule[];
}

const SOURCES_MAX = 8;

/** Decides about one call. Never throws. */
export function decideFlow(call: FlowCall): FlowDecision {
  const { person, effect, exempt, gate = "ask" } = call;
  const sends = parseDestination(call.sends) ?? UNDECLARED;
  const label = joinLabels(
    call.context,
    ...Object.values(call.arguments ?? {}).flatMap((argument) => (argument.label ? [argument.label] : [])),
  );
  const untrusted = label.integrity !== "trusted";
  const isPrivate = label.readers !== "public";
  const theirs = label.readers === "public" || label.readers.includes(person);
  const kept = mayRead(sends, label, person);
  const exempted: FlowRule[] = [];
  const reasons: FlowReason[] = [];
  const links = linksOf(call.arguments ?? {});

  const hold = (rule: FlowRule, answer: "ask" | "deny", says: string, exemptible: boolean): void => {
    if (exemptible && exempt) exempted.push(rule);
    else reasons.push({ rule, answer, says, sources: sourcesOf(label), links });
  };
  const aloud = !untrusted || exempt?.evenUntrusted === true;

  if (effect === "sensitive")
    hold("sensitive", "ask", "This is about money, deletion or somebody else's data.", aloud);
  if (effect === "write" && untrusted)
    hold(
      "untrusted_context",
      "ask",
      `The assistant had read text that you did not write${from(label)} when it chose this, and may have been led by it.`,
      aloud,
    );
  if (!kept && theirs)
    hold(
      "reader_not_allowed",
      "ask",
      `This sends to ${destinationWords(sends)}; the assistant has read things that are for you alone.`,
      !untrusted,
    );
  if (!kept && !theirs)
    hold(
      "not_the_persons",
      "deny",
      `This sends to ${destinationWords(sends)}; the assistant has read things that are not yours to give away.`,
      false,
    );
  if (isPrivate && untrusted && isShared(sends, person))
    hold(
      "run_gate",
      gate,
      `Private data, text that others wrote${from(label)} and a way to ${isOutward(sends, person) ? "the outside" : "other people"} meet here.`,
      exempt?.evenUntrusted === true && !isOutward(sends, person),
    );

  const decision = reasons.some(({ answer }) => answer === "deny")
    ? "deny"
    : reasons.length > 0
      ? "ask"
      : "allow";
  return { decision, reasons, exempted };
}

function sourcesOf({ source }: Label): string[] {
  return source
    .split(" + ")
    .filter((part) => part !== "")
    .slice(0, SOURCES_MAX);
}

const from = (label: Label): string => {
  const sources = sourcesOf(label).filter((source) => source.includes("/"));
  return sources.length > 0 ? ` (${sources.join(", ")})` : "";
};

function linksOf(args: Readonly<Record<string, FlowArgument>>): ReasonLink[] {
  return Object.entries(args).flatMap(([argument, { origins = [] }]) =>
    origins.map((origin) => ({ argument, ...origin })),
  );
}

/** A link in plain words: `address: it came from product reviews (products/get_product_details)`. */
export function linkWords(link: ReasonLink): string {
  return `${link.argument}: ${originWords(link)}`;
}
