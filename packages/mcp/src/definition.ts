/**
 * What can be called: tools, resources, resource templates and prompts, checked once when they are declared.
 *
 * Guarantees: nothing without a guard registers; unknown arguments are refused, because input schemas are
 * made strict; an effect tool registers only where the server can audit it, run it as the caller and ask a
 * person (PR-D09, PR-F27). Mistakes throw at start-up, where an operator sees them.
 * Does not: make nested objects strict; declare them with `z.strictObject`.
 */
import { type Caller, DeputizeError, type Effect } from "@deputize/core";
import { type Destination, UNDECLARED, parseDestination } from "@deputize/guardrails/flow";
import type { Tx } from "@deputize/store";
import { UriTemplate } from "@modelcontextprotocol/server";
import { z } from "zod";
import type { Preview } from "./approval.ts";
import type { ArgumentGuard } from "./argument-guards.ts";
import type { ToolContext } from "./context.ts";
import { type Guard, asGuard } from "./guards.ts";
import type { Reads } from "./labels.ts";
import { type CacheOptions, checkedCache } from "./middleware/cache.ts";
import { concurrency } from "./middleware/concurrency.ts";
import type { Middleware } from "./middleware/middleware.ts";
import { type RateLimit, parseRate } from "./middleware/rate-limit.ts";
import { checkedTimeout } from "./middleware/timeout.ts";
import {
  type CommonOptions,
  type ExemptionOptions,
  PROMPT_OPTIONS,
  type PromptHandler,
  type PromptOptions,
  RESOURCE_OPTIONS,
  type ResourceHandler,
  type ResourceOptions,
  type ResourceTemplateOptions,
  TEMPLATE_OPTIONS,
  TOOL_OPTIONS,
  type ToolHandler,
  type ToolOptions,
  assertOptions,
} from "./options.ts";
import type { Provided } from "./provide.ts";
import { type InputSchema, inputSchema, outputSchema } from "./schema.ts";

/** A definition after its options were checked; what the rest of this room works with. */
export interface Definition {
  readonly kind: "tool" | "resource" | "prompt";
  readonly name: string;
  readonly title: string | undefined;
  readonly description: string;
  readonly tags: readonly string[];
  readonly effect: Effect;
  readonly guards: readonly Guard[];
  readonly input: z.ZodType<Record<string, unknown>>;
  readonly inputJsonSchema: Record<string, unknown>;
  readonly output: z.ZodType | undefined;
  readonly outputJsonSchema: Record<string, unknown> | undefined;
  readonly argumentGuards: readonly ArgumentGuard[];
  readonly preview:
    | ((
        args: Record<string, unknown>,
        tx: Tx,
        context: Pick<ToolContext, "client" | "caller">,
      ) => Promise<Preview>)
    | undefined;
  readonly sensitiveWhen: ExemptionOptions<Record<string, unknown>>["when"];
  readonly exemption:
    | {
        readonly because: string;
        readonly when: ExemptionOptions<Record<string, unknown>>["when"];
        readonly evenUntrusted: boolean;
      }
    | undefined;
  /** Who reads what it is given. */
  readonly sends: Destination | ((args: Record<string, unknown>, caller: Caller) => Destination);
  readonly approvalTtlSeconds: number;
  readonly timeoutMs: number | undefined;
  readonly rateLimit: RateLimit | undefined;
  readonly inject: readonly Provided<unknown>[];
  readonly cache: Required<CacheOptions> | undefined;
  readonly reads: Reads | undefined;
  readonly holds: string | undefined;
  readonly dataTags: readonly string[] | undefined;
  readonly redact: readonly string[];
  readonly hints: { readonly idempotent?: boolean; readonly openWorld?: boolean };
  readonly middleware: readonly Middleware[];
  readonly run: (args: Record<string, unknown>, context: ToolContext) => unknown;
  readonly resource?: {
    readonly uri: string;
    readonly template: UriTemplate | undefined;
    readonly mimeType: string;
  };
  readonly promptArguments?: readonly {
    readonly name: string;
    readonly description?: string;
    readonly required: boolean;
  }[];
  readonly complete: ResourceTemplateOptions["complete"];
}

/** Whether a call of it may have to wait for a person. */
export function mayAsk({
  effect,
  exemption,
  sensitiveWhen,
  sends,
}: Pick<Definition, "effect" | "exemption" | "sensitiveWhen" | "sends">): boolean {
  // No exemption covers what untrusted content could send outside.
  if (sends !== "owner" && (sends !== "house" || effect === "read")) return true;
  const always = exemption !== undefined && exemption.evenUntrusted && exemption.when === undefined;
  return effect !== "read" && !(always && sensitiveWhen === undefined);
}

/** As the authority's own: after a yes, the call gets as long again. */
const APPROVAL_TTL_SECONDS = 15 * 60;

/** What model providers take as a tool name. */
const NAME = /^[A-Za-z0-9_-]{1,64}$/;

