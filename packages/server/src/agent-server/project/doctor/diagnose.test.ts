import { generateKeyPairSync } from "node:crypto";
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { randomHex } from "@deputize/core";
import { afterEach, describe, expect, it } from "vitest";
import { cleanUp, project } from "../project.fixture.ts";
import { diagnose } from "./diagnose.ts";

afterEach(cleanUp);

const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const PRIVATE = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
const PUBLIC = publicKey.export({ type: "spki", format: "pem" }).toString();
const JWT = {
  JWT_SECRET_KEY: randomHex(32),
  JWT_ISSUER: "https://login.example",
  JWT_AUDIENCE: "https://agents.example",
};
const LIMITED = { rate_limit: { requests: 100, window: 60, by: ["ip", "user"] } };
const SOUND = { agent: "./graph/react.mjs", auth: "jwt", ...LIMITED };
const PRODUCTION = {
  ...JWT,
  JWT_ALGORITHM: "HS256",
  MODE: "production",
  PUBLIC_URL: "https://agents.example",
  REDIS_URL: "redis://cache:6379",
  DEPUTIZE_AUDIT_SECRET: randomHex(32),
};

const look = (config: object, env: Record<string, string> = JWT, more: object = {}, files: object = {}) =>
  diagnose({ folder: project({ ".gitignore": ".env\n", "deputize.json": config, ...files }), env, ...more });

