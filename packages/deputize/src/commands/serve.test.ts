import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const CLI = fileURLToPath(new URL("../../bin/deputize.mjs", import.meta.url));

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "deputize-serve-"));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

interface Run {
  /** The first line on standard output. */
  readonly line: Promise<string>;
  readonly ended: Promise<{ code: number | null; out: string; err: string }>;
  stop(): void;
}

function run(args: readonly string[], env: Record<string, string> = {}): Run {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(DEPUTIZE|AGENTWRIT|DATABASE_URL)/.test(name),
  );
  const child = spawn(process.execPath, [CLI, ...args], {
    env: { ...Object.fromEntries(inherited), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let out = "";
  let err = "";
  child.stderr.on("data", (chunk) => (err += String(chunk)));
  const ended = new Promise<{ code: number | null; out: string; err: string }>((resolve) => {
    child.on("close", (code) => resolve({ code, out, err }));
  });
  const line = new Promise<string>((resolve, reject) => {
    child.stdout.on("data", (chunk) => {
      out += String(chunk);
      if (out.includes("\n")) resolve(out.slice(0, out.indexOf("\n")));
    });
    void ended.then(() => reject(new Error(`it ended: ${err}`)));
  });
  line.catch(() => {});
  return { line, ended, stop: () => child.kill("SIGTERM") };
}

const serve = (...more: string[]) => run(["serve", "--port", "0", "--data", dataDir, "--json", ...more]);

describe("deputize serve", () => {
  it("makes the operator's secret at the first start, tells it once and keeps its hash [AW-F22]", async () => {
    const first = serve();
    const { url, config, admin_secret: secret } = JSON.parse(await first.line) as Record<string, string>;
    expect(secret).toMatch(/^[0-9a-f]{64}$/);
    expect(statSync(config ?? "").mode & 0o777).toBe(0o600);
    expect(readFileSync(config ?? "", "utf8")).not.toContain(secret);
    const signIn = await fetch(`${url}/v1/admin/auth`, { method: "POST", body: JSON.stringify({ secret }) });
    expect(signIn.status).toBe(200);
    first.stop();
    expect(await first.ended).toMatchObject({ code: 0, err: "" });

    const second = serve();
    const again = JSON.parse(await second.line) as Record<string, string>;
    expect(again["admin_secret"]).toBeUndefined();
    const stillKnown = await fetch(`${again["url"]}/v1/admin/auth`, {
      method: "POST",
      body: JSON.stringify({ secret }),
    });
    expect(stillKnown.status).toBe(200);
    second.stop();
    expect((await second.ended).code).toBe(0);
  }, 60_000);

  it.each([
    ["a weak secret [AW-D38]", [], { DEPUTIZE_ADMIN_SECRET: "short" }, /fewer than 32 characters/],
    [
      "a setting that nobody reads",
      [],
      { DEPUTIZE_TLS_MODE: "TLS" },
      /there is no setting DEPUTIZE_TLS_MODE/,
    ],
    [
      "a configuration file that is not there",
      ["--config", "/nowhere/config.json"],
      {},
      /there is no .*config\.json/,
    ],
    ["a port that is none", ["--port", "99999"], {}, /from 0 to 65535/],
  ])("does not start with %s, and says the fix in one line", async (_what, more, env, message) => {
    const { code, out, err } = await run(["serve", "--data", dataDir, ...more], env).ended;
    // 2 is for what cannot be a command line at all.
    expect([code, out]).toEqual([more[0] === "--port" ? 2 : 1, ""]);
    expect(err).toMatch(message);
    expect(err).not.toContain("    at ");
  });

  it("explains itself", async () => {
    const { code, out } = await run(["serve", "--help"]).ended;
    expect(code).toBe(0);
    for (const word of ["--port", "--host", "--data", "--config", "DEPUTIZE_ADMIN_SECRET"])
      expect(out).toContain(word);
  });
});
