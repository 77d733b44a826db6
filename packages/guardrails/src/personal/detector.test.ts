import fc from "fast-check";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Finding } from "../detector.ts";
import { defaultScanner } from "../default-scanner.ts";
import { personalDataDetector } from "./detector.ts";

const detector = personalDataDetector();
const scan = (text: string): readonly Finding[] => detector.scan(text, "input") as readonly Finding[];
const found = (text: string): string[] =>
  scan(text).map(({ type, start, end }) => `${type}: ${text.slice(start, end)}`);

describe("numbers that are nobody's [PR-D36]", () => {
  it.each([
    "order 123456789",
    "My order number is 123456789, where is it?",
    "I lost my passport; it was packed with order 123456789",
    "invoice 4711-0815-0001",
    "Tracking 1Z999AA10123456784",
    "There are 1234567890 reasons",
    "My order number is 4111111111111111",
    "Tracking number 4539578763621486 arrives on Monday",
    "SKU 4000056655665556 is out of stock",
    "Order 811218-9876 was shipped",
    "Ordernummer 811218-9876 har skickats",
    "Faktura 556036-0793, artikel 2021000001",
    "Receipt no. 811218-9876",
    "It costs 1,234,567.89 dollars",
    "build 2024.11.30.4",
    "version 1.2.3.4567",
    "The restaurant is at 704 1436 redbud drive",
    "see issue 20231 and page 12345",
    "import main.py and index.js from lib.rs",
    "e.g. this and i.e. that",
    "git clone git@github.com:me/mine",
  ])("%s", (text) => expect(found(text)).toEqual([]));

  it("nothing in digits alone that nothing is said of", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 99_999_999_999 }), (number) => {
        expect(found(`We counted ${number} of them`)).toEqual([]);
      }),
    );
  });
});

describe("what people write [PR-D36]", () => {
  it.each([
    ["4111111111111111", "CREDIT_CARD: 4111111111111111"],
    ["for my order take card 4111111111111111", "CREDIT_CARD: 4111111111111111"],
    ["order paid by 4111 1111 1111 1111", "CREDIT_CARD: 4111 1111 1111 1111"],
    ["personnummer 811218-9876", "SE_PERSONNUMMER: 811218-9876"],
    ["Anna, 811218-9876, wants her parcel", "SE_PERSONNUMMER: 811218-9876"],
    ["organisationsnummer 556036-0793", "SE_ORGANISATION_NUMBER: 556036-0793"],
    ["my amex is 3782 822463 10005", "CREDIT_CARD: 3782 822463 10005"],
    ["card 4111-1111-1111-1111, please", "CREDIT_CARD: 4111-1111-1111-1111"],
    ["my iban is gb82west12345698765432", "IBAN_CODE: gb82west12345698765432"],
    ["pay to GB82 WEST 1234 5698 7654 32 today", "IBAN_CODE: GB82 WEST 1234 5698 7654 32"],
    ["card 4111 1111 1111 1111 12/26", "CREDIT_CARD: 4111 1111 1111 1111"],
    ["in 2024 4111 1111 1111 1111 was", "CREDIT_CARD: 4111 1111 1111 1111"],
    ["DE89 3704 0044 0532 0130 00 or so", "IBAN_CODE: DE89 3704 0044 0532 0130 00"],
    ["4111 1111 1111 1111 5500 0000 0000 0004", "CREDIT_CARD: 5500 0000 0000 0004"],
    ["mail jörg.müller@exämple.de now", "EMAIL_ADDRESS: jörg.müller@exämple.de"],
    ["call +41 44 668 18 00 tonight", "PHONE_NUMBER: +41 44 668 18 00"],
    ["or 001-518-640-0854 mobile", "PHONE_NUMBER: 001-518-640-0854"],
    ["my number is (202) 555-0143.", "PHONE_NUMBER: (202) 555-0143"],
    ["Phone: 358 0594", "PHONE_NUMBER: 358 0594"],
    ["Fax: 259.735.7502x459", "PHONE_NUMBER: 259.735.7502x459"],
    ["from 203.0.113.7 it came", "IP_ADDRESS: 203.0.113.7"],
    ["host 2001:db8::8a2e:370:7334 is down", "IP_ADDRESS: 2001:db8::8a2e:370:7334"],
    ["see https://www.example.se/ for it", "DOMAIN_NAME: https://www.example.se/"],
    ["see (https://example.com/a?b=c).", "URL: https://example.com/a?b=c"],
    ["my SSN is 536-90-4399", "US_SSN: 536-90-4399"],
    ["my passport number is 123456789", "PASSPORT_NUMBER: 123456789"],
    ["I am 34 years old", "AGE: 34"],
    ["My father retired at the age of 61", "AGE: 61"],
    ["My name is Ada Lovelace and", "PERSON: Ada Lovelace"],
    ["log in with my username 'ada_l'? username is 'ada_l'", "USER_NAME: ada_l"],
    ["on 2024-02-29 10:11:12 it", "DATE_TIME: 2024-02-29 10:11:12"],
    ["Dear Mr. Turing, hello", "TITLE: Mr."],
    ["unser Kennzeichen B-AB 1234 ist", "DE_LICENSE_PLATE: B-AB 1234"],
    ["私のマイナンバーは1234 5678 9018です", "JP_MY_NUMBER: 1234 5678 9018"],
  ])("%s", (text, expected) => expect(found(text)).toContain(expected));
});

