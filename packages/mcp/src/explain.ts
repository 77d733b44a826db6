/** `server.explain()`: what stands between a caller and each handler, in order, for people who review it. */
import { UNDECLARED, destinationWords } from "@deputize/guardrails/flow";
import type { Definition } from "./definition.ts";
import { type Middleware, ofKind } from "./middleware/middleware.ts";
import { rateText } from "./middleware/rate-limit.ts";
import { DEFAULT_TIMEOUT_MS } from "./middleware/timeout.ts";

export interface Explanation {
  readonly kind: Definition["kind"];
  readonly name: string;
  readonly title?: string;
  readonly effect: Definition["effect"];
  readonly guards: readonly string[];
  /** What the guards look at; where one takes any of several, its first is enough. */
  readonly scopes: readonly string[];
  readonly tags: readonly string[];
  /** The checks in the order in which they run. */
  readonly steps: readonly string[];
}

export function explainTool(
  definition: Definition,
  server: {
    readonly auth: string;
    readonly middleware: readonly Middleware[];
    readonly audit: string;
    readonly maxResultBytes: number;
  },
): Explanation {
  const all = [...server.middleware, ...definition.middleware];
  return {
    kind: definition.kind,
    name: definition.name,
    ...(definition.title !== undefined && { title: definition.title }),
    effect: definition.effect,
    guards: definition.guards.map((g) => g.name),
    scopes: definition.guards.flatMap((g) => g.scopes?.slice(0, 1) ?? []),
    tags: definition.tags,
    steps: [
      `authenticate: ${server.auth}`,
      `rate limit: ${listed(ratesOf(definition, all))}`,
      "find: among what this caller may see",
      `guards: ${definition.guards.map((g) => g.name).join(", ")}`,
      "validate input: unknown arguments refused",
      `argument policy: ${listed(["grant constraints", ...definition.argumentGuards.map((g) => g.name)])}`,
      `information flow: ${flowOf(definition)}`,
      `approval: ${approvalOf(definition)}`,
      `cache: ${cacheOf(definition)}`,
      `handler: ${listed(handlerOf(definition, all))}`,
      `answer: ${listed(answerOf(definition, all, server.maxResultBytes))}`,
      `audit: ${listed([`one entry, ${server.audit}`, ...(ofKind(all, "logging").length > 0 ? ["then a line for the server's own log"] : [])])}`,
    ],
  };
}

function listed(parts: readonly string[]): string {
  return parts.length === 0 ? "none" : parts.join("; ");
}

function ratesOf(definition: Definition, all: readonly Middleware[]): string[] {
  const layers = ofKind(all, "rateLimit").map(
    ({ limit, by, perTool }) => `${rateText(limit)} by ${by}${perTool && by !== "tool" ? " and tool" : ""}`,
  );
  return definition.rateLimit ? [...layers, `${rateText(definition.rateLimit)} by caller, its own`] : layers;
}

function flowOf({ sends, kind }: Definition): string {
  if (kind !== "tool") return "sends to nobody but the caller";
  if (typeof sends === "function") return "sends to whom its arguments say; asks where they may not read it";
  if (sends === UNDECLARED) return "may send outward and says not to whom; asks for all that is not public";
  const words = destinationWords(sends);
  if (sends === "owner") return `sends to ${words}`;
  if (sends === "house") return `sends to ${words}; asks once text by others meets private data`;
  return `sends to ${words}; asks where they may not read what the caller's context holds`;
}

function approvalOf(definition: Definition): string {
  if (definition.effect === "read")
    return definition.sends === "owner" ? "never" : "where information flow asks";
  const { exemption, sensitiveWhen } = definition;
  const writeAsks = `in an untrusted context${sensitiveWhen ? ", and for each call that is sensitive" : ""}`;
  const asks = definition.effect === "sensitive" ? "always" : writeAsks;
  if (!exemption) return asks;
  const { because, when, evenUntrusted } = exemption;
  const limits = [
    ...(sensitiveWhen ? ["for no sensitive call"] : []),
    ...(when ? ["while its condition holds"] : []),
    ...(evenUntrusted ? [] : ["in a trusted context only"]),
  ];
  return `${asks}; exempt${limits.length > 0 ? ` (${limits.join(", ")})` : ""}, because ${because}`;
}

function cacheOf({ cache }: Definition): string {
  if (!cache) return "none";
  const whose = cache.scope === "public" ? "shared by the tenant" : "each caller's own";
  return `${cache.ttlMs} ms, ${whose}`;
}

/** From the outside in. */
function handlerOf(definition: Definition, all: readonly Middleware[]): string[] {
  const timeoutMs = definition.timeoutMs ?? ofKind(all, "timeout").at(-1)?.defaultMs ?? DEFAULT_TIMEOUT_MS;
  return [
    `timeout ${timeoutMs} ms`,
    ...ofKind(all, "concurrency").flatMap(({ max, perTool }) => [
      ...(max === undefined ? [] : [`at most ${max} at once`]),
      ...(perTool === undefined ? [] : [`at most ${perTool} at once by tool`]),
    ]),
    ...ofKind(all, "circuitBreaker").map(
      ({ failures, resetMs, perTool }) =>
        `circuit opens after ${failures} failures for ${resetMs} ms${perTool ? "" : ", shared"}`,
    ),
    ...(definition.inject.length > 0
      ? [`injects ${definition.inject.map((one) => one.name).join(", ")}`]
      : []),
    ...ofKind(all, "handler").map((one) => one.name),
  ];
}

function answerOf(definition: Definition, all: readonly Middleware[], maxBytes: number): string[] {
  const limits = ofKind(all, "outputLimit").map(({ limits: { longText, ...numbers } }) =>
    Object.entries(numbers)
      .map(([name, value]) => `${name} ${value}`)
      .concat(numbers.maxText === undefined ? [] : [`long text ${longText ?? "cut"}`])
      .join(", "),
  );
  return [
    definition.output ? "declared shape" : "JSON object",
    ...ofKind(all, "redaction").map(
      ({ fields, patterns, secretNames }) =>
        `redacts ${[...(secretNames ? ["secret names"] : []), ...fields].join(", ")} and ${patterns.length} patterns`,
    ),
    ...limits,
    `at most ${maxBytes} bytes`,
    `label ${definition.reads === "own" ? "trusted" : "untrusted"}${definition.holds ? `: ${definition.holds}` : ""}`,
    ...(definition.dataTags ? [`rests on ${definition.dataTags.join(", ") || "its arguments"}`] : []),
  ];
}
