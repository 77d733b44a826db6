/** Signed cards: against the protocol's own library, against the specification's example, and against forgers. */
import { createHmac, createPrivateKey, createPublicKey, generateKeyPairSync, sign } from "node:crypto";
import { AgentCard, verifyAgentCardSignature } from "@a2a-js/sdk";
import * as sdk from "@a2a-js/sdk";
import { manualClock } from "@deputize/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { cardPayloads, partialPayload } from "./card-payload.ts";
import { cardSigner } from "./card-signature.ts";
import { cardVerifier } from "./card-trust.ts";
import { type TestSite, ed25519, openSite, p256, testCard, wire } from "./card.fixture.ts";
import { fetchAgentCard, readCard } from "./fetch-card.ts";

const encode = (value: unknown): string =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
const headerOf = (card: AgentCard): unknown =>
  JSON.parse(Buffer.from(card.signatures[0]?.protected ?? "", "base64url").toString());

/** A card with one signature that a test makes as it likes. */
function forged(card: AgentCard, header: object, make: (input: Buffer) => Buffer): AgentCard {
  const [payload = ""] = cardPayloads(card);
  const head = encode(header);
  const signature = make(Buffer.from(`${head}.${encode(payload)}`)).toString("base64url");
  return { ...card, signatures: [{ protected: head, signature, header: undefined }] };
}

let site: TestSite;
beforeEach(async () => {
  site = await openSite();
});
afterEach(() => site.close());

describe("the canonical text of a card (A2A 1.0 §8.4.1)", () => {
  it("is the specification's own example, to the byte", () => {
    const card = AgentCard.fromJSON({
      name: "Example Agent",
      description: "",
      capabilities: { streaming: false, pushNotifications: false, extensions: [] },
      skills: [],
    });
    const [text = ""] = cardPayloads(card);
    const shown = JSON.parse(text) as Record<string, unknown>;
    // The example shows four of the required fields.
    const { capabilities, description, name, skills } = shown;
    expect(JSON.stringify({ capabilities, description, name, skills })).toBe(
      '{"capabilities":{"pushNotifications":false,"streaming":false},"description":"","name":"Example Agent","skills":[]}',
    );
    expect(Object.keys(shown)).toEqual(Object.keys(shown).toSorted());
  });

  it("leaves out the signatures, what was not set, and what is none of the protocol's fields", async () => {
    const signer = await cardSigner({ keys: [ed25519()] });
    const card = testCard();
    const received = AgentCard.fromJSON({ ...wire(signer.sign(card)), extra: "x", signatures: [] });
    expect(cardPayloads(received)).toEqual(cardPayloads(card));
    expect(cardPayloads(card)[0]).not.toMatch(/signatures|iconUrl|documentationUrl|extra/);
  });

  it("keeps an empty message and an empty required list in the specification's form alone", () => {
    const card = testCard({ skills: [] });
    const [specified = "", libraries = ""] = cardPayloads(card);
    const script = partialPayload(card) ?? "";
    expect(specified).toContain('"skills":[]');
    expect(specified).toContain('"schemes":{"deputize":{}}');
    expect(libraries).not.toMatch(/skills|securityRequirements/);
    expect([specified, libraries, script].map((text) => text.includes("httpAuthSecurityScheme"))).toEqual([
      true,
      true,
      false,
    ]);
  });
});

