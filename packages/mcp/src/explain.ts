/** `server.explain()`: what stands between a caller and each handler, in order, for people who review it. */
import type { Definition } from "./definition.ts";
import type { Middleware } from "./middleware.ts";

export interface Explanation {
  readonly kind: Definition["kind"];
  readonly name: string;
  readonly effect: Definition["effect"];
  /** The checks in the order in which they run. */
  readonly steps: readonly string[];
}

export function explainTool(
  definition: Definition,
  server: { readonly auth: string; readonly middleware: readonly Middleware[]; readonly audit: string },
): Explanation {
  const all = [...server.middleware, ...definition.middleware];
  const rates = all.flatMap((m) =>
    m.kind === "rateLimit" ? [`${m.limit.points} in ${m.limit.durationSeconds} s`] : [],
  );
  if (definition.rateLimit)
    rates.push(`${definition.rateLimit.points} in ${definition.rateLimit.durationSeconds} s`);
  const around = all.flatMap((m) => (m.kind === "handler" ? [m.name] : []));
  const timeoutMs = definition.timeoutMs ?? all.findLast((m) => m.kind === "timeout")?.defaultMs ?? 30_000;
  return {
    kind: definition.kind,
    name: definition.name,
    effect: definition.effect,
    steps: [
      `authenticate: ${server.auth}`,
      `rate limit: ${rates.join(", ") || "none"}`,
      "find: among what this caller may see",
      `guards: ${definition.guards.map((g) => g.name).join(", ")}`,
      "validate input: unknown arguments refused",
      `argument policy: ${definition.argumentGuards.map((g) => g.name).join(", ") || "none"}`,
      `approval: ${approvalOf(definition)}`,
      `handler: ${[...around, `timeout ${timeoutMs} ms`].join(", ")}`,
      `answer: ${definition.output ? "declared shape" : "JSON object"}, label ${definition.reads === "own" ? "trusted" : "untrusted"}`,
      `audit: one entry, ${server.audit}`,
    ],
  };
}

function approvalOf(definition: Definition): string {
  if (definition.effect === "read") return "never";
  if (definition.exempt) return `exempt, because ${definition.exempt}`;
  return definition.effect === "sensitive" ? "always" : "in an untrusted context";
}