export function checkedName(name: string): string {
  if (NAME.test(name)) return name;
  throw new DeputizeError(
    "config_invalid",
    `\`${name}\` is no name for a tool: 1 to 64 letters, digits, _ and -`,
  );
}

function checkedTags(what: string, tags: readonly string[]): readonly string[] {
  const fit = (tag: unknown) => typeof tag === "string" && tag.length >= 1 && tag.length <= 64;
  if (Array.isArray(tags) && tags.length <= 16 && tags.every(fit)) return [...new Set(tags)];
  throw new DeputizeError("config_invalid", `${what} has up to 16 tags of 1 to 64 characters`);
}

const HOLDS = /^[^\p{Cc}]{1,80}$/u;

function checkedHolds(what: string, holds: string | undefined): string | undefined {
  if (holds === undefined || HOLDS.test(holds)) return holds;
  throw new DeputizeError("config_invalid", `${what} says what it \`holds\` in 1 to 80 characters`);
}

/** Who reads what a tool is given. One that may send outward and says nothing has readers whom nobody knows. */
function checkedSends(name: string, declared: unknown, openWorld: boolean | undefined): unknown {
  if (declared === undefined) return openWorld ? UNDECLARED : "owner";
  if (typeof declared === "function") return declared;
  const sends = parseDestination(declared);
  if (sends !== undefined) return sends;
  throw new DeputizeError(
    "config_invalid",
    `tool \`${name}\` sends to \`owner\`, \`house\`, \`public\`, \`external:<name>\` or a list of principals`,
  );
}

/** For what takes no arguments at all. */
export const NO_ARGUMENTS = z.strictObject({}) as unknown as z.ZodType<Record<string, unknown>>;

const EFFECTS: readonly unknown[] = ["read", "write", "sensitive"] satisfies Effect[];

/** Throws `config_invalid` for a guard of an argument that is not there: it would never be asked. */
function checkedArgumentGuards(
  what: string,
  declared: readonly unknown[] = [],
  json: Readonly<Record<string, unknown>>,
): readonly ArgumentGuard[] {
  const guards = declared as readonly ArgumentGuard[];
  const names = Object.keys((json["properties"] ?? {}) as object);
  for (const { name, argument, check } of guards) {
    if (typeof check !== "function" || (argument !== undefined && !names.includes(argument)))
      throw new DeputizeError(
        "config_invalid",
        `${what}: the guard \`${name}\` is about \`${argument}\`, which it does not take; it takes ${names.join(", ") || "nothing"}`,
      );
  }
  return guards;
}

function common(
  kind: Definition["kind"],
  name: string,
  options: CommonOptions,
  effect: Effect,
): Omit<Definition, "input" | "inputJsonSchema" | "run"> {
  if (!options.description)
    throw new DeputizeError("config_invalid", `${kind} \`${name}\` needs a description`);
  const effects = kind === "tool" ? EFFECTS : ["read"];
  if (!effects.includes(effect))
    throw new DeputizeError(
      "config_invalid",
      `${kind} \`${name}\` needs an effect that it can have: ${effects.join(", ")}`,
    );
  return {
    kind,
    name: checkedName(name),
    title: options.title,
    description: options.description,
    tags: checkedTags(`${kind} \`${name}\``, options.tags ?? []),
    effect,
    guards: (options.guards ?? []).map(asGuard),
    output: undefined,
    outputJsonSchema: undefined,
    argumentGuards: [],
    preview: undefined,
    sensitiveWhen: undefined,
    exemption: undefined,
    sends: "owner",
    approvalTtlSeconds: APPROVAL_TTL_SECONDS,
    timeoutMs: options.timeoutMs === undefined ? undefined : checkedTimeout(options.timeoutMs),
    rateLimit: options.rateLimit === undefined ? undefined : parseRate(options.rateLimit),
    inject: options.inject ?? [],
    cache: checkedCache(name, effect, options.reads, options.cache),
    reads: options.reads,
    holds: checkedHolds(`${kind} \`${name}\``, options.holds),
    dataTags: undefined,
    redact: options.redact ?? [],
    hints: {},
    middleware: options.maxConcurrent === undefined ? [] : [concurrency({ max: options.maxConcurrent })],
    complete: undefined,
  };
}

