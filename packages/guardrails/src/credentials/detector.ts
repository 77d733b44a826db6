/**
 * Credentials: the rules of secretlint, the forms that those who give out keys have given them, and what is called a secret.
 * The one place that knows how secrets look.
 *
 * Does not: find a secret that looks like words and that nothing calls one.
 */
import type { Detector, Finding } from "../detector.ts";
import { luhn } from "../personal/checks.ts";
import { namedSecrets } from "./named-secrets.ts";
import { PATTERNS } from "./patterns.ts";
import { secretlintFindings } from "./secretlint-rules.ts";

const SCORE = 0.9;

/** Finds credentials, in every direction. */
export function credentialsDetector(): Detector {
  return {
    name: "credentials",
    async warmup() {
      credentialsIn("password: hunter2");
    },
    scan: credentialsIn,
  };
}

/** Every type that may be found by a form or a name; those of secretlint's rules are among them or speak for themselves. */
export const CREDENTIAL_TYPES: readonly string[] = [
  ...new Set([
    ...PATTERNS.map(({ type }) => type),
    "PASSWORD",
    "PIN_CODE",
    "HIGH_ENTROPY_SECRET",
    "BASIC_AUTH",
    "GCP_SERVICE_ACCOUNT_KEY",
  ]),
];

function credentialsIn(text: string): Finding[] {
  const small = text.toLowerCase();
  const found = [...secretlintFindings(text), ...namedSecrets(text)];
  for (const { type, hints, pattern } of PATTERNS) {
    if (!hints.some((hint) => small.includes(hint))) continue;
    for (const match of text.matchAll(pattern)) {
      if (match[0] !== "")
        found.push({ type, start: match.index, end: match.index + match[0].length, score: SCORE });
    }
  }
  return found;
}

/** Numbers of 13 to 19 digits, in groups or not. */
const LONG_NUMBER = /(?<![\d.])\d(?:[ -]?\d){12,18}(?![\d.]*\d)/g;
/** What somebody calls a password, whatever it looks like. */
const SAID =
  /\b(?:pass(?:word|wd|phrase|code)|pwd|secret|(?:api|access|private|secret)[ _-]?(?:key|token)|token|cvv|cvc|pin(?: code)?)\s*(?:\b(?:is|was)\b|[:=])\s*\S/i;

/** True for text that should not be kept: with a credential, a card's number, or what is called a password in it [PR-D42]. */
export function looksSecret(text: string): boolean {
  return SAID.test(text) || credentialsIn(text).length > 0 || (text.match(LONG_NUMBER) ?? []).some(luhn);
}
