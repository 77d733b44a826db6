import { generateKeyPairSync } from "node:crypto";
import {
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
import { loadOrCreateSecrets, readSecrets } from "./secrets.ts";
import { type TokenJwk, tokenKeyStore, tokenKeys } from "./token-keys.ts";

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "deputize-keys-"));
  file = join(folder, "secrets.json");
  loadOrCreateSecrets(file);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const newKey = (): TokenJwk =>
  generateKeyPairSync("ed25519").privateKey.export({ format: "jwk" }) as unknown as TokenJwk;

describe("the token keys of a secrets file", () => {
  it("are one in a file of an older version, and grow by rotation [AW-D37]", () => {
    expect(readFileSync(file, "utf8")).not.toContain("moreTokenKeys");
    const keys = tokenKeyStore(file);
    const [first] = keys.load();
    const second = newKey();
    keys.add(second, new Set());
    expect(keys.load()).toEqual([first, { kty: "OKP", crv: "Ed25519", x: second.x, d: second.d }]);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(["secrets.json"]);
  });

  it("leave the file when they have retired, the first one too", () => {
    const keys = tokenKeyStore(file);
    const before = readSecrets(file)!;
    const [first] = tokenKeys(before);
    const second = newKey();
    keys.add(second, new Set([first!.x]));
    expect(keys.load().map((key) => key.x)).toEqual([second.x]);
    const { tokenKey: _, moreTokenKeys: __, ...rest } = readSecrets(file)!;
    const { tokenKey: ___, ...restBefore } = before;
    expect(rest).toEqual(restBefore);
  });

  it("are never written through a symbolic link", () => {
    const link = join(folder, "link.json");
    symlinkSync(file, link);
    expect(() => tokenKeyStore(link).add(newKey(), new Set())).toThrow(/symbolic link/);
    expect(tokenKeyStore(file).load()).toHaveLength(1);
  });

  it("say so when the file is gone or damaged", () => {
    writeFileSync(file, "{}");
    expect(() => tokenKeyStore(file).load()).toThrow(/damaged/);
    rmSync(file);
    expect(() => tokenKeyStore(file).load()).toThrow(/restore it/);
  });
});