describe("a signature", () => {
  it.each([
    ["Ed25519", ed25519, "EdDSA"],
    ["P-256", p256, "ES256"],
  ] as const)(
    "by %s is taken by the protocol's own library and by ours (§8.4.2)",
    async (_name, key, alg) => {
      const signer = await cardSigner({ keys: [key()], jku: `${site.url}/jwks.json` });
      const card = signer.sign(testCard());
      const [published] = signer.jwks.keys;
      expect(card.signatures).toHaveLength(3);
      expect(headerOf(card)).toEqual({ alg, typ: "JOSE", kid: published?.kid, jku: `${site.url}/jwks.json` });
      const received = readCard(wire(card));
      await verifyAgentCardSignature(async (kid) => {
        expect(kid).toBe(published?.kid);
        return { ...published } as never;
      })(received);
      const { card: verified, kid } = await cardVerifier({ jwks: signer.jwks, fetch }).verify(received);
      expect(kid).toBe(published?.kid);
      expect(verified).toMatchObject({ name: "support", version: "1.2.0", signatures: [] });
    },
  );

  it("that the protocol's own library made is taken by ours", async () => {
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const make = sdk.generateAgentCardSignature(privateKey, { alg: "RS256", typ: "JOSE", kid: "k1" });
    const jwks = { keys: [{ ...publicKey.export({ format: "jwk" }), kid: "k1", alg: "RS256" }] };
    const verifier = cardVerifier({ jwks, fetch });
    const plain = { ...testCard(), securitySchemes: {}, securityRequirements: [] };
    expect((await verifier.verify(readCard(wire(await make(plain))))).card.name).toBe("support");
    // That library's signature does not cover the schemes of a card, so one that has some is not believed by it.
    const made = readCard(wire(await make(testCard())));
    await verifyAgentCardSignature(async () => publicKey)(made);
    await expect(verifier.verify(made)).rejects.toMatchObject({ code: "forbidden" });
  });

  it("is made with both keys while one follows the other, and a verifier of either takes it", async () => {
    const [next, previous] = [ed25519(), ed25519()];
    const both = await cardSigner({ keys: [next, previous] });
    const card = both.sign(testCard());
    for (const key of [next, previous]) {
      const { jwks } = await cardSigner({ keys: [key] });
      expect((await cardVerifier({ jwks, fetch }).verify(card)).kid).toBe(jwks.keys[0]?.kid);
    }
  });

  it("never shows a private member among the published keys", async () => {
    const { jwks } = await cardSigner({ keys: [ed25519(), p256()] });
    expect(JSON.stringify(jwks)).not.toContain('"d"');
  });

  it.each<[string, () => unknown]>([
    ["a public key", () => createPublicKey(ed25519()).export({ type: "spki", format: "pem" })],
    ["an RSA key", () => generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey],
    ["a key for encryption", () => generateKeyPairSync("x25519").privateKey],
    ["no key at all", () => "secret"],
  ])("is not made with %s, and the refusal quotes nothing", async (_name, key) => {
    const given = key();
    await expect(cardSigner({ keys: [given as never] })).rejects.toMatchObject({ code: "config_invalid" });
    await expect(cardSigner({ keys: [given as never] })).rejects.not.toThrow(/secret/);
  });

  it("wants one key or more, each once", async () => {
    const key = ed25519();
    await expect(cardSigner({ keys: [] })).rejects.toMatchObject({ code: "config_invalid" });
    await expect(cardSigner({ keys: [key, key] })).rejects.toMatchObject({ code: "config_invalid" });
    const pem = key.export({ type: "pkcs8", format: "pem" }) as string;
    expect((await cardSigner({ keys: [pem] })).jwks).toEqual((await cardSigner({ keys: [key] })).jwks);
  });
});

