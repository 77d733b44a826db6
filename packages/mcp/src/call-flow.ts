/**
 * Holds one call against where information came from and where it would go: joins what the tool declares, what the agent says of
 * the context, and the rules of `guardrails/flow` (SR-06, SR-07).
 *
 * Guarantees: the agent's notes can only make a call stricter than no note at all, but for the word that its context is trusted or
 * open to more than the caller, on which the rules rest; a context without readers is for the caller alone; a destination that
 * cannot be told, because its function throws or answers none, is one with readers whom nobody knows.
 */
import type { Caller, Effect } from "@deputize/core";
import {
  type Destination,
  type FlowArgument,
  type FlowDecision,
  type FlowReason,
  type Label,
  type OriginKind,
  type ReasonLink,
  UNDECLARED,
  decideFlow,
  linkWords,
  parseDestination,
} from "@deputize/guardrails/flow";
import type { Definition } from "./definition.ts";
import type { CallNotes } from "./inbound.ts";

/** Why a person is asked, as a card shows it. Holds no value: those stand in the card's arguments. */
export interface CardReason {
  readonly rule: string;
  readonly says: string;
  readonly links: {
    readonly argument: string;
    readonly says: string;
    readonly from: OriginKind;
    readonly source?: string;
    readonly call?: string;
    readonly entry?: string;
  }[];
}

export interface FlowQuestion {
  readonly caller: Caller;
  readonly definition: Pick<Definition, "sends">;
  readonly notes: CallNotes;
  readonly args: Record<string, unknown>;
  /** The tool's effect, or what this call is raised to. */
  readonly effect: Effect;
  /** The written exemption, where its own condition holds. */
  readonly exempt?: { readonly evenUntrusted: boolean } | undefined;
  readonly gate: "ask" | "deny" | undefined;
}

export function decideCall({
  caller,
  definition,
  notes,
  args,
  effect,
  exempt,
  gate,
}: FlowQuestion): FlowDecision {
  const { readers = [caller.subject], integrity, source } = notes.context;
  const context: Label = { integrity, readers, source };
  const known = Object.entries(notes.origins ?? {}).filter(([name]) => Object.hasOwn(args, name));
  const described: Record<string, FlowArgument> = Object.fromEntries(
    known.map(([name, origins]) => [name, { origins }]),
  );
  return decideFlow({
    person: caller.subject,
    effect,
    sends: destinationOf(definition, args, caller),
    context,
    arguments: described,
    exempt,
    gate,
  });
}

function destinationOf(
  { sends }: Pick<Definition, "sends">,
  args: Record<string, unknown>,
  caller: Caller,
): Destination {
  if (typeof sends !== "function") return sends;
  try {
    return parseDestination(sends(args, caller)) ?? UNDECLARED;
  } catch {
    return UNDECLARED;
  }
}

/** The chain as a card shows it; a link that several reasons share is told once. */
export function cardReasons(reasons: readonly FlowReason[]): CardReason[] {
  return reasons.map(({ rule, says, links }, index) => ({
    rule,
    says,
    links: index > 0 ? [] : links.map(cardLink),
  }));
}

function cardLink(link: ReasonLink): CardReason["links"][number] {
  const { argument, from, source, call, entry } = link;
  const told = { ...(source && { source }), ...(call && { call }), ...(entry && { entry }) };
  return { argument, from, ...told, says: linkWords(link) };
}

/** The chain as the log keeps it. */
export function loggedReasons(reasons: readonly FlowReason[]): readonly Record<string, unknown>[] {
  const [first] = reasons;
  return reasons.map(({ rule, answer, sources, links }) => ({
    rule,
    answer,
    sources,
    ...(first?.rule === rule && links.length > 0 && { links }),
  }));
}
