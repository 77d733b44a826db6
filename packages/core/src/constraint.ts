/**
 * Constraints of a grant: limits on the values that a tool may be called with, such as an amount or a set of ids, and on the
 * tools that may be called at all. They
 * travel with the grant into its tokens, and whoever runs the tool holds each call against them.
 *
 * Guarantees: one grammar for the authority, which refuses a grant with any other, and for tool servers, which refuse a
 * call under any other; a constraint that names the tool but finds no such argument, or one of another type, refuses.
 * All of them must hold, so that adding one only ever narrows.
 * Does not: bind what a service does by another route than a tool of that name.
 */
import { z } from "zod";
import type { Caller } from "./caller.ts";
import { DeputizeError } from "./errors.ts";

const Value = z.union([z.string().max(200), z.number(), z.boolean()]);

/** The tool's name as it is called, or `server/name` for a tool of that server only. */
const ToolName = z.string().regex(/^(?:[A-Za-z0-9_.-]{1,64}\/)?[A-Za-z0-9_-]{1,64}$/);

const ArgumentConstraint = z
  .strictObject({
    tool: ToolName,
    /** The argument, dotted where it is inside of another. Of a list, every item is meant. */
    argument: z.string().regex(/^[A-Za-z0-9_-]{1,64}(?:\.[A-Za-z0-9_-]{1,64}){0,4}$/),
    min: z.number().optional(),
    max: z.number().optional(),
    oneOf: z.array(Value).min(1).max(64).optional(),
    maxLength: z.number().int().min(0).optional(),
  })
  .refine(
    ({ min, max, oneOf, maxLength }) => [min, max, oneOf, maxLength].some((rule) => rule !== undefined),
    "says no limit",
  );

/** The only tools, resources and prompts that may be used. */
const ToolsConstraint = z.strictObject({ onlyTools: z.array(ToolName).min(1).max(64) });

const Constraint = z.union([ArgumentConstraint, ToolsConstraint]);

/** One limit, or several, on one argument of one tool; or the tools that there are. */
export type Constraint = z.infer<typeof Constraint>;

const Constraints = z
  .record(z.string().regex(/^[A-Za-z0-9_.-]{1,64}$/), Constraint)
  .refine((all) => Object.keys(all).length <= 16, "are 16 at most")
  .refine((all) => JSON.stringify(all).length <= 4096, "are too long for a token");

/** Reads constraints by name. Throws `invalid_request` for anything that this version does not know how to hold. */
export function parseConstraints(value: unknown): Readonly<Record<string, Constraint>> {
  const parsed = Constraints.safeParse(value);
  if (parsed.success && !dropsOne(value)) return parsed.data;
  throw new DeputizeError("invalid_request", "the constraints are of no known kind", { cause: parsed.error });
}

/** A record's parser passes over this name, and a limit that is passed over limits nothing. */
function dropsOne(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.hasOwn(value, "__proto__");
}

/** Constraints as a member of a request's body: read at the edge, refused like any malformed member. */
export const constraintsMember = z
  .unknown()
  .transform((value, context): Readonly<Record<string, Constraint>> | undefined => {
    if (value === undefined) return undefined;
    try {
      return parseConstraints(value);
    } catch {
      context.addIssue({ code: "custom", message: "is not of limits by name", input: value });
      return z.NEVER;
    }
  })
  .optional()
  .meta({
    type: "object",
    description:
      "Limits on arguments of tools, by name: `tool`, `argument`, and `min`, `max`, `oneOf` or `maxLength`; or `onlyTools`",
    examples: [{ small: { tool: "orders/refund_order", argument: "amount", max: 5000 } }],
  });

/**
 * All limits of a grant that holds `held` and gets `asked` besides. Throws `scope_exceeded` for a name that stands for another limit
 * already, since whoever asked would believe in theirs, and `invalid_request` when they are too many together.
 */