describe("a forger", () => {
  const key = ed25519();
  const others = ed25519();
  const REFUSED = { code: "forbidden" };

  async function trusting() {
    const signer = await cardSigner({ keys: [key] });
    const kid = signer.jwks.keys[0]?.kid ?? "";
    return { signer, kid, verifier: cardVerifier({ jwks: signer.jwks, fetch }) };
  }

  it("cannot change a field of a signed card", async () => {
    const { signer, verifier } = await trusting();
    const card = wire(signer.sign(testCard()));
    const changes: Record<string, unknown>[] = [
      { name: "billing" },
      { description: "Sends money." },
      {
        supportedInterfaces: [
          { url: "https://evil.example", protocolBinding: "JSONRPC", protocolVersion: "1.0" },
        ],
      },
      { securitySchemes: {} },
      { capabilities: { streaming: true, pushNotifications: true } },
      { skills: [] },
      { provider: { url: "https://evil.example", organization: "x" } },
      { iconUrl: "https://evil.example/x.png" },
    ];
    for (const change of changes)
      await expect(verifier.verify(readCard({ ...card, ...change }))).rejects.toMatchObject(REFUSED);
    expect((await verifier.verify(readCard(card))).card.name).toBe("support");
  });

  it("gets nothing in beside what was signed", async () => {
    const { signer, verifier } = await trusting();
    const card = { ...wire(signer.sign(testCard())), evil: "x", __proto__: { evil: "y" } };
    expect(JSON.stringify((await verifier.verify(readCard(card))).card)).not.toContain("evil");
  });

  it("cannot take the signature off, or bring more than anybody checks", async () => {
    const { signer, verifier } = await trusting();
    const card = signer.sign(testCard());
    await expect(verifier.verify({ ...card, signatures: [] })).rejects.toMatchObject(REFUSED);
    const many = Array.from({ length: 13 }, () => card.signatures[0] as never);
    await expect(verifier.verify({ ...card, signatures: many })).rejects.toMatchObject(REFUSED);
  });

  it("cannot sign with a key of their own, under the name of ours", async () => {
    const { kid, verifier } = await trusting();
    const by = (header: object) => forged(testCard(), header, (input) => sign(null, input, others));
    await expect(verifier.verify(by({ alg: "EdDSA", typ: "JOSE", kid }))).rejects.toMatchObject(REFUSED);
    const jwk = createPublicKey(others).export({ format: "jwk" });
    await expect(verifier.verify(by({ alg: "EdDSA", typ: "JOSE", kid, jwk }))).rejects.toMatchObject(REFUSED);
  });

  it("cannot have their own key fetched by naming where it is", async () => {
    const { jwks } = await cardSigner({ keys: [others] });
    site.publish("/evil.json", jwks);
    const signer = await cardSigner({ keys: [others], jku: `${site.url}/evil.json` });
    const allowed = cardVerifier({ jwksUrls: [`${site.url}/jwks.json`], fetch });
    await expect(allowed.verify(signer.sign(testCard()))).rejects.toMatchObject(REFUSED);
    expect(site.asked).toEqual([]);
  });

  it.each<[string, (kid: string) => AgentCard]>([
    ["`none`", (kid) => forged(testCard(), { alg: "none", typ: "JOSE", kid }, () => Buffer.alloc(0))],
    [
      "the public key as a shared secret",
      (kid) => {
        const secret = createPublicKey(key).export({ type: "spki", format: "der" });
        const mac = (input: Buffer) => createHmac("sha256", secret).update(input).digest();
        return forged(testCard(), { alg: "HS256", typ: "JOSE", kid }, mac);
      },
    ],
    [
      "a critical extension",
      (kid) =>
        forged(testCard(), { alg: "EdDSA", typ: "JOSE", kid, b64: false, crit: ["b64"] }, (input) =>
          sign(null, input, key),
        ),
    ],
    [
      "a token's type",
      (kid) => forged(testCard(), { alg: "EdDSA", typ: "at+jwt", kid }, (input) => sign(null, input, key)),
    ],
    ["no key id", () => forged(testCard(), { alg: "EdDSA", typ: "JOSE" }, (input) => sign(null, input, key))],
  ])("gets nowhere with %s", async (_name, make) => {
    const { kid, verifier } = await trusting();
    await expect(verifier.verify(make(kid))).rejects.toMatchObject(REFUSED);
  });

  it("gets nowhere with a signature in a second spelling", async () => {
    const { signer, verifier } = await trusting();
    const card = signer.sign(testCard());
    const signatures = card.signatures.map((one) => ({ ...one, signature: `${one.signature}=` }));
    await expect(verifier.verify({ ...card, signatures })).rejects.toMatchObject(REFUSED);
  });
});

describe("keys that are published", () => {
  it("count from the allowed address, and no longer than they are published there", async () => {
    const clock = manualClock(0);
    const [old, next] = [ed25519(), ed25519()];
    const jku = `${site.url}/.well-known/jwks.json`;
    const signer = await cardSigner({ keys: [old], jku });
    site.publish("/.well-known/jwks.json", signer.jwks);
    const verifier = cardVerifier({ jwksUrls: [jku], fetch, clock });
    const card = signer.sign(testCard());
    expect((await verifier.verify(card)).card.name).toBe("support");

    site.publish("/.well-known/jwks.json", (await cardSigner({ keys: [next] })).jwks);
    clock.advance(301_000);
    await expect(verifier.verify(card)).rejects.toMatchObject({ code: "forbidden" });
    expect(
      (await verifier.verify((await cardSigner({ keys: [next], jku })).sign(testCard()))).kid,
    ).toBeTruthy();
  });

  it("are no answer when they cannot be read: not a yes, and not a lasting no", async () => {
    const jku = `${site.url}/.well-known/jwks.json`;
    const signer = await cardSigner({ keys: [ed25519()], jku });
    site.publish(
      "/.well-known/jwks.json",
      (_request: never, response: { writeHead(n: number): { end(): void } }) => response.writeHead(500).end(),
    );
    await expect(
      cardVerifier({ jwksUrls: [jku], fetch }).verify(signer.sign(testCard())),
    ).rejects.toMatchObject({ code: "unavailable" });
  });

  it.each<[string, object]>([
    ["nobody is trusted", {}],
    ["a pinned set holds no key", { jwks: { keys: [] } }],
    ["a pinned set holds private keys", { jwks: { keys: [ed25519().export({ format: "jwk" })] } }],
    ["keys come in the clear", { jwksUrls: ["http://keys.example/jwks.json"] }],
  ])("stop the start where %s", (_name, trust) => {
    expect(() => cardVerifier({ ...trust, fetch })).toThrow(
      expect.objectContaining({ code: "config_invalid" }),
    );
  });
});

