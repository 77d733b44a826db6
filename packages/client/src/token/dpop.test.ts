import { generateKeyPairSync, sign } from "node:crypto";
import { type ManualClock, manualClock } from "@deputize/core";
import { beforeEach, describe, expect, it } from "vitest";
import { WorkerKey } from "../sdk/worker-key.ts";
import { type ProofExpectation, createDpopProof, jwkThumbprint, verifyDpopProof } from "./dpop.ts";
import type { ProofJwk, ProofKey } from "./proof-key.ts";
import { createReplayMemory } from "./replay-memory.ts";

const URL_HERE = "https://api.example/orders/7";
const TOKEN = "a.b.c";
const START = Date.UTC(2026, 10, 22);
let clock: ManualClock;
let expected: ProofExpectation;
beforeEach(() => {
  clock = manualClock(START);
  expected = {
    method: "POST",
    url: URL_HERE,
    accessToken: TOKEN,
    seen: createReplayMemory(clock),
    clock,
  };
});

function p256(): ProofKey {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const { x = "", y = "" } = publicKey.export({ format: "jwk" });
  return {
    jwk: { kty: "EC", crv: "P-256", x, y },
    sign: (data) => sign("sha256", data, { key: privateKey, dsaEncoding: "ieee-p1363" }),
  };
}
const KEYS: readonly [string, ProofKey][] = [
  ["Ed25519", new WorkerKey().proofKey],
  ["P-256", p256()],
];
const key = KEYS[0]![1];
const proof = (
  by = key,
  change: { method?: string; url?: string; accessToken?: string; nonce?: string } = {},
) => createDpopProof({ key: by, method: "POST", url: URL_HERE, accessToken: TOKEN, clock, ...change });

/** A proof of any header and claims, signed well. */
async function crafted(header: object, claims: object, by = key): Promise<string> {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const input = `${part(header)}.${part(claims)}`;
  return `${input}.${Buffer.from(await by.sign(Buffer.from(input))).toString("base64url")}`;
}
const header = { typ: "dpop+jwt", alg: "EdDSA", jwk: key.jwk };
const ath = "hF4wRIgJ4ryJWOsCW_x5UjXROwd6U9DDq70jhRcNybg";

describe("a proof of possession", () => {
  it.each(KEYS)("of a %s key is accepted once [AW-F36] [AW-D15]", async (_name, by) => {
    const text = await proof(by);
    const jkt = await jwkThumbprint(by.jwk);
    await expect(verifyDpopProof(text, { ...expected, jkt })).resolves.toMatchObject({ jkt });
    await expect(verifyDpopProof(text, { ...expected, jkt })).rejects.toMatchObject({
      code: "invalid_token",
    });
  });

  it("names its key as RFC 7638 does, by the vectors of RFC 8037 and RFC 9449", async () => {
    const okp: ProofJwk = { kty: "OKP", crv: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" };
    expect(await jwkThumbprint(okp)).toBe("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    const ec: ProofJwk = {
      kty: "EC",
      crv: "P-256",
      x: "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
      y: "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
    };
    expect(await jwkThumbprint(ec)).toBe("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
  });

  it("of the example in RFC 9449 holds in its time", async () => {
    const example =
      "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";
    const then = manualClock(1_562_262_616_000);
    await expect(
      verifyDpopProof(example, {
        method: "POST",
        url: "https://server.example.com/token",
        seen: createReplayMemory(then),
        clock: then,
      }),
    ).resolves.toMatchObject({ jkt: "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" });
  });

  it("names the address without query and fragment, in any spelling of the same origin", async () => {
    const text = await proof(key, { url: "https://API.example:443/orders/7?page=2#top" });
    await expect(verifyDpopProof(text, { ...expected, url: `${URL_HERE}?page=9` })).resolves.toBeDefined();
  });

  it.each<[string, Parameters<typeof proof>[1], Partial<ProofExpectation>]>([
    ["another method", { method: "GET" }, {}],
    ["another path", { url: "https://api.example/orders/8" }, {}],
    ["another origin", { url: "https://evil.example/orders/7" }, {}],
    ["another scheme", { url: "http://api.example/orders/7" }, {}],
    ["another token", { accessToken: "d.e.f" }, {}],
    ["no token", { accessToken: undefined as never }, {}],
    ["a nonce that nobody asked for", { nonce: "n1" }, {}],
    ["no nonce where one was asked for", {}, { nonce: "n1" }],
    ["another key than the token's", {}, { jkt: "A".repeat(43) }],
  ])("is refused for %s [AW-D15]", async (_what, change, more) => {
    const text = await proof(key, change);
    await expect(verifyDpopProof(text, { ...expected, ...more })).rejects.toMatchObject({
      code: "invalid_token",
    });
  });

  it("is refused when it is older than a minute, or from the future", async () => {
    const old = await proof();
    clock.advance(60_000);
    await expect(verifyDpopProof(old, expected)).resolves.toBeDefined();
    const older = await proof();
    clock.advance(61_000);
    await expect(verifyDpopProof(older, expected)).rejects.toMatchObject({ code: "invalid_token" });
    const ahead = await createDpopProof({
      key,
      method: "POST",
      url: URL_HERE,
      accessToken: TOKEN,
      clock: manualClock(clock.nowMs() + 6_000),
    });
    await expect(verifyDpopProof(ahead, expected)).rejects.toMatchObject({ code: "invalid_token" });
  });

  it.each<[string, object, object]>([
    ["typ JWT", { ...header, typ: "JWT" }, {}],
    ["alg none", { ...header, alg: "none" }, {}],
    ["alg HS256", { ...header, alg: "HS256" }, {}],
    ["an algorithm that is not the key's", { ...header, alg: "ES256" }, {}],
    ["no key", { typ: "dpop+jwt", alg: "EdDSA" }, {}],
    ["a key with its private half", { ...header, jwk: { ...key.jwk, d: key.jwk.x } }, {}],
    ["a key address", { ...header, jku: "https://evil.example" }, {}],
    ["somebody else's key", { ...header, jwk: new WorkerKey().proofKey.jwk }, {}],
    ["no id", header, { jti: undefined }],
    ["no time", header, { iat: undefined }],
    ["an address that is none", header, { htu: "orders" }],
  ])("is refused with %s", async (_what, head, change) => {
    const claims = { jti: "id-of-proof", htm: "POST", htu: URL_HERE, iat: START / 1000, ath, ...change };
    await expect(verifyDpopProof(await crafted(head, claims), expected)).rejects.toMatchObject({
      code: "invalid_token",
    });
  });

  it("is accepted as crafted, so that the refusals above are for their own reason", async () => {
    const claims = { jti: "id-of-proof", htm: "POST", htu: URL_HERE, iat: START / 1000, ath };
    await expect(verifyDpopProof(await crafted(header, claims), expected)).resolves.toBeDefined();
  });
});

describe("the memory of proofs", () => {
  it("forgets what can be used no more, and refuses rather than forget what can", async () => {
    const seen = createReplayMemory(clock, 3);
    expect([seen("a", 60), seen("b", 60), seen("c", 60), seen("a", 60)]).toEqual([false, false, false, true]);
    expect(() => seen("d", 60)).toThrow(expect.objectContaining({ code: "unavailable" }));
    clock.advance(60_001);
    expect([seen("d", 60), seen("a", 60)]).toEqual([false, false]);
  });
});
