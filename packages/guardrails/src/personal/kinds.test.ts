import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { personalDataDetector, personalDataTypes } from "./detector.ts";
import type { PersonalKind } from "./kind.ts";
import { KINDS } from "./kinds/index.ts";

const types = personalDataTypes().map(({ type }) => type);

it("looks for at least 170 kinds, of more than 25 countries, and of people, money, health and networks [PR-F44]", () => {
  expect(types.length).toBeGreaterThanOrEqual(170);
  expect(new Set(KINDS.map(({ country }) => country)).size).toBeGreaterThan(60);
  const groups = new Set(personalDataTypes().map(({ group }) => group));
  expect([...groups].toSorted()).toEqual([
    "contact",
    "finance",
    "health",
    "identity",
    "network",
    "person",
    "vehicle",
  ]);
});

/** Where none can be made up from the pattern: look-around, back references, or a check that chance does not meet. */
const EXAMPLES: Readonly<Record<string, string>> = {
  IBAN_CODE: "DE89 3704 0044 0532 0130 00",
  CL_RUT: "12.345.678-5",
  IN_GSTIN: "27AAPFU0939F1ZV",
  CA_SIN: "130 692 544",
  IN_AADHAAR: "2341 2341 2346",
  IP_ADDRESS: "203.0.113.7",
  LICENSE_PLATE: "AB12 CDE",
  STREET_ADDRESS: "12 Main Street",
  ORGANIZATION: "Acme Widgets Ltd",
};
/** Told by the words around them, which the tests of those words hold. */
const BY_WORDS = new Set(["USER_NAME", "AGE", "DATE_TIME", "TITLE"]);

function madeUp(kind: PersonalKind, runs: number): string[] {
  const flags = kind.pattern.includes("\\p{") ? "u" : "";
  const values = fc.sample(fc.stringMatching(new RegExp(`^(?:${kind.pattern})$`, flags)), {
    numRuns: runs,
    seed: 1,
  });
  return values.filter((value) => kind.check?.(value) ?? true).slice(0, 2);
}

function valuesOf(kind: PersonalKind): readonly string[] {
  const example = EXAMPLES[kind.type];
  const fits = new RegExp(`^(?:${kind.pattern})$`, kind.pattern.includes("\\p{") ? "u" : "");
  if (example !== undefined && fits.test(example)) return [example];
  const few = madeUp(kind, 200);
  return few.length > 0 ? few : madeUp(kind, 4_000);
}

describe("each kind is found beside its words [PR-D36]", () => {
  const kinds = KINDS.filter(({ type }) => !BY_WORDS.has(type));
  it.each(kinds.map((kind) => [kind.type, kind] as const))("%s", (type, kind) => {
    const detector = personalDataDetector({ except: types.filter((other) => other !== type) });
    const values = valuesOf(kind);
    expect(values.length).toBeGreaterThan(0);
    for (const value of values) {
      const words = kind.context?.[0]?.replace(" + ", " ") ?? "";
      const text = `Here is my ${words} ${value} thank you`;
      const start = text.indexOf(value, "Here is my ".length + words.length);
      expect(detector.scan(text, "input")).toContainEqual(
        expect.objectContaining({ type, start, end: start + value.length }),
      );
    }
  });
});

describe("a number whose check digits do not hold is none [PR-D36]", () => {
  it.each([
    ["CREDIT_CARD", "card 4111 1111 1111 1112"],
    ["IBAN_CODE", "iban DE89 3704 0044 0532 0130 01"],
    ["UK_NHS", "nhs number 943 476 5918"],
    ["CA_SIN", "sin 046 454 287"],
    ["BR_CPF", "cpf 111.444.777-36"],
    ["BR_CNPJ", "cnpj 11.222.333/0001-82"],
    ["IN_AADHAAR", "aadhaar 2341 2341 2347"],
    ["FR_NIR", "nir 2 95 10 99 126 111 94"],
    ["ES_NIF", "dni 54362315L"],
    ["ES_NIE", "nie X-2482300X"],
    ["PL_PESEL", "pesel 44051401358"],
    ["NL_BSN", "bsn 111222334"],
    ["SE_PERSONNUMMER", "personnummer 880320-0017"],
    ["IT_FISCAL_CODE", "codice fiscale RCCMNL83S18D969A"],
    ["AU_TFN", "tfn 123 456 781"],
    ["US_SSN", "ssn 000-12-3456"],
    ["UK_NINO", "national insurance BG123456C"],
    ["SG_NRIC_FIN", "nric S1234567A"],
  ])("%s in `%s`", (type, text) => {
    expect(personalDataDetector().scan(text, "input")).not.toContainEqual(expect.objectContaining({ type }));
  });
});
