/** The Wycheproof vectors for JWS and JWK, held against each part that reads one. We verify EdDSA, and ES256 in proofs. */
import { type JsonWebKey, createPrivateKey, sign } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { manualClock } from "@deputize/core";
import { describe, expect, it } from "vitest";
import { ISSUER, fakeAuthority } from "../testing/fake-authority.ts";
import { createVerifier } from "../verifier.ts";
import { parseCompactJws, splitCompactJws } from "./compact-jws.ts";
import { createDpopProof, verifyDpopProof } from "./dpop.ts";
import { importJwkSet } from "./jwk.ts";
import { importKeys } from "./jwk-set.ts";
import type { ProofKey } from "./proof-key.ts";
import { webCrypto } from "./web-crypto.ts";

type Jwk = JsonWebKey & { readonly kid?: string; readonly keys?: readonly Jwk[] };
interface Group {
  readonly comment: string;
  readonly private?: Jwk;
  readonly public?: Jwk;
  readonly tests: readonly {
    readonly tcId: number;
    readonly comment: string;
    readonly jws: unknown;
    readonly result: string;
  }[];
}

const shared = process.env["SHARED_DIR"] ?? resolve(import.meta.dirname, "../../../../../shared");
const file = (name: string): string => resolve(shared, `data/vectors/wycheproof_json_web_${name}_test.json`);
const load = (name: string): readonly Group[] =>
  (JSON.parse(readFileSync(file(name), "utf8")) as { testGroups: Group[] }).testGroups;

const clock = manualClock(Date.UTC(2026, 10, 22));
const text = (jws: unknown): string => (typeof jws === "string" ? jws : JSON.stringify(jws));
const keysOf = (group: Group): readonly Jwk[] =>
  [group.public, group.private].flatMap((key) => key?.keys ?? (key ? [key] : []));

/** The code of what `work` throws; undefined when it does not. Anything but an error of ours fails the test. */
async function codeOf(work: () => unknown): Promise<string | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    expect(error).toHaveProperty("code");
    return (error as { code: string }).code;
  }
}

// Where everything must run, vectors that are missing are a failure and no silence.
if (existsSync(file("signature")) || process.env["DEPUTIZE_TEST_STRICT"] === "1") {
  const signatures = load("signature");
  const keys = load("key");
  const all = [...signatures, ...keys].flatMap((group) => group.tests);

  describe("the Wycheproof JWS vectors [AW-F44]", () => {
    it("are no access token: each is of another algorithm or malformed", async () => {
      expect(all.length).toBeGreaterThan(420);
      for (const { tcId, jws } of all) {
        expect(await codeOf(() => parseCompactJws(text(jws))), `vector ${tcId}`).toBe("invalid_token");
      }
    });

    it("are refused by a verifier, also where the authority publishes their keys", async () => {
      for (const group of [...signatures, ...keys]) {
        const authority = fakeAuthority(clock);
        authority.published = [...authority.published, ...(keysOf(group) as never[])];
        const verifier = await createVerifier({
          issuer: ISSUER,
          authorityUrl: ISSUER,
          fetch: authority.fetch,
          clock,
        });
        try {
          for (const { tcId, jws } of group.tests) {
            const code = await codeOf(() => verifier.verify(text(jws), { audience: "any" }));
            expect(code, `vector ${tcId}`).toBe("invalid_token");
          }
          // The set that they stand in still serves.
          await verifier.verify(authority.sign(), { audience: "https://api.example" });
        } finally {
          await verifier.close();
        }
      }
    });

    it("are refused or split without a surprise by the reader of any compact JWS", async () => {
      for (const { tcId, jws, result, comment } of all) {
        const code = await codeOf(() => splitCompactJws(text(jws)));
        expect([undefined, "invalid_token"], `vector ${tcId}`).toContain(code);
        if (comment.startsWith("rejectsMissing") && result === "invalid") expect(code).toBe("invalid_token");
      }
    });
  });

  describe("the Wycheproof ES256 vectors, as proofs of possession [AW-D15]", () => {
    const URL_HERE = "https://api.example/orders/7";
    const es256 = signatures.filter(
      (group) => group.comment === "es256" || group.comment === "SpecialCaseEs256",
    );
    const expected = () => ({ method: "GET", url: URL_HERE, seen: async () => false, clock });

    function keyOf(group: Group): ProofKey {
      const jwk = group.private as Jwk & { x: string; y: string };
      const privateKey = createPrivateKey({ key: jwk, format: "jwk" });
      return {
        jwk: { kty: "EC", crv: "P-256", x: jwk.x, y: jwk.y },
        sign: (data) => sign("sha256", data, { key: privateKey, dsaEncoding: "ieee-p1363" }),
      };
    }
    const proofBy = (key: ProofKey) => createDpopProof({ key, method: "GET", url: URL_HERE, clock });

    it("accept a proof by their keys", async () => {
      expect(es256).toHaveLength(2);
      for (const group of es256) await verifyDpopProof(await proofBy(keyOf(group)), expected());
    });

    it("have no signature that passes for another message, whatever its numbers", async () => {
      for (const group of es256) {
        const proof = await proofBy(keyOf(group));
        const [head, body] = proof.split(".");
        for (const { tcId, jws } of group.tests) {
          const signature = text(jws).split(".")[2] ?? "";
          const code = await codeOf(() => verifyDpopProof(`${head}.${body}.${signature}`, expected()));
          expect(code, `vector ${tcId}`).toBe("invalid_token");
        }
      }
    });

    it("have no key off the curve, of another curve or type, or private, that a proof may carry", async () => {
      const sound = keyOf(es256[0] as Group);
      const odd = keys.filter((group) =>
        ["invalid_point", "wrong_curve", "wrong_kty"].includes(group.comment),
      );
      expect(odd).toHaveLength(3);
      for (const jwk of odd.flatMap(keysOf)) {
        const proof = await proofBy({ ...sound, jwk: jwk as never });
        expect(await codeOf(() => verifyDpopProof(proof, expected()))).toBe("invalid_token");
      }
    });
  });

  describe("the Wycheproof JWK vectors [AW-F44]", () => {
    it("give no key to a set of Ed25519 keys, in Node and over WebCrypto, and stop none that is there", async () => {
      const own = fakeAuthority(clock).published;
      for (const group of [...signatures, ...keys]) {
        const set = { keys: [...keysOf(group), ...own] };
        expect([...importJwkSet(set).keys()], group.comment).toEqual(own.map(({ kid }) => kid));
        expect([...(await importKeys(set, webCrypto)).keys()], group.comment).toEqual(
          own.map(({ kid }) => kid),
        );
      }
    });

    it("with a name twice give neither", () => {
      const [mine] = fakeAuthority(clock).published;
      const [other] = fakeAuthority(clock).published;
      expect(importJwkSet({ keys: [mine, { ...other, kid: mine?.kid }] }).size).toBe(0);
    });
  });
}

it("takes no secret and no RSA key out of a key set, whatever it is called", () => {
  const keys = [
    { kty: "oct", k: "c2VjcmV0", kid: "a", alg: "EdDSA" },
    { kty: "RSA", n: "AQAB", e: "AQAB", kid: "b", alg: "EdDSA" },
  ];
  expect([...importJwkSet({ keys }).keys()]).toEqual([]);
});
