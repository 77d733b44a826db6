/** Passports and driving licences. Their shapes say little, so each stands beside a word for it and, where that is shared, its country. */
import { type PersonalKind, kind } from "../kind.ts";

const PASSPORT = ["passport", "passport number", "passport no"];
const LICENCE = [
  "driver's license",
  "driver’s license",
  "drivers license",
  "driver license",
  "driving licence",
  "driving license",
  "driver's licence",
  "dl number",
  "license number",
];

/** `names`: what the country and its people are called in English. `own`: its own word for the document. */
const document = (
  what: string,
  words: readonly string[],
  country: string,
  pattern: string,
  names: readonly string[],
  own: readonly string[],
): PersonalKind =>
  kind("identity", `${country === "GB" ? "UK" : country}_${what}`, pattern, {
    country,
    context: [...own, ...names.flatMap((name) => words.map((word) => `${name} + ${word}`))],
    check: (text) => /\d{3}/.test(text),
  });

const passport = (
  country: string,
  pattern: string,
  names: readonly string[],
  own: readonly string[] = [],
): PersonalKind => document("PASSPORT", ["passport"], country, pattern, names, own);

const licence = (
  country: string,
  pattern: string,
  names: readonly string[],
  own: readonly string[] = [],
): PersonalKind => document("DRIVER_LICENSE", ["license", "licence"], country, pattern, names, own);

