/** Wycheproof's vectors for JWS and JWK, against the two functions that every token of an outside issuer passes. */
import { type KeyObject, createSecretKey } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { splitJwsBytes } from "@deputize/client";
import { expect, it } from "vitest";
import { freshSecret, withToken } from "../../test/tokens.ts";
import { jwtAuth } from "./jwt-auth.ts";
import { readPublicJwks } from "./public-keys.ts";
import { ASYMMETRIC, type Algorithm, SYMMETRIC, keyFits, signatureHolds } from "./signature.ts";

type Jwk = { kty: string; kid?: string; alg?: string; use?: string; key_ops?: string[]; k?: string };
interface Group {
  readonly comment: string;
  readonly public?: Jwk | { keys: Jwk[] };
  readonly private: Jwk | { keys: Jwk[] };
  readonly tests: readonly {
    readonly tcId: number;
    readonly comment: string;
    readonly jws: unknown;
    readonly result: "valid" | "invalid";
  }[];
}

/**
 * Valid for Wycheproof, refused here, each for a rule of ours: an `alg` in the key that is no algorithm or not the
 * token's (346, 347, 350, 351), a character outside the alphabet (372, 373), and no body, which no token has.
 */
const STRICTER = /^(346|347|350|351|372|373)$/;
/** Said to be invalid, but byte for byte the token of 357, which is valid: the vectors have lost their padding. */
const SAME_AS_357 = /^(367|370)$/;
const EMPTY_BODY = /^[^.]+\.\.[^.]+$/;

function candidates(
  group: Group,
): { kid: string | undefined; algorithms: readonly Algorithm[]; key: KeyObject }[] {
  const published = group.public ?? group.private;
  const set = "keys" in published ? published : { keys: [published] };
  if (set.keys.every((jwk) => jwk.kty === "oct")) {
    const counted = (kid?: string) => set.keys.filter((jwk) => jwk.kid === kid).length;
    return set.keys
      .filter((jwk) => counted(jwk.kid) === 1)
      .map(({ kid, alg, k = "" }) => {
        const key = createSecretKey(k, "base64url");
        return { kid, key, algorithms: SYMMETRIC.filter((name) => name === alg && keyFits(name, key)) };
      });
  }
  return readPublicJwks(set, ASYMMETRIC).map((one) => ({ ...one, kid: one.kid }));
}

function accepts(group: Group, jws: unknown): boolean {
  try {
    const { header, signingInput, signature } = splitJwsBytes(jws as string);
    const { alg, kid } = header as { alg: Algorithm; kid?: string };
    return candidates(group)
      .filter(
        (one) =>
          one.algorithms.includes(alg) && (kid === undefined || one.kid === undefined || one.kid === kid),
      )
      .some((one) => signatureHolds(alg, one.key, signingInput, signature));
  } catch {
    return false;
  }
}

it("accepts the Ed25519 signature of RFC 8037 A.4, and not another", () => {
  const key = { kty: "OKP", crv: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" };
  const group = { comment: "", public: key, private: key, tests: [] };
  const jws =
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
  const other = jws.replace("hgyY0", "hgyY1");
  expect([accepts(group, jws), accepts(group, other), accepts(group, `${jws}A`)]).toEqual([
    true,
    false,
    false,
  ]);
});

const shared = process.env["SHARED_DIR"] ?? resolve(import.meta.dirname, "../../../../../shared");
const files = ["signature", "key"].map((name) =>
  resolve(shared, `data/vectors/wycheproof_json_web_${name}_test.json`),
);

// Where everything must run, vectors that are missing are a failure and no silence.
if (files.every(existsSync) || process.env["DEPUTIZE_TEST_STRICT"] === "1") {
  const groups = () =>
    files.flatMap((file) => (JSON.parse(readFileSync(file, "utf8")) as { testGroups: Group[] }).testGroups);

  it("judges every Wycheproof signature and key as Wycheproof does, or more strictly for a rule of ours [AW-F44]", () => {
    const wrong: string[] = [];
    let accepted = 0;
    let seen = 0;
    for (const group of groups()) {
      for (const { tcId, comment, jws, result } of group.tests) {
        const stricter = STRICTER.test(String(tcId)) || EMPTY_BODY.test(String(jws));
        const ours = accepts(group, jws);
        seen += 1;
        accepted += ours ? 1 : 0;
        const expected = (result === "valid" || SAME_AS_357.test(String(tcId))) && !stricter;
        if (ours !== expected) wrong.push(`${tcId} ${group.comment} ${comment}: ${result}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(seen).toBeGreaterThan(420);
    expect(accepted).toBeGreaterThan(40);
  });

  it("takes none of them for a token", async () => {
    const auth = jwtAuth({ secret: freshSecret(), audience: "orders" });
    for (const { tcId, jws } of groups().flatMap((group) => group.tests)) {
      const token = typeof jws === "string" ? jws : encodeURIComponent(JSON.stringify(jws));
      await expect(auth.authenticate(withToken(token)), `vector ${tcId}`).rejects.toMatchObject({
        code: "invalid_token",
      });
    }
  });
}
