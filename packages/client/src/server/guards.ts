/**
 * Small checks of what a server sent: it is no part of this program, and may send anything.
 *
 * Guarantees: what passes has the type that it is given. An answer that does not is a `TransportError`, as one that is no JSON.
 */
import { TransportError } from "../sdk/transport-error.ts";

export type Json = Readonly<Record<string, unknown>>;

/** A plain object of JSON. */
export function isRecord(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

export function numberOf(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

/** The objects of a list; what is no object is left out. */
export function recordsOf(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

export function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

/** Throws `TransportError`: the server's answer is not what was asked for. */
export function unreadable(what: string): never {
  throw new TransportError(`the server's answer holds no ${what}; is it an agent server of this version?`);
}

/** The object, or `TransportError`. */
export function record(value: unknown, what: string): Json {
  return isRecord(value) ? value : unreadable(what);
}

/** The text of a member, or `TransportError`. Ids are text whatever the server counts by. */
export function idOf(from: Json, name: string): string {
  const value = from[name];
  if (typeof value === "string" && value !== "") return value;
  return typeof value === "number" ? String(value) : unreadable(`\`${name}\``);
}
