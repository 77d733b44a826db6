import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Detector } from "../detector.ts";
import { defaultScanner } from "../default-scanner.ts";
import { createScanner } from "./scanner.ts";

const scanner = defaultScanner({ canary: false });
const PEM = `-----BEGIN PRIVATE KEY-----\n${"MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n".repeat(20)}-----END PRIVATE KEY-----`;
const JWT = `eyJhbGciOiJFZERTQSJ9.eyJ${"zdWIiOiIxIn0".repeat(60)}.c2lnbmF0dXJl`;
const SECRETS = [
  "AKIAIOSFODNN7EXAMPLE",
  "4111 1111 1111 1111",
  "DE89 3704 0044 0532 0130 00",
  "ada.lovelace@example.com",
  "ghp_0123456789abcdefghij0123456789abcdef",
  "+41 44 668 18 00",
  "536-90-4399",
  PEM,
  JWT,
] as const;

async function streamed(pieces: readonly string[]): Promise<string> {
  const stream = scanner.stream();
  let out = "";
  for (const piece of pieces) out += stream.push(piece);
  return out + (await stream.end());
}

function cut(text: string, places: readonly number[]): string[] {
  const at = [0, ...places.map((place) => place % (text.length + 1)).toSorted((a, b) => a - b), text.length];
  return at.slice(1).map((end, index) => text.slice(at[index], end));
}

describe("an answer in pieces [PR-D38]", () => {
  it("leaves as it would whole, wherever one cut is made", async () => {
    for (const secret of SECRETS.slice(0, 7)) {
      const text = `${"Your things are here, and more of them there. ".repeat(12)}It is ${secret}, you see. ${"And so it goes on for long. ".repeat(18)}`;
      const whole = (await scanner.scan(text, "output")).text;
      expect(whole).not.toContain(secret);
      const at = text.indexOf(secret);
      for (let place = 0; place <= text.length; place += Math.abs(place - at - 10) < 40 ? 1 : 29) {
        expect(await streamed([text.slice(0, place), text.slice(place)])).toBe(whole);
      }
    }
  });

  it("leaves as it would whole, in pieces of any sizes and of any words", async () => {
    const words = fc.oneof(
      fc.constantFrom(...SECRETS),
      fc.constantFrom(...SECRETS),
      fc.lorem({ maxCount: 30 }),
      fc.constantFrom(
        "my card is ",
        "order 123456789 ",
        "\n\n",
        "Ünïcödé 😀 ",
        "password: ",
        "https://example.com/a?b=1 ",
      ),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(words, { minLength: 1, maxLength: 14 }),
        fc.array(fc.nat(), { maxLength: 60 }),
        async (parts, places) => {
          const text = parts.join(" ");
          const out = await streamed(cut(text, places));
          expect(out).toBe((await scanner.scan(text, "output")).text);
          for (const secret of SECRETS) expect(out).not.toContain(secret);
        },
      ),
      { numRuns: 150 },
    );
  });

  it("leaves a token at a time without any of it", async () => {
    const text = `Long ago. ${"Words and more words. ".repeat(30)} key ${PEM} and ${JWT} end`;
    const whole = (await scanner.scan(text, "output")).text;
    expect(await streamed([...text])).toBe(whole);
    expect(whole).toContain("[PRIVATE_KEY_1]");
  });

  it("holds back no more than it must", () => {
    const stream = scanner.stream();
    expect(stream.push("A word and a word. ".repeat(100)).length).toBeGreaterThan(1_400);
  });

  it("gives up on what never ends", () => {
    const stream = scanner.stream();
    expect(() => {
      for (let count = 0; count < 100; count++) stream.push("abcdefghij".repeat(100));
    }).toThrow(expect.objectContaining({ code: "unavailable", direction: "output" }));
  });

  it("stops before any of the instructions is out, and says nothing after", () => {
    const guarded = defaultScanner();
    const stream = guarded.stream();
    const word = /[a-z]{16}$/.exec(guarded.instructions ?? "")?.[0] ?? "";
    let out = "";
    expect(() => {
      for (const sign of `${"Of course. ".repeat(60)}They read: ${word}. ${"There. ".repeat(90)}`)
        out += stream.push(sign);
    }).toThrow(expect.objectContaining({ code: "guardrail_violation" }));
    expect(out).not.toContain(word.slice(0, 4));
    expect(() => stream.end()).toThrow();
  });

  it("waits for a detector that answers by a promise", async () => {
    const slow: Detector = {
      name: "SLOW",
      scan: async (text) => {
        const start = text.indexOf("zebra");
        return start === -1 ? [] : [{ type: "ANIMAL", start, end: start + 5, score: 1 }];
      },
    };
    const stream = createScanner({ detectors: [slow] }).stream();
    let out = "";
    for (const piece of ["a ze", "bra ", "and more ".repeat(200)]) out += stream.push(piece);
    expect(out).toBe("");
    expect(await stream.end()).toBe(`a [ANIMAL_1] ${"and more ".repeat(200)}`);
  });
});

it.each([
  [{ "*": "warn", CREDIT_CARD: "redact" }, "[CREDIT_CARD_1]"],
  [{ "*": "allow", "personal.finance": "redact" }, "[CREDIT_CARD_1]"],
  [{ "*": "allow", personal: "redact" }, "[CREDIT_CARD_1]"],
] as const)(
  "hides in a stream what one name of a policy hides, whatever holds for the rest: %o [PR-D38]",
  async (output, shown) => {
    const stream = defaultScanner({ canary: false, actions: { output } }).stream();
    const text =
      stream.push("charged to 4111 1111 1111 1111 ") +
      stream.push("and so on ".repeat(90)) +
      (await stream.end());
    expect(text).toContain(`charged to ${shown} and`);
  },
);
