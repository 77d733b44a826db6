/** Projects that the command makes, as processes of their own: every choice, changes while it serves, and what an image would run. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { AUTH_CHOICES } from "./scaffold/project-files.ts";
import { NODE_IMAGE } from "./scaffold/image-files.ts";
import { runDeputize } from "./testing-command.ts";

vi.setConfig({ testTimeout: 600_000, hookTimeout: 120_000 });

const CLI = fileURLToPath(new URL("./cli.ts", import.meta.url));
const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const BARE = { PATH: process.env["PATH"] ?? "", NO_COLOR: "1" };

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "deputize-made-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const running: ChildProcess[] = [];
afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null) continue;
    const gone = new Promise((done) => child.once("exit", done));
    child.kill("SIGTERM");
    await gone;
  }
});

interface Serving {
  readonly url: string;
  readonly child: ChildProcess;
  /** Lines of either kind, as they come. */
  readonly lines: string[];
  /** The first line from `from` on that says so. */
  next(says: RegExp, from?: number): Promise<string>;
}

/** Serves until the test is over; `url` is what it said. */
async function serve(
  program: readonly string[],
  cwd: string,
  env: Record<string, string> = {},
): Promise<Serving> {
  const [command = "", ...args] = program;
  const child = spawn(command, args, { cwd, env: { ...BARE, ...env } });
  running.push(child);
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    let rest = "";
    stream.setEncoding("utf8").on("data", (text: string) => {
      const all = (rest + text).split("\n");
      rest = all.pop() ?? "";
      lines.push(...all);
    });
  }
  const next = (says: RegExp, from = 0) =>
    vi.waitFor(
      () => {
        const found = lines.slice(from).find((line) => says.test(line));
        if (found === undefined)
          throw new Error(`nobody said ${says}; said was: ${lines.slice(from).join("\n")}`);
        return found;
      },
      { timeout: 120_000, interval: 50 },
    );
  const said = await next(/"url"|"error"/);
  const { url } = JSON.parse(said) as { url?: string };
  if (url === undefined) throw new Error(said);
  return { url, child, lines, next };
}

const deputize = (...args: string[]) => [process.execPath, CLI, ...args];
const post = (url: string, path: string, token?: string, body?: object) =>
  fetch(`${url}${path}`, {
    method: "POST",
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body && { "content-type": "application/json" }),
    },
    ...(body && { body: JSON.stringify(body) }),
  });

async function say(url: string, token: string | undefined, content: string): Promise<string> {
  const { thread_id: id } = (await (await post(url, "/threads", token)).json()) as { thread_id: string };
  const reply = await post(url, `/threads/${id}/messages`, token, { content });
  return ((await reply.json()) as { content: string }).content;
}

const tokenOf = (project: string, ...who: string[]): string =>
  execFileSync(process.execPath, ["dev/token.ts", ...who], {
    cwd: project,
    env: BARE,
    encoding: "utf8",
  }).trim();

describe("what init makes, by every choice [AF-F20]", () => {
  it.each(AUTH_CHOICES)(
    "%s: its tests are green, it starts, and it refuses and allows as it says",
    async (auth) => {
      const project = join(folder, `made-${auth}`);
      const made = (await runDeputize(["init", project, "--auth", auth, "--json"])).json();
      expect(made.files).toContain("tests/agent-server.test.ts");
      expect(statSync(join(project, ".env")).mode & 0o777).toBe(0o600);
      expect(readFileSync(join(project, ".gitignore"), "utf8").split("\n")).toContain(".env");

      const tests = await runDeputize(["test", project]);
      expect(tests.stdout).toMatch(/fail 0/);
      expect(tests.stdout).not.toMatch(/pass 0/);
      expect(tests.code).toBe(0);

      const { url, child } = await serve(deputize("start", project, "--port", "0", "--json"), folder);
      const refused = auth === "none" ? 200 : 401;
      expect((await post(url, "/threads")).status).toBe(refused);
      expect((await post(url, "/threads", "invalid_token")).status).toBe(refused);
      if (auth === "none") expect(await say(url, undefined, "Show my orders")).toContain("ORD-3001");
      if (auth === "jwt" || auth === "custom") {
        // [AF-D19] Two tokens are two users.
        expect(await say(url, tokenOf(project, "ada"), "Show my orders")).toMatch(/ORD-1001/);
        expect(await say(url, tokenOf(project, "ben"), "Show my orders")).toMatch(/ORD-2001/);
      }
      if (auth === "custom") expect((await post(url, "/threads", tokenOf(project, "eve"))).status).toBe(401);
      const gone = new Promise((done) => child.once("exit", done));
      child.kill("SIGTERM");
      expect(await gone).toBe(0);
    },
  );

  it("custom: two sessions are two users, and a user who is no longer active is nobody [AF-D19]", async () => {
    const project = join(folder, "two-users");
    await runDeputize(["init", project, "--auth", "custom"]);
    const { url } = await serve(deputize("start", project, "--port", "0", "--json"), folder);
    const [adas, bens] = [
      await say(url, tokenOf(project, "ada"), "Show my orders"),
      await say(url, tokenOf(project, "ben"), "Show my orders"),
    ];
    expect([/ORD-1001/.test(adas), /ORD-2001/.test(adas)]).toEqual([true, false]);
    expect([/ORD-1001/.test(bens), /ORD-2001/.test(bens)]).toEqual([false, true]);
    const eve = await post(url, "/threads", tokenOf(project, "eve"));
    expect([eve.status, ((await eve.json()) as { code: string }).code]).toEqual([401, "REVOKED_TOKEN"]);
  });
});