export const DOCUMENTS: readonly PersonalKind[] = [
  kind("identity", "PASSPORT_NUMBER", "(?:[A-Z]{1,2}\\d{6,8}[A-Z]?|\\d{7,9})", { context: PASSPORT }),
  kind(
    "identity",
    "MACHINE_READABLE_ZONE",
    "(?:P[A-Z<][A-Z]{3}[A-Z<]{39}|[ACI][A-Z0-9<][A-Z]{3}[A-Z0-9<]{25})",
    { alone: true, check: (text) => text.includes("<<") },
  ),
  passport("US", String.raw`[A-Z]?\d{8,9}`, ["us", "usa", "american", "united states"]),
  passport("GB", String.raw`\d{9}`, ["uk", "british", "united kingdom"]),
  passport("CA", String.raw`[A-Z]{2}\d{6}`, ["canada", "canadian"]),
  passport("AU", String.raw`[A-Z]{1,2}\d{7}`, ["australia", "australian"]),
  passport("IN", String.raw`[A-PR-WY][1-9]\d ?\d{4}[1-9]`, ["india", "indian"]),
  passport("DE", "[CFGHJK][CFGHJKLMNPRTVWXYZ0-9]{8}", ["germany", "german"], ["reisepass", "passnummer"]),
  passport("FR", String.raw`\d{2}[A-Z]{2}\d{5}`, ["france", "french"], ["passeport"]),
  passport("IT", String.raw`[A-Z]{2}\d{7}`, ["italy", "italian"], ["passaporto"]),
  passport("ES", String.raw`[A-Z]{3}\d{6}`, ["spain", "spanish"], ["pasaporte"]),
  passport("NL", "[A-NP-Z]{2}[A-NP-Z0-9]{6}\\d", ["netherlands", "dutch"], ["paspoort", "paspoortnummer"]),
  passport("PL", String.raw`[A-Z]{2}\d{7}`, ["poland", "polish"], ["paszport"]),
  passport("SE", String.raw`\d{8}`, ["sweden", "swedish"], ["passnummer"]),
  passport("CH", String.raw`[A-Z]\d{7}`, ["switzerland", "swiss"], ["schweizer pass"]),
  passport("CN", String.raw`(?:E[A-Z0-9]|G|D|S|P)\d{7,8}`, ["china", "chinese"], ["护照"]),
  passport("JP", String.raw`[A-Z]{2}\d{7}`, ["japan", "japanese"], ["パスポート", "旅券"]),
  passport("KR", String.raw`[MSRODG]\d{3}[A-Z0-9]\d{4}`, ["korea", "korean"], ["여권"]),
  passport("RU", String.raw`\d{2} ?\d{2} ?\d{6}`, ["russia", "russian"], ["паспорт"]),
  passport("BR", String.raw`[A-Z]{2}\d{6}`, ["brazil", "brazilian"], ["passaporte"]),
  passport("MX", String.raw`[A-Z]\d{8}`, ["mexico", "mexican"]),
  passport("TR", String.raw`[A-Z]\d{8}`, ["turkey", "turkish"], ["pasaport"]),
  passport("IE", String.raw`[A-Z]{2}\d{7}|[A-Z]\d{8}`, ["ireland", "irish"]),
  passport("NZ", String.raw`[A-Z]{2}\d{6}`, ["zealand"]),
  passport("ZA", String.raw`[A-Z]\d{8}`, ["south africa", "south african"]),
  kind(
    "identity",
    "US_DRIVER_LICENSE",
    String.raw`(?:[A-Z]{1,2}\d{5,13}|[A-Z]\d{3}-?\d{3,4}-?\d{2,4}(?:-?\d{3,4})?|\d{5,12}|\d{3}[- ]\d{3}[- ]\d{3}|[A-Z]{3}\d{6}|\d{2}[A-Z]{3}\d{5}|[A-Z]\d{12,14})`,
    { country: "US", context: LICENCE },
  ),
  licence(
    "GB",
    String.raw`[A-Z9]{5}\d[015-8]\d[0-3]\d{2}[A-Z9]{2}\d[A-Z]{2}`,
    ["uk", "british", "dvla"],
    ["driving licence", "driver number"],
  ),
  licence(
    "CA",
    String.raw`[A-Z]\d{4}-?\d{5}-?\d{5}|[A-Z]\d{12}`,
    ["canada", "canadian", "ontario", "quebec"],
    ["permis de conduire"],
  ),
  licence("AU", String.raw`\d{8,10}`, ["australia", "australian", "nsw", "queensland"]),
  licence(
    "DE",
    "[A-Z0-9]{2}\\d{2}[A-Z0-9]{5}\\d[A-Z0-9]",
    ["germany", "german"],
    ["führerschein", "führerscheinnummer", "fuehrerschein"],
  ),
  licence("FR", String.raw`\d{12}|\d{2}[A-Z]{2}\d{5}`, ["france", "french"], ["permis de conduire"]),
  licence(
    "IT",
    String.raw`[A-Z]{2}\d{7}[A-Z]|U1[A-Z0-9]{7}[A-Z]`,
    ["italy", "italian"],
    ["patente", "patente di guida"],
  ),
  licence(
    "ES",
    String.raw`\d{8}-?[A-Z]`,
    ["spain", "spanish"],
    ["permiso de conducir", "carnet de conducir"],
  ),
  licence("NL", String.raw`\d{10}`, ["netherlands", "dutch"], ["rijbewijs", "rijbewijsnummer"]),
  licence("PL", String.raw`\d{5}/\d{2}/\d{4}`, ["poland", "polish"], ["prawo jazdy"]),
  licence(
    "IN",
    String.raw`[A-Z]{2}[ -]?\d{2}[ -]?(?:19|20)\d{2}\d{7}`,
    ["india", "indian"],
    ["driving licence", "driving license", "dl"],
  ),
  licence(
    "BR",
    String.raw`\d{11}`,
    ["brazil", "brazilian"],
    ["cnh", "carteira de habilitação", "habilitação"],
  ),
  licence("JP", String.raw`\d{12}`, ["japan", "japanese"], ["運転免許", "免許証番号"]),
  licence("KR", String.raw`\d{2}-\d{2}-\d{6}-\d{2}`, ["korea", "korean"], ["운전면허"]),
  kind("identity", "EMPLOYEE_ID", String.raw`[A-Z]{0,4}-?\d{4,10}`, {
    context: [
      "employee id",
      "employee number",
      "staff id",
      "staff number",
      "personnel number",
      "personalnummer",
    ],
  }),
  kind("identity", "STUDENT_ID", String.raw`[A-Z]{0,3}\d{6,10}`, {
    context: ["student id", "student number", "matriculation number", "matrikelnummer"],
  }),
  kind("identity", "VISA_NUMBER", String.raw`[A-Z]{0,2}\d{7,9}`, {
    context: ["visa number", "visa no", "visum"],
  }),
  kind("identity", "INSURANCE_POLICY_NUMBER", String.raw`[A-Z]{1,4}-?\d{6,12}`, {
    context: ["policy number", "policy no", "insurance policy"],
  }),
];
