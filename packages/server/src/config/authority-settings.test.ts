import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { manualClock, randomHex } from "@deputize/core";
import { adminSecretCheck, readAuthoritySettings } from "./authority-settings.ts";
import { initConfig, rotateAdminSecret } from "./config-file.ts";

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "deputize-settings-"));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

const read = (env: Record<string, string> = {}, configFile?: string) =>
  readAuthoritySettings(env, { dataDir, ...(configFile !== undefined && { configFile }) });
const SECRET = randomHex(32);

describe("the settings of an authority", () => {
  it("have the protocol's defaults", () => {
    expect(read()).toMatchObject({
      port: 8080,
      host: "127.0.0.1",
      publicUrl: "http://localhost:8080",
      trustedProxies: [],
      broker: {
        issuer: "agentwrit",
        trustDomain: "agentwrit.local",
        operatorScopes: [],
        lifetimes: {
          defaultSeconds: 300,
          maxSeconds: 86_400,
          appSeconds: 1_800,
          adminSeconds: 300,
          renewSeconds: 86_400,
        },
      },
    });
  });

  it.each([
    ["DEPUTIZE_TOKEN_TTL", "soon"],
    ["DEPUTIZE_TOKEN_TTL", "0"],
    ["DEPUTIZE_TOKEN_TTL_MAX", "9e9"],
    ["DEPUTIZE_APP_TTL", "1.5"],
    ["DEPUTIZE_PORT", "http"],
    ["DEPUTIZE_PORT", "70000"],
    ["DEPUTIZE_TRUST_DOMAIN", "Agents Example"],
    ["DEPUTIZE_TRUSTED_PROXIES", "10.0.0.0/40"],
    ["DEPUTIZE_TRUSTED_PROXIES", "proxy.example"],
    ["DEPUTIZE_OPERATOR_SCOPES", "read:data"],
    ["DEPUTIZE_OPERATOR_SCOPES", "*:data:x"],
    ["DEPUTIZE_OPERATOR_SCOPES", "admin:apps:*"],
    ["DEPUTIZE_TRUST_DOMAINS", "agents.example"],
    ["DEPUTIZE_TLS_MODE", "TLS"],
  ])("refuse %s=%s rather than pass it over [AW-D39]", (name, value) => {
    expect(() => read({ [name]: value })).toThrow(expect.objectContaining({ code: "config_invalid" }));
    expect(() => read({ [name]: value })).toThrow(name);
  });

  it("come from a file too, below the environment", () => {
    const file = join(dataDir, "own.json");
    const settings = { DEPUTIZE_PORT: 9090, DEPUTIZE_TRUST_DOMAIN: "agents.example" };
    writeFileSync(file, JSON.stringify({ mode: "prod", settings }), { mode: 0o600 });
    expect(read({}, file)).toMatchObject({ port: 9090, broker: { trustDomain: "agents.example" } });
    expect(read({ DEPUTIZE_PORT: "9091" }, file).port).toBe(9091);
    writeFileSync(file, JSON.stringify({ mode: "prod", settings: { DEPUTIZE_COLOUR: "red" } }));
    expect(() => read({}, file)).toThrow("DEPUTIZE_COLOUR");
    expect(() => read({}, join(dataDir, "none.json"))).toThrow("there is no");
  });
});

describe("the operator's secret", () => {
  it.each([
    ["x"],
    ["0123456789abcdef0123456789abcde"],
    ["a".repeat(40)],
    ["abcdefghijklmnop".repeat(3)],
    ["please-change-me-please-1234567890-ab"],
    ["0123456789abcdefghijk 0123456789abcdef"],
  ])("is refused when it is %j, with the way to make a good one [AW-D38]", (secret) => {
    expect(() => read({ DEPUTIZE_ADMIN_SECRET: secret })).toThrow(
      /DEPUTIZE_ADMIN_SECRET .*openssl rand -hex 32/,
    );
    // The message may stand in a log.
    if (secret.length > 1) expect(() => read({ DEPUTIZE_ADMIN_SECRET: secret })).not.toThrow(secret);
    expect(() => read({ DEPUTIZE_ADMIN_SECRET: SECRET, DEPUTIZE_ADMIN_SECRET_PREVIOUS: secret })).toThrow();
  });

  it("may be changed without locking anybody out [AW-F30]", () => {
    const clock = manualClock(1_700_000_000_000);
    const [before, after] = [randomHex(32), randomHex(32)];
    const env = { DEPUTIZE_ADMIN_SECRET: after, DEPUTIZE_ADMIN_SECRET_PREVIOUS: before };
    const matches = adminSecretCheck(read(env), clock);
    expect([after, before, SECRET, ""].map(matches)).toEqual([true, true, false, false]);
    const alone = adminSecretCheck(read({ DEPUTIZE_ADMIN_SECRET: after }), clock);
    expect([after, before].map(alone)).toEqual([true, false]);
    expect(() => read({ DEPUTIZE_ADMIN_SECRET_PREVIOUS: before })).toThrow("set both or neither");
  });

  it("of the file is read anew, so that a rotation needs no restart [AW-F30]", () => {
    const clock = manualClock(1_700_000_000_000);
    const file = join(dataDir, "config.json");
    const first = initConfig({ mode: "prod", file }).secret;
    const matches = adminSecretCheck(read(), clock);
    expect([first, SECRET].map(matches)).toEqual([true, false]);
    const second = rotateAdminSecret({ file, overlapSeconds: 60, clock }).secret;
    expect([first, second].map(matches)).toEqual([true, true]);
    clock.advance(61_000);
    expect([first, second].map(matches)).toEqual([false, true]);
  });
});
