/**
 * Scopes: `action:resource:identifier`, split at the first two colons, so an identifier may hold colons.
 *
 * Guarantees: a malformed scope covers nothing and is covered by nothing; the only wildcard is an
 * identifier that is exactly `*`. This one module serves the authority, tool servers and clients.
 */
import { DeputizeError } from "./errors.ts";

export interface Scope {
  readonly action: string;
  readonly resource: string;
  readonly identifier: string;
}

/** Reads one scope, or undefined when it has not three non-empty parts. */
export function readScope(text: string): Scope | undefined {
  const first = text.indexOf(":");
  const second = first < 0 ? -1 : text.indexOf(":", first + 1);
  if (first <= 0 || second <= first + 1 || second === text.length - 1) return undefined;
  return {
    action: text.slice(0, first),
    resource: text.slice(first + 1, second),
    identifier: text.slice(second + 1),
  };
}

/**
 * Parses a scope that is about to be granted. Throws `invalid_scope` for a malformed one, and for a `*`
 * anywhere but as the whole identifier: `*:data:x` would read as a promise that nothing keeps.
 */
export function parseScope(text: string): Scope {
  const scope = readScope(text);
  if (!scope || scope.action === "*" || scope.resource === "*") {
    throw new DeputizeError(
      "invalid_scope",
      "a scope is `action:resource:identifier`; only the identifier may be `*`",
    );
  }
  return scope;
}

/** True when `allowed` covers `requested`: equal action and resource, equal identifier or `*`. */
export function scopeCovers(allowed: string, requested: string): boolean {
  const a = readScope(allowed);
  const r = readScope(requested);
  if (!a || !r) return false;
  return (
    a.action === r.action &&
    a.resource === r.resource &&
    (a.identifier === "*" || a.identifier === r.identifier)
  );
}

/** True when each requested scope is covered by some allowed one. Nothing requested is always within. */
export function scopeIsSubset(requested: readonly string[], allowed: readonly string[]): boolean {
  return requested.every((r) => allowed.some((a) => scopeCovers(a, r)));
}

/** The scopes of `requested` that some scope of `allowed` covers, in order, without repeats. */
export function scopeIntersect(requested: readonly string[], allowed: readonly string[]): string[] {
  return [...new Set(requested.filter((r) => allowed.some((a) => scopeCovers(a, r))))];
}
