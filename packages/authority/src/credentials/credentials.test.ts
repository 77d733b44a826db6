import { describe, expect, it } from "vitest";
import { newId } from "@deputize/core";
import { apiKeyHash, apiKeyMatches, formatApiKey, newApiKeySecret, readApiKey } from "./api-key-format.ts";
import { deriveKey, mac } from "./derive-key.ts";
import { newOpaqueToken, opaqueTokenHash, successorToken } from "./opaque-token.ts";
import { passwordWeakness } from "./password-policy.ts";
import { createPasswordHasher } from "./password.ts";

const root = Buffer.alloc(32, 7);

describe("derived keys", () => {
  it("differ by use, and refuse a short root", () => {
    expect(deriveKey(root, "csrf")).not.toEqual(deriveKey(root, "session"));
    expect(() => deriveKey(Buffer.alloc(31), "csrf")).toThrow(
      expect.objectContaining({ code: "config_invalid" }),
    );
  });

  it("make MACs in which parts cannot slide into each other", () => {
    expect(mac(root, "ab", "c")).not.toEqual(mac(root, "a", "bc"));
    expect(mac(root, "1:a")).not.toEqual(mac(root, "a"));
  });
});

describe("passwords", () => {
  it("are argon2id at 19 MiB, two passes, one lane, and fold Unicode spellings", async () => {
    const hasher = createPasswordHasher();
    const stored = await hasher.hash("caf\u00e9 au lait matin");
    expect(stored).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(await hasher.check("cafe\u0301 au lait matin", stored)).toEqual({ ok: true });
    expect(await hasher.check("cafe au lait matin", stored)).toEqual({ ok: false });
    expect(await hasher.check("caf\u00e9 au lait matin", undefined)).toEqual({ ok: false });
  });

  it("cost one verification of equal parameters, known account or not [SH-D06]", async () => {
    const calls: string[] = [];
    const hasher = createPasswordHasher({
      hash: async () => "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$dummy",
      verify: async (stored) => {
        calls.push(stored.split("$").slice(1, 4).join("$"));
        return true; // even a right guess of the dummy is no account
      },
    });
    expect(await hasher.check("x", undefined)).toEqual({ ok: false });
    expect(calls).toEqual(["argon2id$v=19$m=19456,t=2,p=1"]);
  });
});

describe("the password policy", () => {
  const about = { email: "alice.johnson@example.com", name: "Alice Johnson" };
  it.each([
    "short words", // 11 characters
    "aaaaaaaaaaaaaaaa",
    "abcdefghijklmnop",
    "123456789012345",
    "password1234",
    "P@ssw0rd1234",
    "Welcome2026!",
    "customer1234",
    "alicejohnson1",
    "Johnson-2026",
    "x".repeat(129),
  ])("refuses %j", (password) => {
    expect(passwordWeakness(password, about)).toEqual(expect.any(String));
  });

  it.each(["a heron over the canal", "tq8#Vw!2pLz0", "пароль не для всех", "correct horse battery staple"])(
    "takes %j",
    (password) => {
      expect(passwordWeakness(password, about)).toBeUndefined();
    },
  );
});

describe("opaque tokens", () => {
  it("have one successor, which fits one key and one token", () => {
    const token = newOpaqueToken("drt");
    expect(successorToken(root, "drt", token)).toBe(successorToken(root, "drt", token));
    expect(successorToken(root, "drt", token)).not.toBe(successorToken(Buffer.alloc(32), "drt", token));
    expect(successorToken(root, "drt", token)).not.toBe(successorToken(root, "drt", newOpaqueToken("drt")));
    expect(opaqueTokenHash(root, token).toString("base64url")).not.toBe(
      successorToken(root, "drt", token).slice(4),
    );
  });
});

describe("API keys", () => {
  const key = deriveKey(root, "api-key");
  const parts = { id: newId(), secret: newApiKeySecret() };

  it("are read back as written, in one spelling only", () => {
    expect(readApiKey(formatApiKey(parts))).toEqual(parts);
    const text = formatApiKey(parts);
    for (const other of [
      text.toUpperCase(),
      ` ${text}`,
      `${text}\n`,
      text.slice(0, -1),
      `${text}0`,
      text.replace("dpk", "dpx"),
    ]) {
      expect(readApiKey(other)).toBeUndefined();
    }
  });

  it("match their own hash only, bound to their id and to our key", () => {
    const stored = apiKeyHash(key, parts);
    expect(apiKeyMatches(key, parts, stored)).toBe(true);
    expect(apiKeyMatches(key, parts, undefined)).toBe(false);
    expect(apiKeyMatches(key, { ...parts, id: newId() }, stored)).toBe(false);
    expect(apiKeyMatches(key, { ...parts, secret: newApiKeySecret() }, stored)).toBe(false);
    expect(apiKeyMatches(deriveKey(Buffer.alloc(32, 8), "api-key"), parts, stored)).toBe(false);
  });
});