describe("the card of another agent", () => {
  const key = ed25519();
  async function publish(card: AgentCard, path = "/a2a/support/.well-known/agent-card.json") {
    const signer = await cardSigner({ keys: [key] });
    site.publish(path, wire(signer.sign(card)));
    return cardVerifier({ jwks: signer.jwks, fetch });
  }
  const asked = () => ({ name: "support", url: `${site.url}/a2a/support` });

  it("is read, checked and bound to what was asked for", async () => {
    const verifier = await publish(testCard({ url: asked().url }));
    const { card } = await fetchAgentCard(asked(), { verifier, fetch });
    expect(card.supportedInterfaces[0]?.url).toBe(asked().url);
  });

  it.each<[string, () => Partial<Parameters<typeof testCard>[0]>]>([
    ["of another name", () => ({ name: "billing", url: asked().url })],
    ["of another address", () => ({ url: `${site.url}/a2a/other` })],
    ["of the same address in another spelling", () => ({ url: `${asked().url}/` })],
  ])("is refused when it is a good one %s: substitution", async (_name, more) => {
    const verifier = await publish(testCard(more()));
    await expect(fetchAgentCard(asked(), { verifier, fetch })).rejects.toMatchObject({ code: "forbidden" });
  });

  it("is refused when it serves an older protocol only, or another binding: downgrade", async () => {
    for (const change of [{ protocolVersion: "0.3" }, { protocolBinding: "GRPC" }, { tenant: "other" }]) {
      const card = testCard({ url: asked().url });
      const [first] = card.supportedInterfaces;
      const verifier = await publish({ ...card, supportedInterfaces: [{ ...first, ...change } as never] });
      await expect(fetchAgentCard(asked(), { verifier, fetch })).rejects.toMatchObject({ code: "forbidden" });
    }
  });

  it.each<[string, (response: import("node:http").ServerResponse) => void]>([
    ["a redirect", (response) => response.writeHead(302, { location: "/elsewhere" }).end()],
    ["more than 256 KB", (response) => response.end(`{"x":"${"x".repeat(300_000)}"}`)],
    ["no JSON", (response) => response.end("<html>")],
    ["a cut connection", (response) => response.destroy()],
  ])("is not read from %s", async (_name, answer) => {
    const verifier = await publish(testCard({ url: asked().url }));
    site.publish("/a2a/support/.well-known/agent-card.json", (_q: never, response: never) =>
      answer(response),
    );
    await expect(fetchAgentCard(asked(), { verifier, fetch })).rejects.toMatchObject({ code: "unavailable" });
    expect(site.asked).not.toContain("/elsewhere");
  });

  it("is refused when it is no card, however deep it goes", async () => {
    const verifier = await publish(testCard({ url: asked().url }));
    const deep = JSON.parse(`${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}`) as unknown;
    const signer = await cardSigner({ keys: [key] });
    const good = wire(signer.sign(testCard({ url: asked().url })));
    for (const one of [[], { name: "support" }, { ...good, skills: [null] }]) {
      site.publish("/a2a/support/.well-known/agent-card.json", one);
      await expect(fetchAgentCard(asked(), { verifier, fetch })).rejects.toMatchObject({ code: "forbidden" });
    }
    const bottomless = { ...good, capabilities: { extensions: [{ uri: "x", params: deep }] } };
    await expect(verifier.verify(readCard(bottomless))).rejects.toMatchObject({ code: "forbidden" });
  });
});

it("takes a key as a JWK too", async () => {
  const jwk = ed25519().export({ format: "jwk" });
  const { jwks } = await cardSigner({ keys: [jwk as Record<string, unknown>] });
  expect((await cardSigner({ keys: [JSON.stringify(jwk)] })).jwks).toEqual(jwks);
  expect(jwks.keys[0]?.["x"]).toBe(
    createPublicKey(createPrivateKey({ key: jwk, format: "jwk" })).export({ format: "jwk" }).x,
  );
});
