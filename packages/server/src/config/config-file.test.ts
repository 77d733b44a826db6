import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { manualClock } from "@deputize/core";
import {
  adminSecretMatches,
  configSecretMatches,
  hashAdminSecret,
  initConfig,
  readConfigFile,
  rotateAdminSecret,
} from "./config-file.ts";

const refused = (message: string) =>
  expect.objectContaining({ code: "config_invalid", message: expect.stringContaining(message) });

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "deputize-config-"));
  file = join(folder, "deep", "config.json");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const text = (): string => readFileSync(file, "utf8");

describe("init", () => {
  it("keeps only a hash in prod, the secret in dev, for nobody else to read [AW-F22]", () => {
    const prod = initConfig({ mode: "prod", file });
    expect(prod.secret).toMatch(/^[0-9a-f]{64}$/);
    expect(text()).not.toContain(prod.secret);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(configSecretMatches(readConfigFile(file)!, prod.secret, 0)).toBe(true);
    expect(configSecretMatches(readConfigFile(file)!, `${prod.secret}x`, 0)).toBe(false);

    const dev = initConfig({ mode: "dev", file, force: true });
    expect(dev.secret).not.toBe(prod.secret);
    expect(readConfigFile(file)).toEqual({ mode: "dev", admin_secret: dev.secret });
    expect(configSecretMatches(readConfigFile(file)!, dev.secret, 0)).toBe(true);
    expect(configSecretMatches(readConfigFile(file)!, prod.secret, 0)).toBe(false);
  });

  it("never replaces a file unasked, and keeps its settings when asked [AW-F22]", () => {
    const first = initConfig({ mode: "prod", file });
    expect(() => initConfig({ mode: "prod", file })).toThrow(refused("--force"));
    expect(configSecretMatches(readConfigFile(file)!, first.secret, 0)).toBe(true);
    writeFileSync(file, JSON.stringify({ mode: "prod", settings: { DEPUTIZE_PORT: 9 } }));
    initConfig({ mode: "prod", file, force: true });
    expect(readConfigFile(file)?.settings).toEqual({ DEPUTIZE_PORT: 9 });
    expect(readdirSync(join(folder, "deep"))).toEqual(["config.json"]);
  });

  it("never writes through a symbolic link, with --force neither [AW-F22]", () => {
    const victim = join(folder, "victim");
    const link = join(folder, "config.json");
    writeFileSync(victim, "untouched");
    symlinkSync(victim, link);
    for (const force of [false, true]) {
      expect(() => initConfig({ mode: "dev", file: link, force })).toThrow(refused("symbolic link"));
    }
    const dangling = join(folder, "dangling.json");
    symlinkSync(join(folder, "nowhere"), dangling);
    expect(() => initConfig({ mode: "dev", file: dangling })).toThrow(refused("symbolic link"));
    expect(readFileSync(victim, "utf8")).toBe("untouched");
    expect(existsSync(join(folder, "nowhere"))).toBe(false);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
  });
});

describe("reading", () => {
  it("answers undefined for no file, and refuses one that others can read", () => {
    expect(readConfigFile(file)).toBeUndefined();
    initConfig({ mode: "prod", file });
    chmodSync(file, 0o640);
    expect(() => readConfigFile(file)).toThrow(refused("chmod 600"));
  });

  it.each([
    ["{", "not JSON"],
    [`{"mode":"prod","admin_secret":"${"s3cr".repeat(9)}"}`, "mode prod keeps no plain admin_secret"],
    [`{"mode":"dev","admin_secret":"short"}`, "admin_secret"],
    [`{"mode":"dev","secret":"${"s3cr".repeat(9)}"}`, "secret"],
    [`{"mode":"prod","admin_secret_hash":"s3cr"}`, "admin_secret_hash"],
    [`{"mode":"prod","admin_secret_previous_until":"2026-01-01T00:00:00Z"}`, "belong together"],
  ])("refuses %s, quoting no value", (content, message) => {
    initConfig({ mode: "prod", file });
    writeFileSync(file, content);
    expect(() => readConfigFile(file)).toThrow(refused(message));
    expect(() => readConfigFile(file)).not.toThrow(/s3cr/);
  });
});

describe("the admin secret", () => {
  it("is hashed with a salt of its own", () => {
    const one = hashAdminSecret("a".repeat(40));
    expect(hashAdminSecret("a".repeat(40))).not.toBe(one);
    expect(adminSecretMatches(one, "a".repeat(40))).toBe(true);
    expect(adminSecretMatches(one, "a".repeat(39))).toBe(false);
    expect(adminSecretMatches("hmac-sha256::", "")).toBe(false);
  });

  it.each(["dev", "prod"] as const)("rotates with overlap in mode %s [AW-D38] [AW-F30]", (mode) => {
    const clock = manualClock(Date.UTC(2026, 10, 22));
    const old = initConfig({ mode, file });
    const made = rotateAdminSecret({ file, overlapSeconds: 600, clock });
    const config = readConfigFile(file)!;
    expect(text()).not.toContain(old.secret);
    expect(configSecretMatches(config, made.secret, clock.nowMs())).toBe(true);
    expect(configSecretMatches(config, old.secret, clock.nowMs())).toBe(true);
    clock.advance(600_000);
    expect(configSecretMatches(config, old.secret, clock.nowMs())).toBe(false);
    expect(configSecretMatches(config, made.secret, clock.nowMs())).toBe(true);

    rotateAdminSecret({ file, overlapSeconds: 0, clock });
    expect(configSecretMatches(readConfigFile(file)!, made.secret, clock.nowMs())).toBe(false);
  });

  it("cannot be rotated where none is kept", () => {
    expect(() => rotateAdminSecret({ file, overlapSeconds: 0 })).toThrow(refused("deputize init"));
  });
});
