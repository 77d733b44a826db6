/**
 * Reading the card of another agent, and binding it to what was asked for.
 *
 * Guarantees: 256 KB, five seconds, no redirect; a card counts only when it is signed by whoever is trusted (card-trust.ts), bears the
 * name that was asked for, and serves A2A 1.0 by JSON-RPC at exactly the address that was asked for. A good card of another agent, of
 * an older protocol or of another address is refused.
 * Attack answered: substitution (a signed card of somebody else), and a card that leads the caller's token to another address.
 */
import { AgentCard } from "@a2a-js/sdk";
import { DeputizeError } from "@deputize/core";
import { fetchJson, providerUrl } from "@deputize/mcp/auth";
import { z } from "zod";
import type { CardVerifier, VerifiedCard } from "./card-trust.ts";
import { A2A_VERSION } from "./card.ts";

export interface AgentAddress {
  readonly name: string;
  /** Where it is called, which is also the audience of tokens for it. */
  readonly url: string;
  /** Where its card is; `<url>/.well-known/agent-card.json` unless told. */
  readonly cardUrl?: string;
}

export interface FetchCardOptions {
  readonly verifier: CardVerifier;
  readonly fetch: typeof fetch;
  readonly signal?: AbortSignal;
}

const text = (max: number) => z.string().max(max);
const texts = (max: number) => z.array(text(max)).max(100).optional();
const named = z.looseObject({ id: text(200), name: text(200), description: text(4000), tags: texts(200) });

/** What a card must be to be looked at: fields that we read, in bounds. Others are the signature's business. */
const CardForm = z.looseObject({
  name: text(200).min(1),
  description: text(8000).optional(),
  version: text(100).optional(),
  supportedInterfaces: z
    .array(
      z.looseObject({
        url: text(2048).min(1),
        protocolBinding: text(50),
        protocolVersion: text(20).optional(),
        tenant: text(100).optional(),
      }),
    )
    .min(1)
    .max(20),
  securitySchemes: z.record(text(200), z.looseObject({})).optional(),
  skills: z
    .array(named.partial({ description: true, tags: true }))
    .max(200)
    .optional(),
  signatures: z
    .array(z.looseObject({ protected: text(2048), signature: text(4096) }))
    .max(12)
    .optional(),
});

/** A card out of JSON of somebody else. Throws `forbidden` for what is none. Nothing in the answer is verified yet. */
export function readCard(input: unknown): AgentCard {
  const form = CardForm.safeParse(input);
  if (!form.success) throw new DeputizeError("forbidden", "what the agent publishes is no card of A2A 1.0");
  return AgentCard.fromJSON(input);
}

/** Where an agent's card is. Throws `config_invalid` for an address that is neither https nor on this machine. */
function cardUrlOf(address: AgentAddress): URL {
  const base = providerUrl(address.url, "an agent's address");
  if (base.search) throw new DeputizeError("config_invalid", "an agent's address holds no query");
  if (address.cardUrl !== undefined) return providerUrl(address.cardUrl, "the address of an agent's card");
  return new URL(`${base.href.replace(/\/$/, "")}/.well-known/agent-card.json`);
}

/**
 * Fetches, verifies and binds. Throws `forbidden` for a card that does not hold or is of another agent, and `unavailable` where it
 * cannot be had.
 */
export async function fetchAgentCard(
  address: AgentAddress,
  options: FetchCardOptions,
): Promise<VerifiedCard> {
  const unread = (cause?: unknown): DeputizeError =>
    new DeputizeError("unavailable", "the agent's card cannot be read; try again later", {
      cause,
      retryAfterSeconds: 5,
    });
  const from = cardUrlOf(address);
  const { fetch, signal } = options;
  const json = await fetchJson(from, fetch, { ...(signal && { signal }) }).catch((cause: unknown) => {
    throw unread(cause);
  });
  if (json === undefined) throw unread();
  const verified = await options.verifier.verify(readCard(json));
  assertCardOf(verified.card, address);
  return verified;
}

/** Throws `forbidden` unless a card is of this agent and serves it, in this version, at this address. */
function assertCardOf(card: AgentCard, address: AgentAddress): void {
  if (card.name !== address.name) throw new DeputizeError("forbidden", "the card is of another agent");
  const serves = card.supportedInterfaces.some(
    ({ url, protocolBinding, protocolVersion, tenant }) =>
      url === address.url &&
      protocolBinding === "JSONRPC" &&
      protocolVersion === A2A_VERSION &&
      tenant === "",
  );
  if (!serves)
    throw new DeputizeError(
      "forbidden",
      "the card does not serve A2A 1.0 by JSON-RPC at the agent's address",
    );
}
