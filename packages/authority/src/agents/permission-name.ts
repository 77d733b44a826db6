/**
 * Names of agents' permissions. A permission is a scope; `read_weather`, as short lists of permissions are often
 * written, is read as `read:weather:*`.
 */
import { DeputizeError, parseScope } from "@deputize/core";

const SHORT = /^([a-z]+)_([a-z][a-z0-9_]{0,60})$/;

/** The scope that a permission's name stands for. Throws `invalid_scope`. */
export function permissionScope(name: string): string {
  const short = SHORT.exec(name);
  if (short) return `${short[1]}:${short[2]}:*`;
  parseScope(name);
  if (!/^[\x21\x23-\x5b\x5d-\x7e]{1,200}$/.test(name)) {
    throw new DeputizeError("invalid_scope", "a scope holds up to 200 printable characters, no blank");
  }
  return name;
}
