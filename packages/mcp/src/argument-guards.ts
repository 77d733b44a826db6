/**
 * Argument guards: rules about what a call asks for, after its input was validated. Scope is not ownership:
 * holding `read:orders:*` does not make order 42 yours.
 *
 * Guarantees: a foreign thing and a missing thing answer the same `not_found` (PR-D05, PR-D27), and the handler
 * does not run. A guard that throws refuses.
 */
import { type Caller, DeputizeError } from "@deputize/core";
import type { Tx } from "@deputize/store";
import type { ClientContext } from "./client-context.ts";
import type { ReadDatabase } from "./context.ts";

export interface ArgumentGuardInput<Args = Readonly<Record<string, unknown>>> {
  readonly args: Args;
  readonly caller: Caller;
  readonly client: ClientContext;
  readonly db: ReadDatabase;
}

export interface ArgumentGuard<Args = Readonly<Record<string, unknown>>> {
  readonly name: string;
  /** True allows; anything else, or throwing, refuses. */
  check(input: ArgumentGuardInput<Args>): boolean | Promise<boolean>;
  /** What a refusal says: `not_found` for things, `forbidden` for rules the caller may know. */
  readonly refusal?: "not_found" | "forbidden";
}

/**
 * The thing named by `argument` must be one that the caller may see. `exists` looks for it in a transaction
 * as the caller, where rows of others do not exist.
 */
export function owns<Name extends string>(
  argument: Name,
  exists: (tx: Tx, id: unknown, caller: Caller) => Promise<boolean>,
): ArgumentGuard<Readonly<Record<Name, unknown>>> {
  return {
    name: `owns(${argument})`,
    refusal: "not_found",
    check: ({ args, db, caller }) => db.read((tx) => exists(tx, args[argument], caller)),
  };
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
