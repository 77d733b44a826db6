/**
 * Who reads what a tool is given. An author says so once (`sends`), and each call is held against it.
 *
 * `owner`: nobody but the person for whom the call is made; a row of theirs. `house`: people of the organisation that runs the
 * tool, such as those who answer its tickets. `public`: everybody, such as a review. `external:<name>`: a party outside,
 * such as `external:mail`. A list of principals: they, and the person.
 *
 * Guarantees: what says nothing readable is `external:undeclared`, which may read only what everybody may read.
 */
import { type PrincipalId, isUuid } from "@deputize/core";
import type { Label } from "../label.ts";

export type Destination = "owner" | "house" | "public" | `external:${string}` | readonly PrincipalId[];

/** Of a tool that may send outward and says nothing. */
export const UNDECLARED: Destination = "external:undeclared";

const EXTERNAL = /^external:[a-z0-9][a-z0-9._-]{0,62}$/;
const READERS_MAX = 100;

/** Reads a destination from outside. Undefined for what is none. */
export function parseDestination(input: unknown): Destination | undefined {
  if (input === "owner" || input === "house" || input === "public") return input;
  if (typeof input === "string") return EXTERNAL.test(input) ? (input as Destination) : undefined;
  const fits = Array.isArray(input) && input.length > 0 && input.length <= READERS_MAX && input.every(isUuid);
  return fits ? (input as PrincipalId[]) : undefined;
}

/** Whether anybody but the person reads it. */
export function isShared(destination: Destination, person: PrincipalId): boolean {
  if (destination === "owner") return false;
  return typeof destination === "string" || destination.some((reader) => reader !== person);
}

/** Whether it leaves the organisation that runs the tool: for readers whom a label has to name. */
export function isOutward(destination: Destination, person: PrincipalId): boolean {
  return destination !== "house" && isShared(destination, person);
}

/**
 * Whether everybody who reads there may read what `label` describes. The person counts as a reader of their own run, and the house
 * as one of what it is given in it; neither is a new reader.
 */
export function mayRead(destination: Destination, label: Label, person: PrincipalId): boolean {
  if (label.readers === "public" || !isOutward(destination, person)) return true;
  if (typeof destination === "string") return false;
  const allowed = new Set<PrincipalId>([...label.readers, person]);
  return destination.every((reader) => allowed.has(reader));
}

/** In plain words, to go after "sends to". */
export function destinationWords(destination: Destination): string {
  if (destination === "owner") return "nobody but the person";
  if (destination === "house") return "the people who run this tool";
  if (destination === "public") return "everybody";
  if (destination === UNDECLARED) return "readers that it does not name";
  if (typeof destination === "string") return `${destination.slice("external:".length)}, outside`;
  return `${destination.length} named ${destination.length === 1 ? "reader" : "readers"}`;
}
