/**
 * What a signature of an agent card is made over: the card's canonical text (A2A 1.0 §8.4.1, RFC 8785).
 *
 * Guarantees: the text is made from the protocol's own fields, so that whatever else stands in a card is not covered, and by
 * `cardOfPayload` not used either: what counts of a signed card is read from the text that was signed.
 *
 * There are three forms. The specification keeps required fields that are empty and messages without fields; the protocol's
 * libraries leave out whatever is empty. The one for JavaScript also leaves out the security schemes of a card that it has read, so that
 * its signature says nothing of them: a card of ours is signed in that form too, for its users, and nothing is believed by it.
 */
import { AgentCard, canonicalizeAgentCard } from "@a2a-js/sdk";
import { canonical } from "@deputize/audit";

type Json = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Fields that are always there (`REQUIRED` in the protocol's definition), with what they hold when nothing was said. */
const REQUIRED = {
  card: {
    name: "",
    description: "",
    version: "",
    supportedInterfaces: [],
    capabilities: {},
    defaultInputModes: [],
    defaultOutputModes: [],
    skills: [],
  },
  interface: { url: "", protocolBinding: "", protocolVersion: "" },
  provider: { url: "", organization: "" },
  skill: { id: "", name: "", description: "", tags: [] },
} as const;

/** As the specification writes it. */
function specified(json: Json): Json {
  const each = (value: unknown, fields: Json): unknown =>
    Array.isArray(value)
      ? value.map((one: unknown) => ({ ...fields, ...(isObject(one) ? one : {}) }))
      : value;
  const card: Json = { ...REQUIRED.card, ...json };
  const schemes = card["securitySchemes"];
  return {
    ...card,
    supportedInterfaces: each(card["supportedInterfaces"], REQUIRED.interface),
    skills: each(card["skills"], REQUIRED.skill),
    ...(isObject(card["provider"]) && { provider: { ...REQUIRED.provider, ...card["provider"] } }),
    ...(isObject(schemes) && {
      securitySchemes: Object.fromEntries(
        Object.entries(schemes).map(([name, one]) => [name, withScopes(one)]),
      ),
    }),
  };
}

/** The scopes of an OAuth flow are required, even where there are none. */
function withScopes(scheme: unknown): unknown {
  if (!isObject(scheme) || !isObject(scheme["oauth2SecurityScheme"])) return scheme;
  const oauth2 = scheme["oauth2SecurityScheme"];
  if (!isObject(oauth2["flows"])) return scheme;
  const flows = Object.entries(oauth2["flows"]).map(([name, flow]) => [
    name,
    isObject(flow) ? { scopes: {}, ...flow } : flow,
  ]);
  return { ...scheme, oauth2SecurityScheme: { ...oauth2, flows: Object.fromEntries(flows) } };
}

/** As most of the protocol's libraries write it: nothing that is empty, all the way down. */
function withoutEmpty(value: unknown): unknown {
  if (value === "" || value === null || value === undefined) return undefined;
  if (Array.isArray(value)) {
    const kept = value.map(withoutEmpty).filter((one) => one !== undefined);
    return kept.length > 0 ? kept : undefined;
  }
  if (!isObject(value)) return value;
  const kept = Object.entries(value).flatMap(([name, one]) => {
    const left = withoutEmpty(one);
    return left === undefined ? [] : [[name, left] as const];
  });
  return kept.length > 0 ? Object.fromEntries(kept) : undefined;
}

/**
 * The canonical texts of a card that cover all of it, one or two, the specification's first; `signatures` is in none. Throws
 * `TypeError` for what has none, such as a card nested beyond reason.
 */
export function cardPayloads(card: AgentCard): readonly string[] {
  const { signatures: _, ...json } = AgentCard.toJSON(card) as Json;
  try {
    return [...new Set([canonical(specified(json)), canonical(withoutEmpty(json) ?? {})])];
  } catch (cause) {
    throw new TypeError("the card has no canonical form", { cause });
  }
}

/** The text that the protocol's library for JavaScript makes of a card that it has read, where it covers less than ours. */
export function partialPayload(card: AgentCard): string | undefined {
  const text = canonicalizeAgentCard(card);
  return cardPayloads(card).includes(text) ? undefined : text;
}

/** Stands in the header of a signature over `partialPayload`, so that it proves no card from which the rest was taken off. */
export const PARTIAL = "urn:deputize:partial";

/** The card that a canonical text says; without signatures. */
export function cardOfPayload(payload: string): AgentCard {
  return AgentCard.fromJSON(JSON.parse(payload));
}
