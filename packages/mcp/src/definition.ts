/**
 * What can be called: tools, resources, resource templates and prompts, checked once when they are declared.
 *
 * Guarantees: nothing without a guard registers; unknown arguments are refused, because input schemas are
 * made strict; an effect tool registers only where the server can audit it, run it as the caller and ask a
 * person (PR-D09, PR-F27). Mistakes throw at start-up, where an operator sees them.
 * Does not: make nested objects strict; declare them with `z.strictObject`.
 */
import { DeputizeError, type Effect } from "@deputize/core";
import type { Tx } from "@deputize/store";
import type { CallToolResult, InputRequiredResult } from "@modelcontextprotocol/server";
import { UriTemplate } from "@modelcontextprotocol/server";
import { z } from "zod";
import type { Preview } from "./approval.ts";
import type { ArgumentGuard } from "./argument-guards.ts";
import type { ToolContext } from "./context.ts";
import { type Guard, type GuardLike, asGuard } from "./guards.ts";
import type { Reads } from "./labels.ts";
import { type Middleware, type RateLimit, checkedTimeout, parseRate } from "./middleware.ts";
import type { ContentResult } from "./results.ts";

type Shape = z.ZodRawShape;
export type ArgsOf<S extends Shape> = z.output<z.ZodObject<S, z.core.$strict>>;

/** What every definition may say. */
export interface CommonOptions {
  readonly title?: string;
  readonly description: string;
  readonly guards?: readonly GuardLike[];
  readonly timeoutMs?: number;
  /** Such as `100/min`, for each caller. */
  readonly rateLimit?: string;
  /** What the answer holds; absent means text by others, hence untrusted (SR-07). */
  readonly reads?: Reads;
  /** Arguments whose value never enters the log. Names that look secret are masked anyway. */
  readonly redact?: readonly string[];
}

export interface ToolOptions<S extends Shape, E extends Effect, R extends object> extends CommonOptions {
  readonly effect: E;
  readonly input?: S | z.ZodObject<S>;
  readonly output?: z.ZodType<R>;
  readonly argumentGuards?: readonly ArgumentGuard<NoInfer<ArgsOf<S>>>[];
  /** What will happen, from the caller's own rows. Required for `sensitive`. */
  preview?(args: ArgsOf<S>, tx: Tx, context: Pick<ToolContext, "client" | "caller">): Promise<Preview>;
  /** The written policy by which this tool asks nobody. The reason is shown by `explain()` and audited. */
  readonly approval?: { readonly exempt: string };
  /** How long a person has for a decision; 15 minutes unless told, an hour at most. */
  readonly approvalTtlSeconds?: number;
  /** Hints for clients (MCP tool annotations); no decision rests on them. */
  readonly hints?: { readonly idempotent?: boolean; readonly openWorld?: boolean };
}

export type ToolAnswer<R extends object> = R | ContentResult | InputRequiredResult;

export type ToolHandler<S extends Shape, E extends Effect, R extends object> = (
  args: ArgsOf<S>,
  context: ToolContext<E>,
) => ToolAnswer<R> | Promise<ToolAnswer<R>>;

export interface ResourceOptions extends CommonOptions {
  readonly uri: string;
  readonly mimeType?: string;
}
export interface ResourceTemplateOptions extends CommonOptions {
  readonly uriTemplate: string;
  readonly mimeType?: string;
  /** Suggestions for a variable, for the callers who may read the resource. */
  readonly complete?: Readonly<
    Record<
      string,
      (value: string, context: ToolContext<"read">) => readonly string[] | Promise<readonly string[]>
    >
  >;
}
export type ResourceContent = { readonly text: string } | { readonly blob: string };
export type ResourceHandler = (
  request: { readonly uri: string; readonly variables: Readonly<Record<string, string>> },
  context: ToolContext<"read">,
) => ResourceContent | Promise<ResourceContent>;

export interface PromptOptions<S extends Shape> extends CommonOptions {
  readonly arguments?: S | z.ZodObject<S>;
  readonly complete?: ResourceTemplateOptions["complete"];
}
export interface PromptMessages {
  readonly messages: readonly {
    readonly role: "user" | "assistant";
    readonly content: CallToolResult["content"][number];
  }[];
}
export type PromptHandler<S extends Shape> = (
  args: ArgsOf<S>,
  context: ToolContext<"read">,
) => string | PromptMessages | InputRequiredResult | Promise<string | PromptMessages | InputRequiredResult>;

