/**
 * What an author may say of a tool, a resource, a template of resources and a prompt.
 *
 * Guarantees: nothing else is taken. An option whose name is written wrong, or which another library has and this one has
 * not, is refused: `roles: ["admin"]` on a tool would guard nothing. TypeScript says the same, where it is asked.
 */
import { type Caller, DeputizeError, type Effect } from "@deputize/core";
import type { Destination } from "@deputize/guardrails/flow";
import type { Tx } from "@deputize/store";
import type { CallToolResult, InputRequiredResult } from "@modelcontextprotocol/server";
import type { Preview } from "./approval.ts";
import type { ArgumentGuard } from "./argument-guards.ts";
import type { ToolContext } from "./context.ts";
import type { GuardLike } from "./guards.ts";
import type { Reads } from "./labels.ts";
import type { CacheOptions } from "./middleware/cache.ts";
import type { Provided } from "./provide.ts";
import type { ContentResult } from "./results.ts";
import type { ArgsOf, InputSchema, OutputSchema } from "./schema.ts";

/** What every definition may say. */
export interface CommonOptions {
  readonly title?: string;
  readonly description: string;
  /** Words to sort by, for clients and for people; no decision rests on them. Up to 16 of 1 to 64 characters. */
  readonly tags?: readonly string[];
  readonly guards?: readonly GuardLike[];
  readonly timeoutMs?: number;
  /** Such as `100/min`, for each caller. */
  readonly rateLimit?: string;
  /** How many of its handlers run at once in this process. */
  readonly maxConcurrent?: number;
  /** What is made for each call; the handler gets it by `ctx.get`. */
  readonly inject?: readonly Provided<unknown>[];
  /** Keeps results for whoever may ask the same again. Only for what has no effect. */
  readonly cache?: CacheOptions;
  /** What the answer holds; absent means text by others, hence untrusted (SR-07). */
  readonly reads?: Reads;
  /** What is to be found in the answer, in words for people: `product reviews`. Up to 80 characters. */
  readonly holds?: string;
  /** Arguments whose value never enters the log. Names that look secret are masked anyway. */
  readonly redact?: readonly string[];
}

/**
 * When a tool asks nobody although its effect would have it ask: "refunds under 20 dollars on one's own delivered orders".
 * Shown by `explain()`, and in the audit entry of each call that it let through.
 */
export interface ExemptionOptions<Args> {
  /** Why, in words. */
  readonly exempt: string;
  /** Only for calls of which this says `true`. Asked from the caller's rows, and again first in the effect's transaction. */
  when?(args: Args, tx: Tx, context: Pick<ToolContext, "client" | "caller">): boolean | Promise<boolean>;
  /** Also with untrusted content in the context, where every effect asks otherwise (SR-06). */
  readonly evenUntrusted?: boolean;
}

export interface ToolOptions<
  S extends InputSchema,
  E extends Effect,
  R extends object,
> extends CommonOptions {
  readonly effect: E;
  /** Zod's fields by name, or any Standard Schema of an object. */
  readonly input?: S;
  readonly output?: OutputSchema<R>;
  readonly argumentGuards?: readonly ArgumentGuard<NoInfer<ArgsOf<S>>>[];
  /**
   * For a `write`: which of its calls are `sensitive`, such as those that change somebody else's data. A call is one unless
   * this says `false`. Asked from the caller's rows, and again first in the effect's transaction; no exemption covers it.
   */
  sensitiveWhen?(
    args: ArgsOf<S>,
    tx: Tx,
    context: Pick<ToolContext, "client" | "caller">,
  ): boolean | Promise<boolean>;
  /**
   * Who reads what the tool is given: `owner`, `house`, `public`, `external:<name>`, some principals, or what the arguments say.
   * What the model knew has to be readable there, or a person is asked. Absent means `owner`; with `hints.openWorld` it means
   * readers unknown, who may read only what everybody may.
   */
  readonly sends?: Destination | ((args: ArgsOf<S>, caller: Caller) => Destination);
  /** What will happen, from the caller's own rows. Required for `sensitive`, and with `sensitiveWhen`. */
  preview?(args: ArgsOf<S>, tx: Tx, context: Pick<ToolContext, "client" | "caller">): Promise<Preview>;
  /**
   * For a `read`: everything that the answer rests on, as tags of tracked tables (`deputize.track_versions`), read by `ctx.db`.
   * An agent may keep answers made of it until one of them changes. `[]`: on nothing but the arguments. Absent: never kept.
   */
  readonly dataTags?: readonly string[];
  /** The written policy by which this tool asks nobody. */
  readonly approval?: ExemptionOptions<ArgsOf<S>>;
  /** How long a person has for a decision; 15 minutes unless told, an hour at most. */
  readonly approvalTtlSeconds?: number;
  /** Hints for clients (MCP tool annotations); no decision rests on them. */
  readonly hints?: { readonly idempotent?: boolean; readonly openWorld?: boolean };
}

