import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { GUARDRAIL_PARTS } from "@deputize/guardrails";
import { loadOrCreateSecrets } from "./secrets.ts";
import { readSettings } from "./settings.ts";

const refused = (message: string) =>
  expect.objectContaining({ code: "config_invalid", message: expect.stringContaining(message) });

describe("settings", () => {
  it("have safe defaults", () => {
    expect(readSettings({})).toMatchObject({
      port: 3000,
      host: "127.0.0.1",
      loopback: true,
      publicUrl: "http://localhost:3000",
    });
  });

  it.each([
    [{ DEPUTIZE_PORTT: "1" }, "did you mean DEPUTIZE_PORT?"],
    [{ DEPUTIZE_PORT: "http" }, "DEPUTIZE_PORT"],
    [{ DEPUTIZE_PORT: "70000" }, "DEPUTIZE_PORT"],
    [{ DATABASE_URL: "localhost:5432" }, "DATABASE_URL"],
    [{ DEPUTIZE_HOST: "0.0.0.0" }, "DEPUTIZE_PUBLIC_URL"],
    [{ ENVIRONMENT: "production" }, "https"],
    [{ LOG_LEVEL: "loud" }, "LOG_LEVEL"],
    [{ DEPUTIZE_GUARDRAILS: "personal,magic" }, "DEPUTIZE_GUARDRAILS"],
    [{ DEPUTIZE_GUARDRAILS: "on" }, "DEPUTIZE_GUARDRAILS"],
  ])("refuse %j, naming the setting", (env, message) => {
    expect(() => readSettings(env)).toThrow(refused(message));
  });

  it("turn parts of the guardrails off, all of them by one word [PR-F44]", () => {
    expect(readSettings({}).guardrails).toEqual(GUARDRAIL_PARTS);
    expect(readSettings({ DEPUTIZE_GUARDRAILS: "canary, personal" }).guardrails).toEqual([
      "personal",
      "canary",
    ]);
    expect(readSettings({ DEPUTIZE_GUARDRAILS: "off" }).guardrails).toEqual([]);
  });

  it("take the secret of the log's codes from the environment or a private file, and quote it never [PR-F31]", () => {
    const folder = mkdtempSync(join(tmpdir(), "deputize-settings-"));
    const secret = "kept-apart ".repeat(4).trim();
    const file = join(folder, "audit-secret");
    try {
      writeFileSync(file, `${secret}\n`, { mode: 0o600 });
      expect(readSettings({}).auditSecret).toBeUndefined();
      expect(readSettings({ DEPUTIZE_AUDIT_SECRET: secret }).auditSecret).toBe(secret);
      expect(readSettings({ DEPUTIZE_AUDIT_SECRET_FILE: file }).auditSecret).toBe(secret);
      const both = { DEPUTIZE_AUDIT_SECRET: secret, DEPUTIZE_AUDIT_SECRET_FILE: file };
      expect(() => readSettings(both)).toThrow(refused("set one of them"));
      const short = { DEPUTIZE_AUDIT_SECRET: "kept-apart" };
      expect(() => readSettings(short)).toThrow(refused("32 bytes"));
      expect(() => readSettings(short)).not.toThrow(refused("kept-apart"));
      expect(() => readSettings({ DEPUTIZE_AUDIT_SECRET_FILE: folder })).toThrow(refused("is a folder"));
      expect(() => readSettings({ DEPUTIZE_AUDIT_SECRET_FILE: `${file}.gone` })).toThrow(
        refused("cannot read"),
      );
      chmodSync(file, 0o644);
      expect(() => readSettings({ DEPUTIZE_AUDIT_SECRET_FILE: file })).toThrow(refused("chmod 600"));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("allow demo accounts only where nobody but this machine can come in [SR-26]", () => {
    const demo = (env: Record<string, string>) => readSettings(env).demoAccounts;
    expect(demo({})).toBe(true);
    expect(demo({ DEPUTIZE_PUBLIC_URL: "http://127.0.0.1:3000" })).toBe(true);
    const publicly = { DEPUTIZE_PUBLIC_URL: "https://shop.example" };
    // Bound to loopback, and yet open to everybody: a proxy stands before it.
    expect(demo(publicly)).toBe(false);
    expect(demo({ ...publicly, ENVIRONMENT: "production" })).toBe(false);
    expect(demo({ ...publicly, DEPUTIZE_HOST: "0.0.0.0" })).toBe(false);
    expect(demo({ DEPUTIZE_PUBLIC_URL: "https://localhost", ENVIRONMENT: "production" })).toBe(false);
    expect(demo({ DEPUTIZE_PUBLIC_URL: "http://localhost.evil.example" })).toBe(false);
  });

  it("take the command line over the environment, and an empty variable for none", () => {
    expect(readSettings({ PORT: "4000", DATABASE_URL: "" }, { port: 5000 })).toMatchObject({ port: 5000 });
    expect(readSettings({ DATABASE_URL: "" }).databaseUrl).toBeUndefined();
  });
});

describe("secrets", () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "deputize-secrets-"));
    file = join(folder, "deep", "secrets.json");
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("are made once, different for each installation, readable by nobody else [DP-01]", () => {
    const first = loadOrCreateSecrets(file);
    expect(first.created).toBe(true);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(loadOrCreateSecrets(file)).toEqual({ secrets: first.secrets, created: false });
    expect(loadOrCreateSecrets(join(folder, "other.json")).secrets).not.toEqual(first.secrets);
  });

  it("are refused when others can read them, and never replaced when damaged [DP-01]", () => {
    loadOrCreateSecrets(file);
    chmodSync(file, 0o644);
    expect(() => loadOrCreateSecrets(file)).toThrow(refused("chmod 600"));
    writeFileSync(file, "{}");
    chmodSync(file, 0o600);
    expect(() => loadOrCreateSecrets(file)).toThrow(refused("damaged"));
  });

  it("say that the data folder is a file when it is one", () => {
    writeFileSync(join(folder, "notes.txt"), "");
    expect(() => loadOrCreateSecrets(join(folder, "notes.txt", "secrets.json"))).toThrow(
      refused("notes.txt is a file, not a folder; choose another with --data"),
    );
  });
});