it("reads digits of any width and dress through the scanner", async () => {
  const text = "my card is ４１１１ １１１１ １１１１ １１１１, ok";
  const { findings, text: out } = await defaultScanner({ canary: false }).scan(text, "output");
  expect(findings).toContainEqual(expect.objectContaining({ type: "CREDIT_CARD" }));
  expect(out).toBe("my card is [CREDIT_CARD_1], ok");
});

it("never throws and stays within the text, whatever it is given", () => {
  const piece = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.stringMatching(/^[\d .+()-]{0,40}$/),
    fc.constantFrom("card ", "iban ", "phone: ", "passport ", "@", "https://", "://", "+", "😀", "．", "\n"),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const text = pieces.join("");
      for (const { start, end, score } of scan(text)) {
        expect(start >= 0 && end > start && end <= text.length && score > 0 && score <= 1).toBe(true);
      }
    }),
  );
});

const shared = process.env["SHARED_DIR"];
const labelled = shared === undefined ? "" : join(shared, "data", "pii.jsonl");
if (existsSync(labelled)) {
  it("finds at least 95% of the checkable kinds of a public set, and is right at least as often [PR-D36]", async () => {
    const kinds = [
      "CREDIT_CARD",
      "IBAN_CODE",
      "PHONE_NUMBER",
      "EMAIL_ADDRESS",
      "IP_ADDRESS",
      "US_SSN",
      "DOMAIN_NAME",
    ];
    const scanner = defaultScanner({ canary: false });
    const counts = { labelled: 0, hit: 0, said: 0, right: 0 };
    for (const line of readFileSync(labelled, "utf8").trim().split("\n")) {
      const { text, spans } = JSON.parse(line) as { text: string; spans: readonly Omit<Finding, "score">[] };
      const { findings } = await scanner.scan(text, "output");
      const wanted = spans.filter(({ type }) => kinds.includes(type));
      const said = findings.filter(({ type }) => kinds.includes(type));
      const same = (a: Omit<Finding, "score">, b: Omit<Finding, "score">): boolean =>
        a.type === b.type && a.start < b.end && b.start < a.end;
      counts.labelled += wanted.length;
      counts.hit += wanted.filter((span) => said.some((finding) => same(span, finding))).length;
      counts.said += said.length;
      counts.right += said.filter((finding) => wanted.some((span) => same(span, finding))).length;
    }
    expect(counts.labelled).toBeGreaterThan(150);
    expect(counts.hit / counts.labelled).toBeGreaterThanOrEqual(0.95);
    expect(counts.right / counts.said).toBeGreaterThanOrEqual(0.95);
  });
}