export type ToolAnswer<R extends object> = R | ContentResult | InputRequiredResult;

export type ToolHandler<S extends InputSchema, E extends Effect, R extends object> = (
  args: ArgsOf<S>,
  context: ToolContext<E>,
) => ToolAnswer<R> | Promise<ToolAnswer<R>>;

/** What only reads may say so, so that it can share its options with tools. */
interface ReadingOptions extends CommonOptions {
  readonly effect?: "read";
}

export interface ResourceOptions extends ReadingOptions {
  readonly uri: string;
  readonly mimeType?: string;
}
export interface ResourceTemplateOptions extends ReadingOptions {
  readonly uriTemplate: string;
  readonly mimeType?: string;
  /** About the variables of the template. */
  readonly argumentGuards?: readonly ArgumentGuard<Readonly<Record<string, unknown>>>[];
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

export interface PromptOptions<S extends InputSchema> extends ReadingOptions {
  readonly arguments?: S;
  readonly argumentGuards?: readonly ArgumentGuard<NoInfer<ArgsOf<S>>>[];
  readonly complete?: ResourceTemplateOptions["complete"];
}
export interface PromptMessages {
  readonly messages: readonly {
    readonly role: "user" | "assistant";
    readonly content: CallToolResult["content"][number];
  }[];
}
export type PromptHandler<S extends InputSchema> = (
  args: ArgsOf<S>,
  context: ToolContext<"read">,
) => string | PromptMessages | InputRequiredResult | Promise<string | PromptMessages | InputRequiredResult>;

const COMMON_OPTIONS: Readonly<Record<keyof CommonOptions, true>> = {
  title: true,
  description: true,
  tags: true,
  guards: true,
  timeoutMs: true,
  rateLimit: true,
  maxConcurrent: true,
  inject: true,
  cache: true,
  reads: true,
  holds: true,
  redact: true,
};
export const TOOL_OPTIONS: Readonly<Record<keyof ToolOptions<InputSchema, Effect, object>, true>> = {
  ...COMMON_OPTIONS,
  effect: true,
  input: true,
  output: true,
  argumentGuards: true,
  sensitiveWhen: true,
  sends: true,
  preview: true,
  dataTags: true,
  approval: true,
  approvalTtlSeconds: true,
  hints: true,
};
export const RESOURCE_OPTIONS: Readonly<Record<keyof ResourceOptions, true>> = {
  ...COMMON_OPTIONS,
  effect: true,
  uri: true,
  mimeType: true,
};
export const TEMPLATE_OPTIONS: Readonly<Record<keyof ResourceTemplateOptions, true>> = {
  ...COMMON_OPTIONS,
  effect: true,
  uriTemplate: true,
  mimeType: true,
  argumentGuards: true,
  complete: true,
};
export const PROMPT_OPTIONS: Readonly<Record<keyof PromptOptions<InputSchema>, true>> = {
  ...COMMON_OPTIONS,
  effect: true,
  arguments: true,
  argumentGuards: true,
  complete: true,
};

/** Throws `config_invalid` for an option of `what` that `known` does not name. */
export function assertOptions(what: string, options: object, known: Readonly<Record<string, true>>): void {
  const stranger = Object.keys(options).find((name) => !Object.hasOwn(known, name));
  if (stranger === undefined) return;
  throw new DeputizeError(
    "config_invalid",
    `${what} has no option \`${stranger}\`; there are ${Object.keys(known).join(", ")}`,
  );
}
