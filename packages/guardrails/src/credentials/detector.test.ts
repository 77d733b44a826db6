import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Finding } from "../detector.ts";
import { CREDENTIAL_TYPES, credentialsDetector } from "./detector.ts";
import { PATTERNS } from "./patterns.ts";

const detector = credentialsDetector();
const found = (text: string): string[] =>
  (detector.scan(text, "output") as readonly Finding[]).map(
    ({ type, start, end }) => `${type}: ${text.slice(start, end)}`,
  );

it("knows the forms of more than a hundred givers [PR-F44]", () => {
  expect(CREDENTIAL_TYPES.length).toBeGreaterThan(100);
});

/** The form between the edges that every one of them has. */
const EDGED = /^\(\?<!\[A-Za-z0-9_-\]\)(\(\?:.*\))\(\?!\[A-Za-z0-9_-\]\)$/;

describe("a credential is found by its form", () => {
  const forms = PATTERNS.flatMap(({ type, pattern, hints }, at) => {
    const form = EDGED.exec(pattern.source)?.[1];
    return form === undefined || /\(\?[=!<]/.test(form)
      ? []
      : [[`${type} ${at}`, type, form, hints] as const];
  });
  it.each(forms)("%s", (_, type, form, hints) => {
    const [value = ""] = fc.sample(fc.stringMatching(new RegExp(`^${form}$`)), { numRuns: 1, seed: 3 });
    expect(hints.some((hint) => value.toLowerCase().includes(hint))).toBe(true);
    expect(found(`use ${value} for it`)).toContain(`${type}: ${value}`);
  });
});

describe("what is secret by its name, or by its looks [PR-D42]", () => {
  it.each([
    ["my password is hunter2!", "PASSWORD: hunter2"],
    ['api_key = "abcd1234efgh"', "PASSWORD: abcd1234efgh"],
    ["CLIENT_SECRET: 8f3k2j1h", "PASSWORD: 8f3k2j1h"],
    ["Mein Passwort ist geheim!23", "PASSWORD: geheim!23"],
    ["the PIN is 4711", "PIN_CODE: 4711"],
    [
      "session key f3a9c07b5d2e4816a0b9c8d7e6f51423 here",
      "HIGH_ENTROPY_SECRET: f3a9c07b5d2e4816a0b9c8d7e6f51423",
    ],
    ["postgres://app:hunter2@db.example.com/shop", "URL_CREDENTIALS: app:hunter2"],
    ["Authorization: Bearer abcdef0123456789abcdef", "BEARER_TOKEN: abcdef0123456789abcdef"],
    [
      "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
      "AWS_SECRET_KEY: wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    ],
    ["sk-proj-abcd0123efgh4567ijkl8901", "OPENAI_API_KEY: sk-proj-abcd0123efgh4567ijkl8901"],
  ])("%s", (text, expected) => expect(found(text)).toContain(expected));

  it("a private key whole, and as much as there is of one that is cut off", () => {
    const body = "MIIEpAIBAAKCAQEA7bq0\n".repeat(30);
    const whole = `-----BEGIN RSA PRIVATE KEY-----\n${body}-----END RSA PRIVATE KEY-----`;
    expect(found(`x ${whole} y`)).toContain(`PRIVATE_KEY: ${whole}`);
    expect(found(whole.slice(0, 300))).toContain(`PRIVATE_KEY: ${whole.slice(0, 300)}`);
  });

  it.each([
    "I forgot my password",
    "the password is wrong",
    "password: ********",
    "Set PASSWORD=${PASSWORD} first",
    "the token is gone",
    "order 0198c7a2-7f3e-7cc1-8f00-3d2b1a4c5d6e",
    "a commit 3b18e512dba79e4c8300dd08aeb37f8e728b8dad",
    "secretlint-disable",
  ])("not in: %s", (text) => expect(found(text)).toEqual([]));

  it("heeds no comment in the text that would switch a rule off", () => {
    expect(found("secretlint-disable\nghp_0123456789abcdefghij0123456789abcdef")).not.toEqual([]);
  });
});
