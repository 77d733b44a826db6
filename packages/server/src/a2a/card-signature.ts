/**
 * Signing agent cards (A2A 1.0 §8.4.2, RFC 7515), and publishing the keys (RFC 7517).
 *
 * Guarantees: the protected header has `alg`, `typ`, `kid` and, where the keys are published, `jku`; the key fixes the algorithm. A
 * card's key signs cards and nothing else: `typ` is `JOSE`, which no verifier of tokens takes, and the key is not among an authority's.
 * Two keys sign both while one follows the other.
 */
import { type KeyObject, createPrivateKey, createPublicKey, sign } from "node:crypto";
import type { AgentCard, AgentCardSignature } from "@a2a-js/sdk";
import { type ProofJwk, jwkThumbprint } from "@deputize/client";
import { DeputizeError } from "@deputize/core";
import { PARTIAL, cardPayloads, partialPayload } from "./card-payload.ts";

/** A private key: PEM text, a JWK (as JSON text, too), or Node's own. Ed25519 (`EdDSA`) or P-256 (`ES256`). */
export type CardKey = string | Readonly<Record<string, unknown>> | KeyObject;

export interface PublishedKey {
  readonly kid: string;
  readonly alg: "EdDSA" | "ES256";
  readonly use: "sig";
  readonly key_ops: readonly ["verify"];
  readonly [member: string]: unknown;
}

export interface CardSigner {
  /** The card with our signatures in place of any that it had. `jku` in place of the signer's own. */
  sign(card: AgentCard, jku?: string): AgentCard;
  /** The public halves, for `/.well-known/jwks.json`. */
  readonly jwks: { readonly keys: readonly PublishedKey[] };
}

export interface CardSignerOptions {
  /** The key that signs; during a change the next and the previous one, which both do. */
  readonly keys: readonly CardKey[];
  /** Where the keys are published; named in each signature, for verifiers that allow that address. */
  readonly jku?: string;
}

interface Key {
  readonly privateKey: KeyObject;
  readonly published: PublishedKey;
}

async function importKey(input: CardKey): Promise<Key> {
  const privateKey = privateKeyOf(input);
  const jwk = publicHalf(privateKey);
  if (!jwk)
    throw new DeputizeError(
      "config_invalid",
      "a card's key is Ed25519 or P-256; make one with `openssl genpkey -algorithm ed25519`",
    );
  const alg = jwk.kty === "OKP" ? "EdDSA" : "ES256";
  const kid = await jwkThumbprint(jwk);
  return { privateKey, published: { ...jwk, kid, alg, use: "sig", key_ops: ["verify"] } };
}

function publicHalf(privateKey: KeyObject): ProofJwk | undefined {
  const { crv, x = "", y = "" } = createPublicKey(privateKey).export({ format: "jwk" });
  if (crv === "Ed25519") return { kty: "OKP", crv, x };
  return crv === "P-256" ? { kty: "EC", crv, x, y } : undefined;
}

function privateKeyOf(input: CardKey): KeyObject {
  try {
    const given =
      typeof input === "string" && input.trim().startsWith("{")
        ? (JSON.parse(input) as Record<string, unknown>)
        : input;
    const key =
      typeof given === "string"
        ? createPrivateKey(given)
        : "asymmetricKeyType" in given
          ? (given as KeyObject)
          : createPrivateKey({ key: { ...given }, format: "jwk" });
    if (key.type === "private") return key;
  } catch {
    // Falls through to the one refusal, which quotes nothing of a key.
  }
  throw new DeputizeError("config_invalid", "a card's key is a private key, as PEM text or as a JWK");
}

/** Makes the signer of an installation's cards. Rejects with `config_invalid` for no key, a key that signs no card, and one given twice. */
export async function cardSigner(options: CardSignerOptions): Promise<CardSigner> {
  const keys = await Promise.all(options.keys.map(importKey));
  if (keys.length === 0 || new Set(keys.map((key) => key.published.kid)).size < keys.length)
    throw new DeputizeError("config_invalid", "give one key for cards or more, each once");
  function signatureOf(payload: string, { privateKey, published }: Key, more: object): AgentCardSignature {
    const { alg, kid } = published;
    const header = { alg, typ: "JOSE", kid, ...more };
    const encode = (text: string): string => Buffer.from(text).toString("base64url");
    const head = encode(JSON.stringify(header));
    const input = Buffer.from(`${head}.${encode(payload)}`);
    const made =
      published.alg === "EdDSA"
        ? sign(null, input, privateKey)
        : sign("sha256", input, { key: privateKey, dsaEncoding: "ieee-p1363" });
    return { protected: head, signature: made.toString("base64url"), header: undefined };
  }

  return {
    sign(card, jku = options.jku) {
      const where = jku === undefined ? {} : { jku };
      const payloads = cardPayloads(card);
      const partial = partialPayload(card);
      const signatures = keys.flatMap((key) => [
        ...payloads.map((payload) => signatureOf(payload, key, where)),
        ...(partial === undefined ? [] : [signatureOf(partial, key, { ...where, [PARTIAL]: true })]),
      ]);
      return { ...card, signatures };
    },
    jwks: { keys: keys.map((key) => key.published) },
  };
}
