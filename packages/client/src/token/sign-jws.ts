/** Writing and checking a compact JWS with Node's keys: the authority's side. */
import { type KeyObject, sign } from "node:crypto";
import type { CompactJws, JwsHeader } from "./compact-jws.ts";
import { utf8 } from "./crypto-backend.ts";
import { nodeCrypto } from "./node-crypto.ts";

/** True when `key` signed this token. */
export function jwsSignatureHolds(jws: CompactJws, key: KeyObject): boolean {
  return nodeCrypto.verifyEd25519(key, utf8(jws.signingInput), jws.signature) === true;
}

/** Writes a compact JWS in the form that `parseCompactJws` accepts. */
export function signCompactJws(header: JwsHeader, payload: object, privateKey: KeyObject): string {
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signingInput = `${encode(header)}.${encode(payload)}`;
  return `${signingInput}.${sign(null, Buffer.from(signingInput), privateKey).toString("base64url")}`;
}