describe("doctor names what is unsafe, with the fix [AF-F17]", () => {
  it("finds nothing where nothing is", async () => {
    expect((await look(SOUND)).findings).toEqual([]);
    const stores = { stores: { conversations: "redis" } };
    expect((await look({ ...SOUND, ...stores }, PRODUCTION)).findings).toEqual([]);
  });

  const with_ = (more: object) => ({ ...SOUND, ...more });
  it.each<[string, string, object, Record<string, string>, string]>([
    ["error", "config", with_({ auht: null }), JWT, "did you mean `auth`?"],
    ["warning", "anonymous", with_({ auth: null }), {}, "set `auth`"],
    [
      "error",
      "anonymous",
      with_({ auth: null }),
      { MODE: "production", PUBLIC_URL: "https://a.example" },
      "set `auth`",
    ],
    ["warning", "allow-anonymous", with_({ allow_anonymous: true }), JWT, "take it out"],
    ["error", "jwt", SOUND, {}, "openssl rand -base64 32"],
    ["error", "short-secret", SOUND, { ...JWT, JWT_SECRET_KEY: "secret" }, "openssl rand -hex 32"],
    ["error", "weak-secret", SOUND, { ...JWT, JWT_SECRET_KEY: "ab".repeat(20) }, "openssl rand"],
    [
      "error",
      "weak-secret",
      SOUND,
      { ...JWT, JWT_SECRET_KEY: "your-secret-key-of-the-guide-1234567" },
      "a placeholder",
    ],
    ["error", "private-key", SOUND, { ...JWT, JWT_SECRET_KEY: PRIVATE, JWT_ALGORITHM: "ES256" }, "pubout"],
    [
      "error",
      "no-issuer",
      SOUND,
      { JWT_SECRET_KEY: PUBLIC, JWT_ALGORITHM: "ES256" },
      "`issuer` and `audience`",
    ],
    ["warning", "no-issuer", SOUND, { ...JWT, JWT_ISSUER: "" }, "set it to the `iss`"],
    ["warning", "no-audience", SOUND, { ...JWT, JWT_AUDIENCE: "" }, "set it to the `aud`"],
    ["error", "jwt", SOUND, { ...JWT, JWT_ALGORITHM: "none" }, "JWT_ALGORITHM is one of"],
    ["error", "jwt", SOUND, { ...JWT, JWT_SECRET_KEY: PUBLIC, JWT_ALGORITHM: "HS256" }, "goes with a secret"],
    [
      "error",
      "plain-http",
      SOUND,
      { ...JWT, JWT_SECRET_KEY: "", JWT_JWKS_URL: "http://login.example/jwks" },
      "https",
    ],
    ["warning", "unread-setting", SOUND, { ...JWT, JWT_SECRET: "x" }, "did you mean JWT_SECRET_KEY?"],
    ["warning", "unread-setting", SOUND, { ...JWT, JWT_AUDIANCE: "x" }, "did you mean JWT_AUDIENCE?"],
    ["warning", "shared-secret", SOUND, { ...PRODUCTION, JWT_ALGORITHM: "" }, "public key"],
    [
      "error",
      "plain-http",
      with_({ auth: { method: "deputize", issuer: "http://id.example", audience: "a" } }),
      {},
      "https",
    ],
    ["warning", "allow-all", with_({ authorization: "allow_all" }), JWT, "ownership"],
    [
      "warning",
      "no-isolation",
      with_({ authorization: { backend: "rbac", roles: {}, isolation: "none" } }),
      JWT,
      "owner",
    ],
    [
      "warning",
      "default-all",
      with_({ authorization: { backend: "rbac", roles: {}, default_scopes: ["*"] } }),
      JWT,
      "list",
    ],
    ["error", "cors-wildcard", SOUND, { ...JWT, ORIGINS: "*" }, "list of origins"],
    ["warning", "plain-origin", with_({ cors: { origins: ["http://app.example"] } }), JWT, "https"],
    ["warning", "no-rate-limit", { ...SOUND, rate_limit: { enabled: false } }, JWT, '"requests": 100'],
    ["warning", "fail-open", with_({ rate_limit: { fail_open: true } }), JWT, "leave it out"],
    ["warning", "proxy-headers", with_({ rate_limit: { trusted_proxy_headers: true } }), JWT, "leave it out"],
    ["warning", "counted-apart", SOUND, { ...PRODUCTION, REDIS_URL: "" }, "REDIS_URL"],
    ["warning", "large-requests", SOUND, { ...JWT, MAX_REQUEST_SIZE: "500000000" }, "10 MiB"],
    ["error", "plain-http", SOUND, { ...PRODUCTION, PUBLIC_URL: "http://agents.example" }, "https://"],
    ["warning", "not-production", SOUND, { ...JWT, PUBLIC_URL: "https://agents.example" }, "MODE=production"],
    ["warning", "forgetful", SOUND, PRODUCTION, "`postgres`"],
    ["warning", "log-secret", SOUND, { ...PRODUCTION, DEPUTIZE_AUDIT_SECRET: "" }, "openssl rand -hex 32"],
    ["warning", "unused", with_({ evaluation: {} }), JWT, "does not hold"],
    ["warning", "unused", with_({ thread_name_generator: "./a.ts" }), JWT, "does not hold"],
    ["error", "secret-in-file", with_({ redis: "redis://:hunter2hunter2@cache:6379" }), JWT, "write $NAME"],
    [
      "error",
      "secret-in-file",
      with_({ database: "postgres://owner:pa55w0rd-of-it@db/x" }),
      JWT,
      "write $NAME",
    ],
    ["error", "host-wildcard", with_({ allowed_hosts: ["*"] }), JWT, "is no host"],
  ])("%s %s: %j with %j", async (level, id, config, env, fix) => {
    const { findings } = await look(config, env);
    const found = findings.filter((one) => one.id === id);
    expect(found.map((one) => one.level)).toEqual([level]);
    expect(found[0]?.says).toContain(fix);
    // Never a value: what is told may be pasted anywhere.
    for (const value of Object.values(env))
      if (value.length > 20) expect(JSON.stringify(findings)).not.toContain(value);
    expect(JSON.stringify(findings)).not.toMatch(/hunter2|pa55w0rd/);
  });

  it("an address beyond this machine", async () => {
    const { findings } = await look(SOUND, JWT, { host: "0.0.0.0" });
    expect(findings.map(({ level, says }) => [level, says.includes("set PUBLIC_URL")])).toEqual([
      ["error", true],
    ]);
    const open = await look({ ...SOUND, auth: null }, {}, { host: "0.0.0.0" });
    expect(open.findings.map(({ id, level }) => [id, level])).toContainEqual(["anonymous", "error"]);
  });

  it("files that others read, that git takes along, and that count for nothing", async () => {
    const folder = project({
      "deputize.json": SOUND,
      "agentflow.json": "{}",
      ".env": "A=1",
      "data/secrets.json": "{}",
    });
    for (const name of [".env", "data/secrets.json"]) chmodSync(join(folder, name), 0o644);
    const { findings } = await diagnose({ folder, env: JWT });
    expect(findings.map(({ id, setting }) => `${id} ${setting.replace(`${folder}/`, "")}`)).toEqual([
      "readable-env .env",
      "readable-secrets data/secrets.json",
      "env-in-git .env",
      "two-configurations agentflow.json",
    ]);
  });
});
