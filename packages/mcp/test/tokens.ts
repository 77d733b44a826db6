/** Tokens of every make, signed by another implementation (jose) than the one that checks them here. */
import { type KeyObject, createSecretKey, generateKeyPairSync, randomBytes } from "node:crypto";
import { CompactSign } from "jose";
import type { AsymmetricAlgorithm } from "../src/index.ts";

export interface KeyPair {
  readonly algorithm: AsymmetricAlgorithm;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly publicKeyPem: string;
}

const CURVES: Readonly<Record<string, string>> = { ES256: "P-256", ES384: "P-384", ES512: "P-521" };

function generate(algorithm: AsymmetricAlgorithm): { privateKey: KeyObject; publicKey: KeyObject } {
  if (algorithm === "EdDSA") return generateKeyPairSync("ed25519");
  const namedCurve = CURVES[algorithm];
  return namedCurve
    ? generateKeyPairSync("ec", { namedCurve })
    : generateKeyPairSync("rsa", { modulusLength: 2048 });
}

/** A fresh key pair for an algorithm. */
export function keyPair(algorithm: AsymmetricAlgorithm): KeyPair {
  const { privateKey, publicKey } = generate(algorithm);
  return {
    algorithm,
    privateKey,
    publicKey,
    publicKeyPem: publicKey.export({ type: "spki", format: "pem" }).toString(),
  };
}

/** A signed token, whatever its header and claims say. */
export function signToken(
  claims: object,
  key: KeyObject,
  header: { readonly alg: string; readonly [name: string]: unknown },
): Promise<string> {
  const signer = new CompactSign(Buffer.from(JSON.stringify(claims)));
  const critical = Object.fromEntries(((header["crit"] as string[] | undefined) ?? []).map((c) => [c, true]));
  return signer.setProtectedHeader({ typ: "at+jwt", ...header }).sign(key, { crit: critical });
}

export const secretOf = (text: string): KeyObject => createSecretKey(text, "utf8");

/** 64 bytes of hex: long enough for every algorithm. */
export const freshSecret = (): string => randomBytes(32).toString("hex");

export function withToken(token: string, headers: Record<string, string> = {}): Request {
  return new Request("http://localhost/mcp", { headers: { authorization: `Bearer ${token}`, ...headers } });
}

/** The refusal that every bad token gets, so that nobody learns what was wrong with it. */
export const REFUSED = { code: "invalid_token", message: "the token is not valid here; get a new one" };