describe("deputize dev", () => {
  it("serves what is saved, at the same address; what is broken is told, and mended serves again", async () => {
    const project = join(folder, "changing");
    await runDeputize(["init", project, "--auth", "none"]);
    const { url, lines, next } = await serve(deputize("dev", project, "--port", "0", "--json"), folder);
    expect(await say(url, undefined, "Show my orders")).toContain("ORD-3001");

    const tools = join(project, "tools/orders.ts");
    const good = readFileSync(tools, "utf8");
    let from = lines.length;
    writeFileSync(tools, good.replace("ORD-3001", "ORD-3009"));
    expect(JSON.parse(await next(/"url"/, from)).url).toBe(url);
    expect(await say(url, undefined, "Show my orders")).toContain("ORD-3009");

    from = lines.length;
    writeFileSync(tools, "export const = broken");
    expect(await next(/"error"/, from)).toContain("agents.support");
    from = lines.length;
    writeFileSync(join(project, "deputize.json"), '{ "agent": "./agents/support.ts", "auht": null }');
    expect(await next(/"error"/, from)).toContain("did you mean `auth`?");

    from = lines.length;
    writeFileSync(join(project, "deputize.json"), '{ "agent": "./agents/support.ts", "auth": null }');
    writeFileSync(tools, good);
    expect(JSON.parse(await next(/"url"/, from)).url).toBe(url);
    expect(await say(url, undefined, "Show my orders")).toContain("ORD-3001");
  });
});

describe("deputize build [AF-D24]", () => {
  it("an image that runs what made it, answers /ready, and holds no secret", async () => {
    const project = join(folder, "image");
    await runDeputize(["init", project, "--auth", "jwt"]);
    expect((await runDeputize(["build", project])).code).toBe(0);
    const again = await runDeputize(["build", project]);
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining("--force")]);
    const steps = instructions(readFileSync(join(project, "Dockerfile"), "utf8"));

    const pinned = (
      JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { devDependencies: { node: string } }
    ).devDependencies.node;
    expect(NODE_IMAGE).toBe(`node:${pinned}-bookworm-slim`);
    expect(steps.filter(([name]) => name === "FROM").map(([, rest]) => rest.split(" ")[0])).toEqual([
      "${NODE_IMAGE}",
      "${NODE_IMAGE}",
    ]);
    expect(steps.find(([name]) => name === "USER")?.[1]).toBe("node");
    const ignored = readFileSync(join(project, ".dockerignore"), "utf8").trim().split("\n");
    for (const name of [".env", "data", ".git"]) expect(ignored).toContain(name);

    // The same steps, without an engine: what the first stage copies and installs, what the second copies, and its command.
    const image = join(folder, "root");
    const opt = join(image, "opt/deputize");
    cpSync(join(project, ".deputize"), opt, { recursive: true });
    expect(existsSync(join(opt, "packages/deputize/src/project.slow.test.ts"))).toBe(false);
    installByLock(opt);
    const app = join(image, "app");
    cpSync(project, app, {
      recursive: true,
      filter: (source) =>
        !ignored.includes(source.slice(project.length + 1)) && !source.endsWith("/.deputize"),
    });
    expect(existsSync(join(app, ".env"))).toBe(false);
    const command = JSON.parse(steps.find(([name]) => name === "CMD")?.[1] ?? "[]") as string[];
    expect(command.slice(0, 4)).toEqual([
      "node",
      "/opt/deputize/packages/deputize/bin/deputize.mjs",
      "start",
      "/app",
    ]);
    const port = "18347";
    const env = {
      ...Object.fromEntries(
        readFileSync(join(project, ".env"), "utf8")
          .split("\n")
          .filter((line) => /^[A-Z]/.test(line))
          .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
      ),
      NODE_ENV: "production",
      MODE: "production",
      DEPUTIZE_DATA: join(app, "data"),
    };
    const run = [
      process.execPath,
      ...command
        .slice(1)
        .map((one) => (one.startsWith("/") ? join(image, one) : one === "8000" ? port : one)),
      "--json",
    ];
    await expect(serve(run, app, env)).rejects.toThrow("begins with https://");
    await serve(run, app, { ...env, PUBLIC_URL: "https://agents.example" });
    const check = steps.find(([name]) => name === "HEALTHCHECK")?.[1] ?? "";
    const [node = "", ...asked] = JSON.parse(check.slice(check.indexOf("["))) as string[];
    expect(node).toBe("node");
    const ask = (at: string) =>
      execFileSync(
        process.execPath,
        asked.map((one) => one.replace("8000", at)),
      );
    expect(() => ask(port)).not.toThrow();
    expect(() => ask("18348")).toThrow();
  });
});

/** Instructions of a Dockerfile, each with the rest of its lines. */
function instructions(text: string): (readonly [string, string])[] {
  return text
    .replaceAll("\\\n", " ")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1)] as const);
}

/** What `npm ci --omit=dev` makes of the lock, from the packages of this checkout: nothing that the lock leaves out. */
function installByLock(copy: string): void {
  const { packages } = JSON.parse(readFileSync(join(copy, "package-lock.json"), "utf8")) as {
    packages: Record<string, { link?: boolean; resolved?: string; dev?: boolean }>;
  };
  for (const [path, { link, resolved = "" }] of Object.entries(packages)) {
    if (
      !/(?:^|\/)node_modules\/(?:@[^/]+\/)?[^/]+$/.test(path) ||
      /node_modules\/.*node_modules\//.test(path)
    )
      continue;
    const from = link ? join(copy, resolved) : join(ROOT, path);
    if (!existsSync(from)) continue;
    mkdirSync(dirname(join(copy, path)), { recursive: true });
    symlinkSync(from, join(copy, path));
  }
}
