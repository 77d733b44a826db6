import { expect, it } from "vitest";
import { looksSecret } from "./detector.ts";

it.each([
  "My password is hunter2",
  "password: hunter2",
  "the API key = abc",
  "My PIN is 4711",
  "AKIAIOSFODNN7EXAMPLE",
  "use ghp_0123456789abcdefghij0123456789abcdef",
  "sk-proj-0123456789abcdefghij",
  "sk_live_0123456789abcdefghij",
  "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.c2ln",
  "Authorization: Bearer 0123456789abcdef0123",
  "-----BEGIN EC PRIVATE KEY-----",
  "postgres://app:hunter2@db.example.com/shop",
  "my card 4111 1111 1111 1111 ends soon",
  "4111111111111111",
])("takes for a secret: %s [PR-D42]", (text) => {
  expect(looksSecret(text)).toBe(true);
});

it.each([
  "Operating system: Linux",
  "I forgot my password",
  "Send the token gift to my mother",
  "My order is ORD-2024-000123",
  "Call me at +41 44 123 45 67",
  "4111 1111 1111 1112 is no card",
  "See https://example.com/a:b@c",
  "I risk-averse-people-like-me like bonds",
])("takes for none: %s", (text) => {
  expect(looksSecret(text)).toBe(false);
});