export function toolDefinition<S extends InputSchema, E extends Effect, R extends object>(
  name: string,
  options: ToolOptions<S, E, R>,
  handler: ToolHandler<S, E, R>,
): Definition {
  assertOptions(`tool \`${name}\``, options, TOOL_OPTIONS);
  const input = inputSchema(name, options.input);
  const output = options.output && outputSchema(name, options.output);
  if (options.sensitiveWhen && options.effect !== "write") {
    throw new DeputizeError(
      "config_invalid",
      `tool \`${name}\` has \`sensitiveWhen\`, which is for the effect \`write\`: it raises some of its calls to \`sensitive\``,
    );
  }
  if ((options.effect === "sensitive" || options.sensitiveWhen) && !options.preview) {
    throw new DeputizeError(
      "config_invalid",
      `sensitive tool \`${name}\` needs a \`preview\`, so that a person sees what they agree to`,
    );
  }
  if (options.approval && !options.approval.exempt.trim()) {
    throw new DeputizeError(
      "config_invalid",
      `tool \`${name}\` is exempt from approval without a written reason`,
    );
  }
  if (options.dataTags && options.effect !== "read") {
    throw new DeputizeError(
      "config_invalid",
      `tool \`${name}\` has \`dataTags\`, which are for the effect \`read\`: nothing keeps the answer of a change`,
    );
  }
  const { approvalTtlSeconds = APPROVAL_TTL_SECONDS } = options;
  if (!Number.isInteger(approvalTtlSeconds) || approvalTtlSeconds < 1 || approvalTtlSeconds > 3600) {
    throw new DeputizeError(
      "config_invalid",
      `tool \`${name}\` gives a person between 1 second and an hour to decide`,
    );
  }
  return {
    ...common("tool", name, options, options.effect),
    input: input.rules,
    inputJsonSchema: input.json,
    output: output?.rules,
    outputJsonSchema: output?.json,
    argumentGuards: checkedArgumentGuards(`tool \`${name}\``, options.argumentGuards, input.json),
    preview: options.preview as Definition["preview"],
    sensitiveWhen: options.sensitiveWhen as Definition["sensitiveWhen"],
    exemption: options.approval && {
      because: options.approval.exempt,
      when: options.approval.when as ExemptionOptions<Record<string, unknown>>["when"],
      evenUntrusted: options.approval.evenUntrusted ?? false,
    },
    sends: checkedSends(name, options.sends, options.hints?.openWorld) as Definition["sends"],
    approvalTtlSeconds,
    dataTags: options.dataTags,
    hints: options.hints ?? {},
    run: handler as Definition["run"],
  };
}

/** A resource is asked for by its URI; the variables come from matching it against the template. */
const RESOURCE_REQUEST = z.strictObject({
  uri: z.string().max(2048),
  variables: z.record(z.string().max(128), z.string().max(2048)),
}) as unknown as z.ZodType<Record<string, unknown>>;

const RESOURCE_CONTENT = z.union([z.object({ text: z.string() }), z.object({ blob: z.string() })]);
const PROMPT_ANSWER = z.union([
  z.string(),
  z.object({
    messages: z.array(
      z.object({ role: z.enum(["user", "assistant"]), content: z.looseObject({ type: z.string() }) }),
    ),
  }),
]);
/** What suggestions for an argument are. */
export const SUGGESTIONS = z.array(z.string());

export function resourceDefinition(
  name: string,
  options: ResourceOptions | ResourceTemplateOptions,
  handler: ResourceHandler,
): Definition {
  const templated = "uriTemplate" in options;
  assertOptions(`resource \`${name}\``, options, templated ? TEMPLATE_OPTIONS : RESOURCE_OPTIONS);
  const uri = templated ? options.uriTemplate : options.uri;
  if (!templated && !URL.canParse(uri))
    throw new DeputizeError("config_invalid", `resource \`${name}\` needs a \`uri\``);
  const template = templated ? new UriTemplate(uri) : undefined;
  // What a template takes, said as a tool says it, so that ownership is asked for in one way.
  const variables = Object.fromEntries(
    (template?.variableNames ?? []).map((one) => [one, { type: "string" }]),
  );
  const inputJsonSchema = { type: "object", properties: variables };
  return {
    ...common("resource", name, options, options.effect ?? "read"),
    input: RESOURCE_REQUEST,
    inputJsonSchema,
    output: RESOURCE_CONTENT,
    ...(templated && {
      argumentGuards: checkedArgumentGuards(`resource \`${name}\``, options.argumentGuards, inputJsonSchema),
    }),
    resource: {
      uri,
      template,
      mimeType: options.mimeType ?? "text/plain",
    },
    complete: templated ? options.complete : undefined,
    run: (args, context) =>
      handler(args as unknown as Parameters<ResourceHandler>[0], context as ToolContext<"read">),
  };
}

export function promptDefinition<S extends InputSchema>(
  name: string,
  options: PromptOptions<S>,
  handler: PromptHandler<S>,
): Definition {
  assertOptions(`prompt \`${name}\``, options, PROMPT_OPTIONS);
  const { rules: input, json: inputJsonSchema } = inputSchema(name, options.arguments);
  const properties = (inputJsonSchema["properties"] ?? {}) as Record<string, { description?: string }>;
  const required = (inputJsonSchema["required"] ?? []) as readonly string[];
  return {
    ...common("prompt", name, options, options.effect ?? "read"),
    input,
    inputJsonSchema,
    output: PROMPT_ANSWER,
    argumentGuards: checkedArgumentGuards(`prompt \`${name}\``, options.argumentGuards, inputJsonSchema),
    promptArguments: Object.entries(properties).map(([argument, { description }]) => ({
      name: argument,
      ...(description && { description }),
      required: required.includes(argument),
    })),
    complete: options.complete,
    run: handler as Definition["run"],
  };
}