/** A definition after its options were checked; what the rest of this room works with. */
export interface Definition {
  readonly kind: "tool" | "resource" | "prompt";
  readonly name: string;
  readonly title: string | undefined;
  readonly description: string;
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
  readonly exempt: string | undefined;
  readonly approvalTtlSeconds: number;
  readonly timeoutMs: number | undefined;
  readonly rateLimit: RateLimit | undefined;
  readonly reads: Reads | undefined;
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

/** For what takes no arguments at all. */
export const NO_ARGUMENTS = z.strictObject({}) as unknown as z.ZodType<Record<string, unknown>>;

function common(
  kind: Definition["kind"],
  name: string,
  options: CommonOptions,
): Omit<Definition, "effect" | "input" | "inputJsonSchema" | "run"> {
  if (!options.description)
    throw new DeputizeError("config_invalid", `${kind} \`${name}\` needs a description`);
  return {
    kind,
    name: checkedName(name),
    title: options.title,
    description: options.description,
    guards: (options.guards ?? []).map(asGuard),
    output: undefined,
    outputJsonSchema: undefined,
    argumentGuards: [],
    preview: undefined,
    exempt: undefined,
    approvalTtlSeconds: APPROVAL_TTL_SECONDS,
    timeoutMs: options.timeoutMs === undefined ? undefined : checkedTimeout(options.timeoutMs),
    rateLimit: options.rateLimit === undefined ? undefined : parseRate(options.rateLimit),
    reads: options.reads,
    redact: options.redact ?? [],
    hints: {},
    middleware: [],
    complete: undefined,
  };
}

function strict<S extends Shape>(input: S | z.ZodObject<S> | undefined): z.ZodType<Record<string, unknown>> {
  const schema = input instanceof z.ZodObject ? input.strict() : z.strictObject(input ?? {});
  return schema as unknown as z.ZodType<Record<string, unknown>>;
}

function jsonSchema(name: string, schema: z.ZodType, io: "input" | "output"): Record<string, unknown> {
  try {
    return z.toJSONSchema(schema, { io }) as Record<string, unknown>;
  } catch (cause) {
    throw new DeputizeError(
      "config_invalid",
      `the ${io} of \`${name}\` has no JSON Schema; use plain JSON types`,
      { cause },
    );
  }
}

export function toolDefinition<S extends Shape, E extends Effect, R extends object>(
  name: string,
  options: ToolOptions<S, E, R>,
  handler: ToolHandler<S, E, R>,
): Definition {
  const input = strict(options.input);
  if (options.effect === "sensitive" && !options.preview) {
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
  const { approvalTtlSeconds = APPROVAL_TTL_SECONDS } = options;
  if (!Number.isInteger(approvalTtlSeconds) || approvalTtlSeconds < 1 || approvalTtlSeconds > 3600) {
    throw new DeputizeError(
      "config_invalid",
      `tool \`${name}\` gives a person between 1 second and an hour to decide`,
    );
  }
  return {
    ...common("tool", name, options),
    effect: options.effect,
    input,
    inputJsonSchema: jsonSchema(name, input, "input"),
    output: options.output,
    outputJsonSchema: options.output && jsonSchema(name, options.output, "output"),
    argumentGuards: (options.argumentGuards ?? []) as readonly unknown[] as readonly ArgumentGuard[],
    preview: options.preview as Definition["preview"],
    exempt: options.approval?.exempt,
    approvalTtlSeconds,
    hints: options.hints ?? {},
    run: handler as Definition["run"],
  };
}

/** A resource is asked for by its URI; the variables come from matching it against the template. */
const RESOURCE_REQUEST = z.strictObject({
  uri: z.string().max(2048),
  variables: z.record(z.string().max(128), z.string().max(2048)),
}) as unknown as z.ZodType<Record<string, unknown>>;

export function resourceDefinition(
  name: string,
  options: ResourceOptions | ResourceTemplateOptions,
  handler: ResourceHandler,
): Definition {
  const templated = "uriTemplate" in options;
  const uri = templated ? options.uriTemplate : new URL(options.uri).href;
  return {
    ...common("resource", name, options),
    effect: "read",
    input: RESOURCE_REQUEST,
    inputJsonSchema: {},
    resource: {
      uri: templated ? uri : options.uri,
      template: templated ? new UriTemplate(uri) : undefined,
      mimeType: options.mimeType ?? "text/plain",
    },
    complete: templated ? options.complete : undefined,
    run: (args, context) =>
      handler(args as unknown as Parameters<ResourceHandler>[0], context as ToolContext<"read">),
  };
}

export function promptDefinition<S extends Shape>(
  name: string,
  options: PromptOptions<S>,
  handler: PromptHandler<S>,
): Definition {
  const input = strict(options.arguments);
  const inputJsonSchema = jsonSchema(name, input, "input");
  const properties = (inputJsonSchema["properties"] ?? {}) as Record<string, { description?: string }>;
  const required = (inputJsonSchema["required"] ?? []) as readonly string[];
  return {
    ...common("prompt", name, options),
    effect: "read",
    input,
    inputJsonSchema,
    promptArguments: Object.entries(properties).map(([argument, { description }]) => ({
      name: argument,
      ...(description && { description }),
      required: required.includes(argument),
    })),
    complete: options.complete,
    run: handler as Definition["run"],
  };
}
