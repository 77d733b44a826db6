import { generateKeyPairSync, sign } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseCompactJws } from "./compact-jws.ts";
import { jwsSignatureHolds, signCompactJws } from "./sign-jws.ts";

const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const token = signCompactJws({ alg: "EdDSA", typ: "at+jwt", kid: "k1" }, { sub: "alice", n: 12 }, privateKey);
const [head = "", body = "", tail = ""] = token.split(".");
const b64 = (text: string): string => Buffer.from(text).toString("base64url");

function accepts(text: string): boolean {
  try {
    return jwsSignatureHolds(parseCompactJws(text), publicKey);
  } catch (error) {
    expect(error).toMatchObject({ code: "invalid_token" });
    return false;
  }
}

/** The same bits in another spelling: base64url leaves up to four unused bits in the last character. */
function respell(part: string): string | undefined {
  const bytes = Buffer.from(part, "base64url");
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  return [...alphabet]
    .map((last) => part.slice(0, -1) + last)
    .find((other) => other !== part && Buffer.from(other, "base64url").equals(bytes));
}

describe("a compact token", () => {
  it("is accepted as it was written", () => {
    expect(accepts(token)).toBe(true);
    expect(parseCompactJws(token).payload).toEqual({ sub: "alice", n: 12 });
  });

  it.each([
    ["padding", `${head}.${body}.${tail}=`],
    ["a trailing line feed", `${token}\n`],
    ["a leading blank", ` ${token}`],
    ["a blank inside", `${head}. ${body}.${tail}`],
    ["a fourth part", `${token}.`],
    ["two parts", `${head}.${body}`],
    ["no signature", `${head}.${body}.`],
    ["an empty payload", `${head}..${tail}`],
    ["the ordinary base64 alphabet", `${head}.${body}.${tail.replaceAll("-", "+").replaceAll("_", "/")}+`],
    ["a NUL", `${head}.${body}.${tail}\u0000`],
    ["the JSON serialization", JSON.stringify({ protected: head, payload: body, signature: tail })],
    ["nothing", ""],
    ["too much", `${head}.${b64("x".repeat(9000))}.${tail}`],
  ])("is refused with %s", (_what, text) => {
    expect(accepts(text)).toBe(false);
  });

  it("is refused in a second spelling of any part: one token, one string", () => {
    const spellings = [
      respell(head) && `${respell(head)}.${body}.${tail}`,
      respell(body) && `${head}.${respell(body)}.${tail}`,
      respell(tail) && `${head}.${body}.${respell(tail)}`,
    ].filter((text) => text !== undefined);
    // A 64-byte signature always leaves unused bits.
    expect(spellings.length).toBeGreaterThan(0);
    for (const text of spellings) expect(accepts(text)).toBe(false);
  });

  it.each([
    ["alg none", { alg: "none", typ: "at+jwt", kid: "k1" }],
    ["alg None", { alg: "None", typ: "at+jwt", kid: "k1" }],
    ["alg HS256 over the public key", { alg: "HS256", typ: "at+jwt", kid: "k1" }],
    ["alg Ed448", { alg: "Ed448", typ: "at+jwt", kid: "k1" }],
    ["a key of its own", { alg: "EdDSA", typ: "at+jwt", kid: "k1", jwk: { kty: "OKP" } }],
    ["a key address", { alg: "EdDSA", typ: "at+jwt", kid: "k1", jku: "https://evil.example" }],
    ["a critical extension", { alg: "EdDSA", typ: "at+jwt", kid: "k1", crit: ["b64"], b64: false }],
    ["no kid", { alg: "EdDSA", typ: "at+jwt" }],
    ["no typ", { alg: "EdDSA", kid: "k1" }],
  ])("is refused with the header %s, though its signature holds", (_what, header) => {
    const input = `${b64(JSON.stringify(header))}.${body}`;
    const signature = sign(null, Buffer.from(input), privateKey).toString("base64url");
    expect(accepts(`${input}.${signature}`)).toBe(false);
  });

  it("is refused when any bit of it changes", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: token.length - 1 }),
        fc.constantFrom(..."Aa0-_.="),
        (at, char) => {
          const changed = token.slice(0, at) + char + token.slice(at + 1);
          expect(accepts(changed)).toBe(changed === token);
        },
      ),
      { numRuns: 500 },
    );
  });

  it("is read, or refused in one way, whatever it is: no other error, no hang [AW-F44]", () => {
    const json = fc.oneof(fc.json(), fc.json({ depthSize: "large" }), fc.string({ unit: "binary" }));
    const part = fc.oneof(
      json.map(b64),
      fc.string({ unit: "binary-ascii" }),
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString("base64url")),
      fc.constantFrom("", head, body, tail, "=", "A".repeat(9_000), b64("[".repeat(4_000))),
    );
    const text = fc.oneof(
      fc.array(part, { maxLength: 5 }).map((parts) => parts.join(".")),
      fc.string({ unit: "grapheme" }),
    );
    fc.assert(
      fc.property(text, (any) => {
        // `accepts` fails on any error but `invalid_token`.
        expect(accepts(any)).toBe(any === token);
      }),
      { numRuns: 500 },
    );
  });

  it("is refused when its payload is not UTF-8", () => {
    const input = `${head}.${Buffer.from([0x7b, 0xff, 0x7d]).toString("base64url")}`;
    expect(accepts(`${input}.${sign(null, Buffer.from(input), privateKey).toString("base64url")}`)).toBe(
      false,
    );
  });
});
