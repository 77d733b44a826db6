/** `deputize init NAME`: what it makes and refuses; `project.slow.test.ts` runs what it made. */
import { statSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { diagnose } from "@deputize/server/agent-server";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { UsageError } from "../cli/usage-error.ts";
import { createProgram } from "../program.ts";
import { AUTH_CHOICES, type AuthChoice } from "../scaffold/project-files.ts";
import { planProject, writeProject } from "../scaffold/write-project.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "deputize-init-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const run = (...args: string[]) => createProgram().parseAsync(args, { from: "user" });
const make = (name: string, auth: AuthChoice) => writeProject(planProject(join(folder, name), auth));

describe("deputize init NAME", () => {
  it.each(AUTH_CHOICES)(
    "%s: a project with secrets of its own, which doctor has nothing against",
    async (auth) => {
      make("desk", auth);
      make("other", auth);
      const secrets = (name: string) =>
        [...readFileSync(join(folder, name, ".env"), "utf8").matchAll(/=([0-9a-f]{64})$/gm)].map(
          ([, one]) => one,
        );
      expect(secrets("desk").length).toBeGreaterThanOrEqual(2);
      expect(secrets("other").filter((one) => secrets("desk").includes(one))).toEqual([]);
      for (const [file, text] of filesOf(join(folder, "desk")))
        if (!file.endsWith(".env")) expect(text).not.toMatch(/[0-9a-f]{64}/);
      expect(statSync(join(folder, "desk/.env")).mode & 0o777).toBe(0o600);
      const { findings } = await diagnose({ folder: join(folder, "desk"), env: {} });
      expect(findings.map(({ id }) => id)).toEqual(auth === "none" ? ["anonymous"] : []);
    },
  );

  it("writes nothing where something is", () => {
    mkdirSync(join(folder, "desk"));
    writeFileSync(join(folder, "desk/kept.txt"), "kept");
    expect(() => make("desk", "none")).toThrow("holds something already");
    expect(readdirSync(join(folder, "desk"))).toEqual(["kept.txt"]);
    expect(() => make("Desk Of Mine", "none")).toThrow("small letters");
  });

  it("writes nothing with --dry-run", async () => {
    const said = vi.spyOn(process.stdout, "write").mockReturnValue(true);
    await run("init", join(folder, "desk"), "--auth", "none", "--dry-run");
    expect(said.mock.calls.join("")).toContain("nothing was written");
    said.mockRestore();
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each([
    [["NAME", "--mode", "dev"], "--mode is for the configuration of an authority, and a NAME for a project"],
    [["NAME", "--rotate"], "--rotate is for the configuration of an authority"],
    [["NAME", "--auth", "jwt", "--out", "x"], "--out is for the configuration of an authority"],
    [["--auth", "jwt"], "--auth is for a project; name it: deputize init NAME"],
    [["--yes", "--mode", "dev"], "--yes is for a project"],
    [[], "give a NAME for a project; or name --mode dev or --mode prod"],
    [["NAME"], "name --auth none|jwt|custom|deputize, or --yes for jwt"],
  ])("init %j is a usage error that says which", async (args, says) => {
    const named = args.map((one) => (one === "NAME" ? join(folder, "desk") : one));
    const refused = run("init", ...named);
    await expect(refused).rejects.toBeInstanceOf(UsageError);
    await expect(refused).rejects.toThrow(says);
    expect(readdirSync(folder)).toEqual([]);
  });
});

function filesOf(place: string): [string, string][] {
  return readdirSync(place, { recursive: true, withFileTypes: true })
    .filter((one) => one.isFile())
    .map((one) => [join(one.parentPath, one.name), readFileSync(join(one.parentPath, one.name), "utf8")]);
}
