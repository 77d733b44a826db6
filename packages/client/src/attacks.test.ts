/** Forged, confused and misplaced tokens, held against the whole verifier, by Node's cryptography and by WebCrypto. */
import { createHmac, createPublicKey, generateKeyPairSync, sign } from "node:crypto";
import { type ManualClock, manualClock, stableId } from "@deputize/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createVerifier as onTheWeb } from "./portable.ts";
import { testWorker } from "./testing/delegation.ts";
import {
  ALICE,
  AUDIENCE,
  type FakeAuthority,
  GRANT,
  ISSUER,
  fakeAuthority,
  testKey,
} from "./testing/fake-authority.ts";
import type { TokenVerifier, VerifierOptions } from "./verifier-core.ts";
import { createVerifier as onNode } from "./verifier.ts";

const invalid = { code: "invalid_token" };
const encode = (value: unknown): string =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

describe.each([
  ["on Node", onNode],
  ["over WebCrypto", onTheWeb],
])("a verifier %s", (_where, create) => {
  let clock: ManualClock;
  let authority: FakeAuthority;
  let verifier: TokenVerifier;
  let asked: string[];
  const open: TokenVerifier[] = [];

  async function make(options: Partial<VerifierOptions>): Promise<TokenVerifier> {
    const fetch: typeof globalThis.fetch = (input, init) => {
      asked.push(new URL(new Request(input as string, init).url).origin);
      return authority.fetch(input, init);
    };
    const made = await create({ authorityUrl: ISSUER, fetch, clock, ...options });
    open.push(made);
    return made;
  }
  beforeEach(async () => {
    asked = [];
    clock = manualClock(Date.UTC(2026, 10, 22));
    authority = fakeAuthority(clock);
    verifier = await make({ issuer: ISSUER });
  });
  afterEach(async () => {
    for (const each of open.splice(0)) await each.close();
  });

  const refuses = async (token: string, why: string, by = verifier): Promise<void> => {
    await expect(by.verify(token, { audience: AUDIENCE }), why).rejects.toMatchObject(invalid);
  };
  /** A token of any header text and payload, signed well by `by`. */
  const signed = (header: unknown, payload: unknown = authority.claims(), by = authority.key): string => {
    const input = `${encode(header)}.${encode(payload)}`;
    return `${input}.${sign(null, Buffer.from(input), by.privateKey).toString("base64url")}`;
  };
  const good = () => ({ alg: "EdDSA", typ: "at+jwt", kid: authority.key.jwk.kid });

  it("accepts what the attacks below are made of", async () => {
    await verifier.verify(signed(good()), { audience: AUDIENCE });
  });

  it("takes no other algorithm, however it is written, whatever the signature [AW-F08]", async () => {
    const names = [
      "none",
      "None",
      "NONE",
      "nOnE",
      "",
      "eddsa",
      "EDDSA",
      "EdDSA ",
      "Ed25519",
      "Ed448",
      "ES256",
      "RS256",
    ];
    const odd = [null, true, 0, ["EdDSA"], { alg: "EdDSA" }, undefined];
    for (const alg of [
      ...names,
      "RS384",
      "PS256",
      "HS256",
      "HS384",
      "HS512",
      "ES256K",
      "A256GCM",
      "dir",
      ...odd,
    ]) {
      const token = signed({ ...good(), alg });
      const [head, body] = token.split(".");
      await refuses(token, `${String(alg)}, signed by our own key`);
      await refuses(`${head}.${body}.`, `${String(alg)}, without a signature`);
      await refuses(`${head}.${body}.AA`, `${String(alg)}, with a little of one`);
    }
  });

  it("takes no MAC keyed by what it publishes", async () => {
    const { jwk, privateKey } = authority.key;
    const published = createPublicKey(privateKey);
    const secrets = [
      Buffer.from(jwk.x, "base64url"),
      jwk.x,
      JSON.stringify(jwk),
      JSON.stringify({ keys: [jwk] }),
      published.export({ type: "spki", format: "pem" }).toString(),
      published.export({ type: "spki", format: "pem" }).toString().trim(),
      published.export({ type: "spki", format: "der" }),
      jwk.kid,
      "",
    ];
    for (const [alg, digest] of [
      ["HS256", "sha256"],
      ["HS384", "sha384"],
      ["HS512", "sha512"],
      ["EdDSA", "sha512"],
    ] as const) {
      for (const secret of secrets) {
        const input = `${encode({ ...good(), alg })}.${encode(authority.claims())}`;
        await refuses(`${input}.${createHmac(digest, secret).update(input).digest("base64url")}`, alg);
      }
    }
  });

  it("finds a key only under its exact published name", async () => {
    const stranger = testKey();
    const { kid } = authority.key.jwk;
    const names: unknown[] = [
      "../../../../dev/null",
      "/dev/null",
      "file:///etc/passwd",
      "https://evil.example/key",
      "' OR '1'='1",
      "x' UNION SELECT 'AA",
      "| cat /etc/passwd",
      "__proto__",
      "constructor",
      "toString",
      "0",
      "*",
      "",
      " ",
      `${kid} `,
      `${kid}\u0000`,
      kid.toUpperCase(),
      kid.slice(0, -1),
      [kid],
      { kid },
      0,
      null,
      undefined,
      "k".repeat(129),
      stranger.jwk.kid,
    ];
    for (const name of names) {
      await refuses(signed({ ...good(), kid: name }), `${String(name)}, signed by our own key`);
      await refuses(
        signed({ ...good(), kid: name }, authority.claims(), stranger),
        `${String(name)}, by a stranger`,
      );
    }
    await refuses(signed(good(), authority.claims(), stranger), "our name, a stranger's signature");
  });

  it("has no use for two keys of one name, neither the true one nor the other", async () => {
    const other = testKey();
    authority.published = [authority.key.jwk, { ...other.jwk, kid: authority.key.jwk.kid }];
    await refuses(signed(good()), "the true one");
    await refuses(signed(good(), authority.claims(), other), "the other");
  });

  it("reads no key, address or extension from a token, and fetches nothing that one names", async () => {
    const stranger = testKey();
    const { d: _d, ...jwk } = stranger.privateKey.export({ format: "jwk" });
    const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey.export({ format: "jwk" });
    const additions = [
      { jwk },
      { jwk: rsa },
      { jku: "https://evil.example/jwks.json" },
      { jku: `${ISSUER}/.well-known/jwks.json` },
      { jku: `${ISSUER}@evil.example/` },
      { x5u: "https://evil.example/cert.pem" },
      { x5c: ["MIIB"] },
      { x5t: "AA" },
      { "x5t#S256": "AA" },
      { crit: ["exp"], exp: 1 },
      { crit: [] },
      { crit: ["b64"], b64: false },
      { b64: false },
      { zip: "DEF" },
      { enc: "A256GCM" },
      { cty: "JWT" },
      { nonce: "n" },
    ];
    for (const addition of additions) {
      for (const by of [authority.key, stranger]) {
        await refuses(signed({ ...good(), ...addition }, authority.claims(), by), JSON.stringify(addition));
        await refuses(
          signed({ ...good(), ...addition, kid: by.jwk.kid }, authority.claims(), by),
          JSON.stringify(addition),
        );
      }
    }
    expect(asked).toEqual([]);
  });

  it("takes a header only as it is written: no repeated member, escape, white space or mark", async () => {
    const { kid } = authority.key.jwk;
    const texts = [
      `{"alg":"none","alg":"EdDSA","typ":"at+jwt","kid":"${kid}"}`,
      `{"alg":"EdDSA","alg":"EdDSA","typ":"at+jwt","kid":"${kid}"}`,
      `{"alg":"EdDSA","typ":"at+jwt","kid":"x","kid":"${kid}"}`,
      `{"alg":"Ed\\u0044SA","typ":"at+jwt","kid":"${kid}"}`,
      `{"\\u0061lg":"EdDSA","typ":"at+jwt","kid":"${kid}"}`,
      `{"alg":"EdDSA","typ":"at\\u002bjwt","kid":"${kid}"}`,
      `{"alg": "EdDSA","typ":"at+jwt","kid":"${kid}"}`,
      `{"alg":"EdDSA","typ":"at+jwt","kid":"${kid}"}\n`,
      ` {"alg":"EdDSA","typ":"at+jwt","kid":"${kid}"}`,
      `\uFEFF{"alg":"EdDSA","typ":"at+jwt","kid":"${kid}"}`,
      `{"alg":"EdDSA","typ":"at+jwt","kid":"${kid}","__proto__":{}}`,
      `[{"alg":"EdDSA","typ":"at+jwt","kid":"${kid}"}]`,
      `"EdDSA"`,
      "null",
      "",
    ];
    for (const text of texts) await refuses(signed(text), text);
  });

  it("takes one spelling of a token", async () => {
    const token = signed(good());
    const [head, body, tail] = token.split(".") as [string, string, string];
    const spellings = [
      `${token}=`,
      `${token}==`,
      `${token}.`,
      `.${token}`,
      `${token}..`,
      `${token}.${tail}`,
      `${head}.${body}.${tail}\n`,
      ` ${token}`,
      `${token} `,
      `${head}.\t${body}.${tail}`,
      `${head}..${body}.${tail}`,
      `${head}%2E${body}.${tail}`,
      `Bearer ${token}`,
      token.toLowerCase(),
      `${token}\u0000`,
      `\u200b${token}`,
      JSON.stringify(token),
      JSON.stringify({ protected: head, payload: body, signature: tail }),
      JSON.stringify({ payload: body, signatures: [{ protected: head, signature: tail }] }),
    ];
    // The last character of 64 bytes carries four bits that say nothing.
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const place = alphabet.indexOf(tail.at(-1) ?? "");
    spellings.push(`${head}.${body}.${tail.slice(0, -1)}${alphabet[place ^ 1]}`);
    for (const spelling of spellings) await refuses(spelling, spelling.slice(-20));
    await verifier.verify(token, { audience: AUDIENCE });
    // Nor once the true one is known.
    for (const spelling of spellings) await refuses(spelling, spelling.slice(-20));
  });

  it("takes no signature of another length, of zeros, or raised by the order of the group", async () => {
    const [head, body, tail] = signed(good()).split(".") as [string, string, string];
    const bytes = Buffer.from(tail, "base64url");
    const order = 2n ** 252n + 27742317777372353535851937790883648493n;
    const s = BigInt(`0x${Buffer.from(bytes.subarray(32).toReversed()).toString("hex")}`) + order;
    const raised = Buffer.from(s.toString(16).padStart(64, "0"), "hex").toReversed();
    const forged = [
      Buffer.concat([bytes.subarray(0, 32), raised]),
      Buffer.alloc(64),
      Buffer.concat([Buffer.from([1]), Buffer.alloc(63)]),
      bytes.subarray(0, 63),
      Buffer.concat([bytes, Buffer.alloc(1)]),
      Buffer.concat([bytes, bytes]),
    ];
    for (const signature of forged) {
      await refuses(`${head}.${body}.${signature.toString("base64url")}`, signature.toString("hex"));
    }
  });

  describe("[SR-09]", () => {
    const worker = testWorker("worker", ["read:data:7"]);
    const app = stableId("app:demo");
    const agent = stableId("agent:worker");
    const seconds = (): number => Math.floor(clock.nowMs() / 1000);
    const workerClaims = (change: object = {}): Record<string, unknown> => ({
      iss: "agentwrit",
      sub: worker.id,
      exp: seconds() + 300,
      nbf: seconds(),
      iat: seconds(),
      jti: "ab".repeat(16),
      scope: worker.scope,
      task_id: "task",
      orch_id: "orch",
      tenant: "default",
      sub_id: app,
      act_ids: [agent],
      grants: [GRANT],
      epochs: { [app]: 1, [agent]: 2 },
      ...change,
    });
    const OAUTH = { kind: "oauth", issuer: ISSUER } as const;
    const BROKER = { kind: "agentwrit", issuer: "agentwrit" } as const;

    it("never takes one profile's token for the other's, by issuer, type or claims", async () => {
      const person = authority.claims();
      const oauthOnly = verifier;
      const brokerOnly = await make({ profiles: [BROKER] });
      const both = await make({ profiles: [OAUTH, BROKER] });
      const jwt = { ...good(), typ: "JWT" };
      await both.verify(signed(good(), person), { audience: AUDIENCE });
      await both.verify(signed(jwt, workerClaims()), { audience: AUDIENCE });

      await refuses(signed(jwt, workerClaims()), "a worker's for a person's", oauthOnly);
      await refuses(signed(good(), person), "a person's for a worker's", brokerOnly);
      for (const by of [oauthOnly, brokerOnly, both]) {
        await refuses(signed(jwt, person), "a person's claims under the worker's type", by);
        await refuses(signed(good(), workerClaims()), "a worker's claims under the person's type", by);
        await refuses(
          signed(jwt, { ...person, iss: "agentwrit" }),
          "a person's claims, the broker's issuer",
          by,
        );
        await refuses(
          signed(good(), { ...workerClaims(), iss: ISSUER }),
          "a worker's claims, the other issuer",
          by,
        );
        await refuses(signed(jwt, workerClaims({ iss: ISSUER })), "the broker's type, the other issuer", by);
        await refuses(signed(good(), { ...person, iss: "agentwrit" }), "our type, the broker's issuer", by);
        await refuses(signed(jwt, { ...person, ...workerClaims(), sub: ALICE }), "a person as a worker", by);
      }
    });

    it("knows no subject of another issuer, whatever it is called", async () => {
      const foreign = testKey();
      const issuers = [
        "https://evil.example",
        `${ISSUER}/`,
        ISSUER.toUpperCase(),
        `${ISSUER}:443`,
        `${ISSUER}.evil.example`,
        `${ISSUER} `,
        ISSUER.replace("https", "http"),
        "",
        [ISSUER],
        null,
        undefined,
      ];
      for (const iss of issuers) {
        await refuses(signed(good(), authority.claims({ iss })), `${String(iss)}, by our own key`);
        await refuses(
          signed({ ...good(), kid: foreign.jwk.kid }, authority.claims({ iss }), foreign),
          `${String(iss)}, by its own`,
        );
      }
      await refuses(
        signed({ ...good(), kid: foreign.jwk.kid }, authority.claims(), foreign),
        "our issuer, its key",
      );
    });

    it("takes no audience but the one that is asked about", async () => {
      const audiences = [
        undefined,
        null,
        "",
        [],
        [""],
        "https://api.example.evil",
        `${AUDIENCE}/`,
        "*",
        [["https://api.example"]],
      ];
      for (const aud of audiences)
        await refuses(signed(good(), authority.claims({ aud })), JSON.stringify(aud));
    });
  });
});
