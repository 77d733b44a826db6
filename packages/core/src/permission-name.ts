/**
 * Names of permissions. A permission is a scope; `read_weather`, as short lists of permissions are often written, is
 * read as `read:weather:*`.
 *
 * Guarantees: nothing that this answers is a reserved scope: `admin:…` and `app:…` belong to the operator's and the
 * apps' own tokens, and nobody is permitted them.
 */
import { DeputizeError } from "./errors.ts";
import { parseScope } from "./scope.ts";

const SHORT = /^([a-z]+)_([a-z][a-z0-9_]{0,60})$/;
const RESERVED: ReadonlySet<string> = new Set(["admin", "app"]);

/**
 * The scope that a permission's name stands for: `read_weather` → `read:weather:*`; a scope stands for itself.
 * Throws `invalid_scope` for anything else, for blanks, for more than 200 characters, and for reserved actions.
 */
export function permissionScope(name: string): string {
  const short = SHORT.exec(name);
  const scope = short ? `${short[1]}:${short[2]}:*` : name;
  const { action } = parseScope(scope);
  if (!/^[\x21\x23-\x5b\x5d-\x7e]{1,200}$/.test(scope)) {
    throw new DeputizeError("invalid_scope", "a scope holds up to 200 printable characters, no blank");
  }
  if (RESERVED.has(action)) {
    throw new DeputizeError(
      "invalid_scope",
      `\`${action}:…\` is reserved for operators and apps; permit something else`,
    );
  }
  return scope;
}
