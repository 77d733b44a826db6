/**
 * The private halves of the token-signing keys, in the secrets file.
 *
 * Guarantees: a key is on the disk before it is published, so that no token is ever signed by a key that a restart would
 * forget. Every process of an installation reads the same file, so that a key which one of them made is known to all.
 */
import { createPrivateKey } from "node:crypto";
import { DeputizeError } from "@deputize/core";
import { type Secrets, readSecrets, replaceSecrets } from "./secrets.ts";

/** An Ed25519 private key (RFC 8037). */
export interface TokenJwk {
  readonly kty: "OKP";
  readonly crv: "Ed25519";
  readonly x: string;
  readonly d: string;
}

/** Where the authority keeps its signing keys; see `SigningKeyStore` there. */
export interface TokenKeyStore {
  load(): TokenJwk[];
  /** Adds a key at the end and forgets those whose public halves (`x`) are in `retired`; flushed when it returns. */
  add(key: TokenJwk, retired: ReadonlySet<string>): void;
}

function toJwk(pem: string): TokenJwk {
  const { x = "", d = "" } = createPrivateKey(pem).export({ format: "jwk" });
  return { kty: "OKP", crv: "Ed25519", x, d };
}

function toPem({ kty, crv, x, d }: TokenJwk): string {
  return createPrivateKey({ key: { kty, crv, x, d }, format: "jwk" })
    .export({ type: "pkcs8", format: "pem" })
    .toString();
}

/** All token keys of the secrets, in the order in which they were made. */
export function tokenKeys(secrets: Secrets): TokenJwk[] {
  return [secrets.tokenKey, ...(secrets.moreTokenKeys ?? [])].map(toJwk);
}

/** The keys in a secrets file. Both functions throw `config_invalid` with the fix. */
export function tokenKeyStore(file: string): TokenKeyStore {
  function read(): Secrets {
    const secrets = readSecrets(file);
    if (!secrets) throw new DeputizeError("config_invalid", `${file} is gone; restore it from a backup`);
    return secrets;
  }
  return {
    load: () => tokenKeys(read()),
    add(key, retired) {
      const secrets = read();
      const kept = tokenKeys(secrets).filter((one) => !retired.has(one.x) && one.x !== key.x);
      const [first, ...more] = [...kept, key].map(toPem);
      if (first !== undefined) replaceSecrets(file, { ...secrets, tokenKey: first, moreTokenKeys: more });
    },
  };
}
