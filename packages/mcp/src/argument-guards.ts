/**
 * Argument guards: rules about what a call asks for, after its input was validated. Scope is not ownership:
 * holding `read:orders:*` does not make order 42 yours.
 *
 * Guarantees: a foreign thing and a missing thing answer the same `not_found` (PR-D05, PR-D27), and the handler
 * does not run. A guard that throws refuses.
 */
import { type Caller, DeputizeError, type PrincipalId } from "@deputize/core";
import type { Tx } from "@deputize/store";
import { type CaseDirectory, caseFor } from "./cases.ts";
import type { ClientContext } from "./client-context.ts";
import type { CaseUse, ReadDatabase } from "./context.ts";
import type { Definition } from "./definition.ts";

export interface ArgumentGuardInput<Args = Readonly<Record<string, unknown>>> {
  readonly args: Args;
  readonly caller: Caller;
  readonly client: ClientContext;
  readonly db: ReadDatabase;
  /** As `ctx.caseUsed`: the call's entry carries the case under which somebody else's thing was found. */
  caseUsed(used: CaseUse): void;
}

export interface ArgumentGuard<Args = Readonly<Record<string, unknown>>> {
  readonly name: string;
  /** The argument that it looks at, where that is one. */
  readonly argument?: string;
  /** True allows; anything else, or throwing, refuses. */
  check(input: ArgumentGuardInput<Args>): boolean | Promise<boolean>;
  /** What a refusal says: `not_found` for things, `forbidden` for rules the caller may know. */
  readonly refusal?: "not_found" | "forbidden";
}

/** Looks for a thing as the caller: there or not, or whose it is. */
export type Find = (tx: Tx, id: unknown, caller: Caller) => Promise<boolean | PrincipalId | undefined>;

/**
 * The thing named by `argument` must be one that the caller may see. `find` looks for it in a transaction as the
 * caller, where rows of others do not exist. Where `find` says whose it is and that is somebody else, `cases` must
 * know of an open case, which the call's entry then carries (SR-04). An argument that was left out names nothing.
 */
export function owns<Name extends string>(
  argument: Name,
  find: Find,
  options: { readonly cases?: CaseDirectory } = {},
): ArgumentGuard<Readonly<Record<Name, unknown>>> {
  return {
    name: `owns(${argument})`,
    argument,
    refusal: "not_found",
    check: async ({ args, db, caller, caseUsed }) => {
      if (args[argument] === undefined) return true;
      const found = await db.read((tx) => find(tx, args[argument], caller));
      if (typeof found !== "string") return found === true;
      if (found === caller.subject) return true;
      const open = options.cases && (await caseFor(options.cases, caller, found));
      if (!open) return false;
      caseUsed(open);
      return true;
    },
  };
}

/** Guards by the name of the argument that they look at. */
export type OwnedArguments = Readonly<Record<string, ArgumentGuard>>;

/** What names a thing: `id`, `order_id`, `order-id`, `orderId`, `orderID`, and each for several of them. */
const NAMES_A_THING = /(?:(?:^|[_-])(?:ids?|IDs?|IDS)|[a-z0-9]I[dD]s?)$/;

interface Shape {
  readonly [keyword: string]: unknown;
}

/**
 * The definition with a guard for each of its arguments that `owned` knows. Throws `config_invalid` for an argument that
 * names a thing (`id`, `…_id`, `…Id` or several of them, itself or within it) and that neither `owned` nor the definition itself
 * guards, so that nobody forgets whose a thing is.
 */
export function withOwnership(definition: Definition, owned: OwnedArguments | undefined): Definition {
  if (!owned) return definition;
  const { properties = {}, ...elsewhere } = definition.inputJsonSchema;
  const named = new Map(Object.entries(properties as Shape));
  const guarded = new Set(definition.argumentGuards.map((guard) => guard.argument));
  const missing = [...named.keys()].filter((argument) => !guarded.has(argument));
  const added = missing.flatMap((argument) =>
    Object.hasOwn(owned, argument) ? (owned[argument] ?? []) : [],
  );
  const open = [
    ...missing
      .filter((argument) => !Object.hasOwn(owned, argument))
      .flatMap((argument) => namesWithin(argument, named.get(argument))),
    ...namesWithin("", elsewhere).filter((argument) => !guarded.has(argument)),
  ].find((name) => NAMES_A_THING.test(name));
  if (open !== undefined) {
    throw new DeputizeError(
      "config_invalid",
      `${definition.kind} \`${definition.name}\` takes \`${open}\` and nothing says whose that is; name it in \`owned\``,
    );
  }
  return { ...definition, argumentGuards: [...added, ...definition.argumentGuards] };
}

/** An argument's own name, and those of everything in it. */
function namesWithin(argument: string, shape: unknown): string[] {
  if (typeof shape !== "object" || shape === null) return [argument];
  const { properties = {}, ...rest } = shape as Shape;
  const deeper = Object.values(rest).flatMap((inner) => namesWithin("", inner));
  const inside = Object.entries(properties as Shape).flatMap(([name, inner]) => namesWithin(name, inner));
  return [argument, ...inside, ...deeper].filter((name) => name !== "");
}

/** Throws the refusal of the first guard that does not say `true`. */
export async function checkArguments(
  guards: readonly ArgumentGuard[],
  input: ArgumentGuardInput,
): Promise<void> {
  for (const guard of guards) {
    let allowed = false;
    let cause: unknown;
    try {
      allowed = (await guard.check(input)) === true;
    } catch (error) {
      cause = error;
    }
    if (allowed) continue;
    const code = guard.refusal ?? "not_found";
    const message =
      code === "not_found" ? "there is no such thing, or it is not yours" : "these arguments are not allowed";
    throw new DeputizeError(code, message, { cause: cause ?? `refused by ${guard.name}` });
  }
}
