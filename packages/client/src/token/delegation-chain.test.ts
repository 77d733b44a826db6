import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { testKey } from "../testing/fake-authority.ts";
import { delegated, testWorker } from "../testing/delegation.ts";
import type { CryptoBackend } from "./crypto-backend.ts";
import { type ChainOptions, checkDelegationChain } from "./delegation-chain.ts";
import { importKeys } from "./jwk-set.ts";
import { nodeCrypto } from "./node-crypto.ts";
import { webCrypto } from "./web-crypto.ts";

const authority = testKey();
const lead = testWorker("lead", ["read:data:*", "write:data:7"]);
const helper = testWorker("helper", ["read:data:7", "read:data:8"], false);
const intern = testWorker("intern", ["read:data:7"]);
const clerk = testWorker("clerk", ["read:data:7"]);
const claims = delegated([lead, helper, intern, clerk], authority);

type Claims = typeof claims;
type Link = Claims["delegation_chain"][number];

/** The claims with one link changed. */
const altered = (at: number, change: (link: Link) => Partial<Link>): Claims => ({
  ...claims,
  delegation_chain: claims.delegation_chain.map((link, i) =>
    i === at ? { ...link, ...change(link) } : link,
  ),
});
const flip = (hex: string): string => (hex.startsWith("0") ? "1" : "0") + hex.slice(1);
const other = Buffer.from(
  generateKeyPairSync("ed25519").publicKey.export({ format: "jwk" }).x ?? "",
  "base64url",
).toString("base64");

const ALTERATIONS: readonly [string, Claims][] = [
  ...[0, 1, 2].flatMap((at): [string, Claims][] => [
    [`hop ${at}: the delegator`, altered(at, () => ({ agent: testWorker("mallory", []).id }))],
    [`hop ${at}: the delegate`, altered(at, () => ({ delegate: testWorker("mallory", []).id }))],
    [`hop ${at}: what was granted, wider`, altered(at, (l) => ({ granted: [...l.granted, "write:data:7"] }))],
    [`hop ${at}: what was granted, nothing`, altered(at, () => ({ granted: [] }))],
    [`hop ${at}: what was held, narrower`, altered(at, () => ({ scope: ["read:other:1"] }))],
    [`hop ${at}: what was held, wider`, altered(at, (l) => ({ scope: [...l.scope, "write:data:9"] }))],
    [`hop ${at}: the token's id`, altered(at, (l) => ({ jti: flip(l.jti) }))],
    [`hop ${at}: the hop before`, altered(at, (l) => ({ prev: flip(l.prev) }))],
    [`hop ${at}: the signature`, altered(at, (l) => ({ signature: flip(l.signature) }))],
    [`hop ${at}: another key`, altered(at, () => ({ key: other }))],
    [`hop ${at}: no key`, altered(at, () => ({ key: undefined as never, kid: undefined as never }))],
    [`hop ${at}: the time, to none`, altered(at, () => ({ delegated_at: "yesterday" }))],
  ]),
  ["the first hop left out", { ...claims, delegation_chain: claims.delegation_chain.slice(1) }],
  ["the last hop left out", { ...claims, delegation_chain: claims.delegation_chain.slice(0, -1) }],
  ["two hops swapped", { ...claims, delegation_chain: claims.delegation_chain.toReversed() }],
  ["a hop twice", { ...claims, delegation_chain: [...claims.delegation_chain, claims.delegation_chain[2]!] }],
  ["the holder", { ...claims, sub: lead.id }],
  ["the holder's scope, wider", { ...claims, scope: ["read:data:*"] }],
  ["the chain's hash", { ...claims, chain_hash: flip(claims.chain_hash) }],
  ["no hash", { ...claims, chain_hash: undefined as never }],
  ["no chain but its hash", { ...claims, delegation_chain: undefined as never }],
  [
    "every trace of the hops gone",
    { ...claims, delegation_chain: undefined as never, chain_hash: undefined as never },
  ],
  ["a grant left out", { ...claims, grants: claims.grants.slice(1) }],
  ["an empty chain", { ...claims, delegation_chain: [] }],
];

function suite<Key>(name: string, backend: CryptoBackend<Key>): void {
  const check = async (what: unknown, options?: ChainOptions, published = [authority.jwk]): Promise<void> =>
    checkDelegationChain(backend, what, await importKeys({ keys: published }, backend), options);

  describe(`a delegation chain, by ${name}`, () => {
    it("holds when each hop signed for the next, own keys and the authority's mixed [AW-F13]", async () => {
      await expect(check(claims)).resolves.toBeUndefined();
    });

    it("need not be there", async () => {
      await expect(
        check({ sub: lead.id, scope: lead.scope, grants: claims.grants.slice(0, 1) }),
      ).resolves.toBeUndefined();
    });

    it.each(ALTERATIONS)("is refused offline with an alteration: %s [AW-D13]", async (_what, changed) => {
      await expect(check(changed)).rejects.toMatchObject({ code: "invalid_token" });
    });

    it("is refused when a hop handed on more than it held, though it signed it [AW-D13]", async () => {
      const greedy = delegated(
        [testWorker("poor", ["read:data:7"]), testWorker("rich", ["read:data:*"])],
        authority,
      );
      await expect(check(greedy)).rejects.toMatchObject({ code: "invalid_token" });
    });

    it("is refused beyond five hops", async () => {
      const workers = Array.from({ length: 7 }, (_, i) => testWorker(`w${i}`, ["read:data:7"]));
      await expect(check(delegated(workers.slice(0, 6), authority))).resolves.toBeUndefined();
      await expect(check(delegated(workers, authority))).rejects.toMatchObject({ code: "invalid_token" });
    });

    it("is refused when the authority publishes a hop's key no more, unless the token itself was checked", async () => {
      await expect(check(claims, {}, [])).rejects.toMatchObject({ code: "invalid_token" });
      await expect(check(claims, { tokenSignatureHolds: true }, [])).resolves.toBeUndefined();
    });
  });
}

suite("Node's cryptography", nodeCrypto);
suite("WebCrypto", webCrypto);
