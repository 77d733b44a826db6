/**
 * Whose cards are believed: checking the signature of an agent card (A2A 1.0 §8.4.3).
 *
 * Guarantees: a card counts only with a signature by a key that the operator pinned, or that is published at an address which the
 * operator allows; a `jku` is compared with these addresses and never followed elsewhere. `none`, symmetric algorithms, keys that a
 * signature brings along, extensions and other types of JWS are refused. What is handed on is the card that was signed, read from the
 * signed text, so that nothing beside it comes in.
 * Attack answered: a forged card, a swapped key, a signature taken off (downgrade), a header that points at the forger's own keys.
 */
import type { KeyObject } from "node:crypto";
import type { AgentCard, AgentCardSignature } from "@a2a-js/sdk";
import { decodeBase64url } from "@deputize/client";
import { type Clock, DeputizeError, systemClock } from "@deputize/core";
import {
  ASYMMETRIC,
  type AsymmetricAlgorithm,
  type KeySource,
  publishedKeys,
  readPublicJwks,
  signatureHolds,
} from "@deputize/mcp/auth";
import { z } from "zod";
import { PARTIAL, cardOfPayload, cardPayloads } from "./card-payload.ts";

export interface CardTrust {
  /** Keys that were handed over by another way than the card's: a JWK set. */
  readonly jwks?: { readonly keys: readonly unknown[] };
  /** Addresses of JWK sets whose keys count. A `jku` that is none of them is refused. */
  readonly jwksUrls?: readonly string[];
}

export interface CardVerifierOptions extends CardTrust {
  readonly fetch: typeof fetch;
  readonly clock?: Clock;
}

export interface VerifiedCard {
  readonly card: AgentCard;
  /** The key that signed it. */
  readonly kid: string;
}

export interface CardVerifier {
  /** The card that was signed. Throws `forbidden` where no signature is by a trusted key, `unavailable` where keys cannot be read. */
  verify(card: AgentCard): Promise<VerifiedCard>;
}

/** Each costs a check that a stranger can ask for. */
const MAX_SIGNATURES = 12;
const MAX_HEADER = 2048;

const Header = z.looseObject({
  alg: z.string(),
  kid: z.string().min(1).max(256),
  typ: z.string().max(64).optional(),
  jku: z.string().max(2048).optional(),
});
/** They bring a key, or change what is signed; or the signature is of a part. */
const REFUSED_MEMBERS = ["crit", "b64", "zip", "enc", "jwk", "x5c", "x5u", PARTIAL];
const TYPES = [undefined, "jose", "jose+json"];

interface ReadHeader {
  readonly alg: AsymmetricAlgorithm;
  readonly kid: string;
  readonly jku: string | undefined;
}

function readHeader(signature: AgentCardSignature): ReadHeader | undefined {
  const bytes = signature.protected.length > MAX_HEADER ? undefined : decodeBase64url(signature.protected);
  if (!bytes) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
  const read = Header.safeParse(json);
  if (!read.success || REFUSED_MEMBERS.some((member) => Object.hasOwn(read.data, member))) return undefined;
  if (!TYPES.includes(read.data.typ?.toLowerCase())) return undefined;
  const alg = ASYMMETRIC.find((one) => one === read.data.alg);
  return alg && { alg, kid: read.data.kid, jku: read.data.jku };
}

/** Makes a verifier. Throws `config_invalid` when nothing is trusted, a pinned set holds no usable key, or an address is not https. */
export function cardVerifier(options: CardVerifierOptions): CardVerifier {
  const { clock = systemClock, fetch } = options;
  const pinned = options.jwks === undefined ? [] : readPublicJwks(options.jwks, ASYMMETRIC);
  if (options.jwks !== undefined && pinned.length === 0)
    throw new DeputizeError("config_invalid", "the pinned JWK set holds no public key that signs");
  const published = new Map<string, KeySource>(
    (options.jwksUrls ?? []).map((url) => [
      url,
      publishedKeys({ issuer: url, jwksUri: url, algorithms: ASYMMETRIC, fetch, clock }),
    ]),
  );
  if (pinned.length === 0 && published.size === 0)
    throw new DeputizeError("config_invalid", "say whose cards are believed: `jwks`, or `jwksUrls`");

  async function candidates({ alg, kid, jku }: ReadHeader): Promise<readonly KeyObject[]> {
    const known = pinned
      .filter((key) => key.kid === kid && key.algorithms.includes(alg))
      .map(({ key }) => key);
    // A pinned name means the pinned key, whatever others publish under it.
    if (known.length > 0) return known;
    if (jku !== undefined) return (await published.get(jku)?.find({ alg, kid })) ?? [];
    const found = await Promise.all([...published.values()].map((source) => source.find({ alg, kid })));
    return found.flat();
  }

  return {
    async verify(card) {
      if (card.signatures.length === 0)
        throw new DeputizeError("forbidden", "the agent's card is not signed");
      if (card.signatures.length > MAX_SIGNATURES)
        throw new DeputizeError("forbidden", `an agent's card has ${MAX_SIGNATURES} signatures at most`);
      const payloads = payloadsOf(card).map((text) => ({
        text,
        encoded: Buffer.from(text).toString("base64url"),
      }));
      for (const signature of card.signatures) {
        const header = readHeader(signature);
        const made = decodeBase64url(signature.signature);
        if (!header || !made) continue;
        for (const key of await candidates(header)) {
          const held = payloads.find(({ encoded }) =>
            signatureHolds(header.alg, key, `${signature.protected}.${encoded}`, made),
          );
          if (held) return { card: cardOfPayload(held.text), kid: header.kid };
        }
      }
      throw new DeputizeError(
        "forbidden",
        "no signature of the agent's card is by a key that is trusted here",
      );
    },
  };
}

function payloadsOf(card: AgentCard): readonly string[] {
  try {
    return cardPayloads(card);
  } catch (cause) {
    throw new DeputizeError("forbidden", "the agent's card cannot be checked", { cause });
  }
}