export function withConstraints(held: unknown, asked: unknown): Readonly<Record<string, Constraint>> {
  const [before, added] = [parseConstraints(held ?? {}), parseConstraints(asked ?? {})];
  for (const [name, one] of Object.entries(added)) {
    if (!Object.hasOwn(before, name) || sameConstraint(before[name], one)) continue;
    throw new DeputizeError("scope_exceeded", "the parent grant has another constraint of that name");
  }
  return parseConstraints({ ...before, ...added });
}

/** The order of members means nothing. */
function sameConstraint(one: Constraint | undefined, other: Constraint): boolean {
  const sorted = (constraint: Constraint | undefined): string =>
    JSON.stringify(Object.entries(constraint ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  return sorted(one) === sorted(other);
}

/** A limit in words, such as `orders/refund_order: amount at most 5000`. */
export function constraintInWords(constraint: Constraint): string {
  if ("onlyTools" in constraint) return `only ${constraint.onlyTools.join(", ")}`;
  const { tool, argument, min, max, oneOf, maxLength } = constraint;
  const rules = [
    min !== undefined && `at least ${min}`,
    max !== undefined && `at most ${max}`,
    maxLength !== undefined && `up to ${maxLength} characters`,
    oneOf && `one of ${oneOf.map((value) => JSON.stringify(value)).join(", ")}`,
  ];
  return `${tool}: ${argument} ${rules.filter(Boolean).join(" and ")}`;
}

/** A call, as a constraint looks at it. */
export interface ConstrainedCall {
  readonly server: string;
  readonly tool: string;
  readonly args: Readonly<Record<string, unknown>>;
}

/**
 * Holds a call against the constraints of its caller's grant. Throws `forbidden`, naming the argument and the constraint
 * that it breaks; for constraints of an unknown kind, every call is refused.
 */
export function assertWithinConstraints(caller: Pick<Caller, "constraints">, call: ConstrainedCall): void {
  if (caller.constraints === undefined) return;
  let all: Readonly<Record<string, Constraint>>;
  try {
    all = parseConstraints(caller.constraints);
  } catch (cause) {
    throw new DeputizeError("forbidden", "the grant has a constraint that cannot be checked here", { cause });
  }
  const names = (tool: string): boolean => tool === call.tool || tool === `${call.server}/${call.tool}`;
  for (const [name, constraint] of Object.entries(all)) {
    if ("onlyTools" in constraint) {
      if (constraint.onlyTools.some(names)) continue;
      throw new DeputizeError("forbidden", `this grant is not for \`${call.tool}\``, {
        detail: { constraint: name },
      });
    }
    const { tool, argument } = constraint;
    if (!names(tool)) continue;
    const broken = brokenRule(constraint, valueAt(call.args, argument.split(".")));
    if (broken === undefined) continue;
    throw new DeputizeError("forbidden", `under this grant, \`${argument}\` must be ${broken}`, {
      detail: { constraint: name, argument },
    });
  }
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  const [name, ...rest] = path;
  if (name === undefined) return value;
  if (Array.isArray(value)) return value.map((item) => valueAt(item, path));
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
  return valueAt((value as Record<string, unknown>)[name], rest);
}

/** What a value would have to be; undefined when it is. */
function brokenRule(constraint: z.infer<typeof ArgumentConstraint>, value: unknown): string | undefined {
  if (Array.isArray(value)) {
    if (value.length === 0) return undefined;
    return value.map((item) => brokenRule(constraint, item)).find((broken) => broken !== undefined);
  }
  const { min, max, oneOf, maxLength } = constraint;
  if (min !== undefined && !(typeof value === "number" && value >= min)) return `a number of ${min} or more`;
  if (max !== undefined && !(typeof value === "number" && value <= max)) return `a number of ${max} or less`;
  if (maxLength !== undefined && !(typeof value === "string" && value.length <= maxLength))
    return `a text of up to ${maxLength} characters`;
  if (oneOf && !oneOf.some((allowed) => allowed === value)) return "one of the values that the grant names";
  return undefined;
}
