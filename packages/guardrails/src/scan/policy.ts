/** What is done about a finding: by its type, by the part of the guardrails that found it, by the direction. */
import { DeputizeError } from "@deputize/core";
import type { Direction } from "../detector.ts";
import { personalDataTypes } from "../personal/detector.ts";

/** `block` stops the text, `redact` puts a placeholder in the finding's place, `warn` only reports it, `allow` forgets it. */
export type Action = "block" | "redact" | "warn" | "allow";

/**
 * Actions by type (`CREDIT_CARD`), by part (`credentials`, `personal`, `personal.contact`, `injection`, `exfiltration`, `canary`, a
 * rule's own type) or for all else (`*`); the narrowest name decides.
 */
export type Actions = Readonly<Record<string, Action>>;
export type ActionPolicy = Readonly<Partial<Record<Direction, Actions>>>;

/** What holds unless a policy says otherwise. */
export const DEFAULT_ACTIONS: Readonly<Record<Direction, Actions>> = {
  // People may say who they are, and the model may need it; a key has no business with a model.
  input: { injection: "block", credentials: "redact", "*": "warn" },
  // Nothing of anybody goes out unless it is known to belong there. Names, dates and links are what answers are made of.
  output: {
    canary: "block",
    injection: "warn",
    "personal.person": "warn",
    "personal.network": "warn",
    "*": "redact",
  },
  // What a tool reads of a person is for that person's own turn; the way out is guarded by `output`.
  tool_result: { injection: "block", credentials: "redact", "*": "warn" },
};

const ACTIONS: ReadonlySet<string> = new Set(["block", "redact", "warn", "allow"]);
const DIRECTIONS: readonly Direction[] = ["input", "output", "tool_result"];
const GROUPS = new Map(personalDataTypes().map(({ type, group }) => [type, group]));
export const INJECTION_TYPES: readonly string[] = ["prompt_injection", "jailbreak"];

/** The part of the guardrails that a finding belongs to. */
export function partOf(detector: string, type: string): string {
  if (INJECTION_TYPES.includes(type)) return "injection";
  const group = detector === "personal_data" ? GROUPS.get(type) : undefined;
  return group === undefined ? detector : `personal.${group}`;
}

/** Throws `config_invalid` for an action or a direction that there is not. */
export function actionsFor(
  policy: ActionPolicy,
): (direction: Direction, part: string, type: string) => Action {
  for (const [direction, actions] of Object.entries(policy)) {
    if (!DIRECTIONS.includes(direction as Direction))
      throw new DeputizeError(
        "config_invalid",
        `no text goes \`${direction}\`; it goes ${DIRECTIONS.join(", ")}`,
      );
    for (const action of Object.values(actions)) {
      if (!ACTIONS.has(action))
        throw new DeputizeError(
          "config_invalid",
          `\`${action}\` is no action; there are ${[...ACTIONS].join(", ")}`,
        );
    }
  }
  return (direction, part, type) => {
    const names = [type, part, part.split(".")[0] ?? part];
    const own = policy[direction] ?? {};
    const known = DEFAULT_ACTIONS[direction];
    for (const name of names) {
      const action = pick(own, name) ?? (pick(own, "*") === undefined ? pick(known, name) : undefined);
      if (action) return action;
    }
    return pick(own, "*") ?? pick(known, "*") ?? "block";
  };
}

const pick = (actions: Actions, name: string): Action | undefined =>
  Object.hasOwn(actions, name) ? actions[name] : undefined;
