/** Grants as the server answers them, and drawing them: who acts for whom, with what, for how long. */
import { type Clock, constraintInWords, parseConstraints, systemClock } from "@deputize/core";
import { z } from "zod";
import { duration, plain, secondsUntil } from "./print.ts";

const Party = z.looseObject({ id: z.string(), kind: z.string(), name: z.string() });

export const GrantAnswer = z.looseObject({
  id: z.string(),
  parent: z.string().nullable(),
  depth: z.number(),
  kind: z.string(),
  state: z.enum(["active", "expired", "revoked"]),
  subject: Party,
  actor: Party,
  app: Party.optional(),
  task_id: z.string().optional(),
  orch_id: z.string().optional(),
  scopes: z.array(z.string()),
  audiences: z.array(z.string()),
  constraints: z.record(z.string(), z.unknown()).optional(),
  issued_at: z.string(),
  expires_at: z.string(),
  renew_until: z.string(),
  revoked_at: z.string().optional(),
  reason: z.string().optional(),
});
export type GrantAnswer = z.infer<typeof GrantAnswer>;

/** Such as `active, 4m58s left`. */
export function stateOf(grant: GrantAnswer, clock: Clock = systemClock): string {
  switch (grant.state) {
    case "active":
      return `active, ${duration(secondsUntil(grant.expires_at, clock))} left`;
    case "expired":
      return `expired ${duration(secondsUntil(grant.expires_at, clock))} ago`;
    case "revoked":
      return `revoked${grant.reason === undefined ? "" : ` (${plain(grant.reason)})`}`;
  }
}

/** Such as `worker for alice`. */
export function whoOf(grant: GrantAnswer): string {
  const actor = plain(grant.actor.name);
  return grant.actor.id === grant.subject.id
    ? `${actor}, for itself`
    : `${actor} for ${plain(grant.subject.name)}`;
}

/** Each limit in words; those of a kind that this program does not know are named all the same. */
export function limitsOf(constraints: Readonly<Record<string, unknown>> = {}): string[] {
  return Object.entries(constraints).map(([name, one]) => {
    try {
      const [known] = Object.values(parseConstraints({ [name]: one }));
      if (known) return `${name}: ${constraintInWords(known)}`;
    } catch {
      // Below.
    }
    return `${name}: of a kind that this program does not know`;
  });
}

/** One line for each fact of each grant, children below their parents, joined by lines. */
export function drawTree(
  grants: readonly GrantAnswer[],
  marked?: string,
  clock: Clock = systemClock,
): string[] {
  const here = new Set(grants.map(({ id }) => id));
  const below = new Map<string | null, GrantAnswer[]>();
  for (const grant of grants) {
    // A parent that was not answered leaves its children at the top.
    const parent = grant.parent !== null && here.has(grant.parent) ? grant.parent : null;
    below.set(parent, [...(below.get(parent) ?? []), grant]);
  }
  const lines: string[] = [];
  function draw(grant: GrantAnswer, first: string, rest: string): void {
    const children = below.get(grant.id) ?? [];
    const bar = children.length > 0 ? "│  " : "   ";
    const work = [
      grant.task_id && `task ${plain(grant.task_id)}`,
      grant.orch_id && `orchestration ${plain(grant.orch_id)}`,
    ].filter(Boolean);
    lines.push(
      `${first}${whoOf(grant)}: ${stateOf(grant, clock)}${grant.id === marked ? "   <- this one" : ""}`,
      `${rest}${bar}${plain(grant.scopes.join(" "))}${work.length > 0 ? `   ${work.join(", ")}` : ""}`,
      `${rest}${bar}grant ${plain(grant.id)}`,
    );
    for (const [at, child] of children.entries()) {
      const last = at === children.length - 1;
      draw(child, `${rest}${last ? "└─ " : "├─ "}`, `${rest}${last ? "   " : "│  "}`);
    }
  }
  for (const top of below.get(null) ?? []) draw(top, "", "");
  return lines;
}
