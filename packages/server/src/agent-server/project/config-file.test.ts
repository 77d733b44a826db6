import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findConfigFile, overshadowed, readConfigValue } from "./config-file.ts";
import { environmentFiles, othersMayRead, readEnvironment } from "./env-files.ts";
import { loadCode } from "./import-code.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "deputize-project-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}
const fault = (work: () => unknown) =>
  Promise.resolve()
    .then(work)
    .then(
      () => "nothing is wrong",
      (error: Error) => error.message.replaceAll(folder, ""),
    );

describe("which file counts [AF-F01]", () => {
  it("is the first of one order; an older name counts where no newer one is there", () => {
    const find = (env = {}, named?: string) => basename(findConfigFile({ folder, env, file: named }));
    for (const name of ["agentflow.json", "deputize.config.ts", ".deputize.json", "deputize.json"]) {
      file(name, "{}");
      expect(find()).toBe(name);
    }
    file("other.json", "{}");
    expect(find({ GRAPH_PATH: "other.json" })).toBe("other.json");
    expect(find({ GRAPH_PATH: "other.json" }, "agentflow.json")).toBe("agentflow.json");
    expect(overshadowed(join(folder, "deputize.json"))).toEqual([
      ".deputize.json",
      "deputize.config.ts",
      "agentflow.json",
    ]);
  });

  it("has to be there", async () => {
    expect(await fault(() => findConfigFile({ folder, env: {} }))).toContain(
      "make a project with deputize init NAME",
    );
    expect(await fault(() => findConfigFile({ folder, env: {}, file: "x.json" }))).toContain(
      "there is no /x.json",
    );
  });

  it("is JSON, or a module with a default export; what is wrong with it repeats nothing of it", async () => {
    expect(await readConfigValue(file("deputize.json", '\uFEFF{"agent":"./a.ts"}'))).toEqual({
      agent: "./a.ts",
    });
    expect(
      await readConfigValue(file("a.config.ts", "export default { agent: './a.ts' as string }")),
    ).toEqual({
      agent: "./a.ts",
    });
    const broken = file("broken.json", '{"auth": "sk-live-secret" oops}');
    expect(await fault(() => readConfigValue(broken))).toMatch(/^\/broken.json is not JSON/);
    expect(await fault(() => readConfigValue(broken))).not.toContain("sk-live");
    expect(await fault(() => readConfigValue(file("b.config.ts", "export const x = 1")))).toContain(
      "has no default export",
    );
    expect(await fault(() => readConfigValue(file("c.config.ts", "throw new Error('no')")))).toContain(
      "/c.config.ts does not load: no",
    );
  });
});

describe("code by its place", () => {
  const load = (place: string) => loadCode(folder, place, "auth.path");

  it("is an export by name, the default one, or the only one", async () => {
    file("auth/custom.ts", "export class MyAuth {}\nexport const other = 1;");
    file("auth/only.ts", "export const it = 7;");
    file("auth/whole.ts", "export default 8; export const more = 1;");
    expect(await load("./auth/custom.ts#MyAuth")).toBeTypeOf("function");
    expect(await load("auth.custom:MyAuth")).toBeTypeOf("function");
    expect(await load("auth/custom:other")).toBe(1);
    expect(await load("./auth/only.ts")).toBe(7);
    expect(await load("./auth/whole.ts")).toBe(8);
  });

  it("is told by setting and file when it is not there", async () => {
    file("auth/custom.ts", "export class MyAuth {}\nexport const other = 1;");
    expect(await fault(() => load("./auth/none.ts"))).toBe("auth.path: there is no /auth/none.ts");
    expect(await fault(() => load("auth.none:MyAuth"))).toBe("auth.path: there is no /auth/none.ts");
    expect(await fault(() => load("./auth/custom.ts#MyAut"))).toBe(
      "auth.path: /auth/custom.ts exports no MyAut; did you mean MyAuth?",
    );
    expect(await fault(() => load("./auth/custom.ts"))).toContain("as in ./auth/custom.ts#name");
  });

  it("is within the project, links included", async () => {
    const outside = mkdtempSync(join(tmpdir(), "deputize-outside-"));
    writeFileSync(join(outside, "evil.ts"), "export default 1");
    symlinkSync(join(outside, "evil.ts"), join(folder, "linked.ts"));
    expect(await fault(() => load(`../${basename(outside)}/evil.ts`))).toContain("is not within the project");
    expect(await fault(() => load("./linked.ts"))).toContain("is not within the project");
    rmSync(outside, { recursive: true });
  });
});

describe("files of the environment", () => {
  it("give way to the environment, and later ones to earlier ones", () => {
    file(".env", "A=file\nB='two words'\nC=first\n# nothing\n");
    file("more.env", "C=second\nD=4");
    const files = environmentFiles(folder, [".env", "more.env"]);
    const { env, added } = readEnvironment({ A: "environment" }, files);
    expect(env).toMatchObject({ A: "environment", B: "two words", C: "first", D: "4" });
    expect(added).toEqual({ B: "two words", C: "first", D: "4" });
  });

  it("are read where they are there, and have to be there when they are named", async () => {
    expect(environmentFiles(folder, undefined)).toEqual([]);
    const path = file(".env", "");
    expect(environmentFiles(folder, undefined)).toEqual([path]);
    expect(environmentFiles(folder, null)).toEqual([]);
    expect(await fault(() => environmentFiles(folder, "x.env"))).toBe("env: there is no /x.env");
    chmodSync(path, 0o644);
    expect(othersMayRead(path)).toBe(true);
    chmodSync(path, 0o600);
    expect(othersMayRead(path)).toBe(false);
  });
});
