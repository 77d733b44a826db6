/** An identity provider on a port of this machine: metadata, a key set that rotates, and a count of who asked for what. */
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type KeyPair, keyPair, signToken } from "./tokens.ts";

export interface IdentityProvider {
  readonly issuer: string;
  /** How often each path was asked for. */
  readonly asked: Map<string, number>;
  /** Adds a key and takes the others away. */
  rotate(kid: string): KeyPair;
  /** Signs with the newest key. */
  sign(claims: object, header?: Record<string, unknown>): Promise<string>;
  /** Answers a path in another way, until told `undefined`. */
  answer(path: string, how: Answer | undefined): void;
  /** What the key set holds from now on, keys or not. */
  publish(keys: readonly unknown[]): void;
  close(): Promise<void>;
}

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

export async function openIdentityProvider(
  options: { readonly path?: string } = {},
): Promise<IdentityProvider> {
  const { path = "" } = options;
  const asked = new Map<string, number>();
  const answers = new Map<string, Answer>();
  let keys: readonly unknown[] = [];
  let current: { kid: string; pair: KeyPair } | undefined;

  const http = createServer((request, response) => {
    const url = request.url ?? "/";
    asked.set(url, (asked.get(url) ?? 0) + 1);
    const special = answers.get(url);
    if (special) return special(request, response);
    const json = (body: object) =>
      response.setHeader("content-type", "application/json").end(JSON.stringify(body));
    if (url === `${path}/.well-known/openid-configuration`)
      return json({ issuer, jwks_uri: `${origin}/keys`, authorization_endpoint: `${origin}/authorize` });
    if (url === "/keys") return json({ keys });
    return response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const issuer = `${origin}${path}`;

  const provider: IdentityProvider = {
    issuer,
    asked,
    rotate(kid) {
      const pair = keyPair("ES256");
      current = { kid, pair };
      keys = [{ ...pair.publicKey.export({ format: "jwk" }), kid, alg: "ES256", use: "sig" }];
      return pair;
    },
    sign(claims, header = {}) {
      if (!current) throw new Error("rotate a key in first");
      const { kid, pair } = current;
      return signToken(claims, pair.privateKey, { alg: "ES256", kid, ...header });
    },
    answer: (at, how) => void (how ? answers.set(at, how) : answers.delete(at)),
    publish: (published) => {
      keys = published;
    },
    close: async () => {
      http.closeAllConnections();
      await new Promise<void>((resolve) => http.close(() => resolve()));
    },
  };
  provider.rotate("key-1");
  return provider;
}
