/**
 * `npm start` of an installed clone until it answers, what its processes hold in memory then, and the first page's
 * weight. On the embedded database and a folder of its own, as a newcomer has it.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { buildWeb } from "../scripts/build-web.ts";

const GIVE_UP_MS = 60_000;
const WARM_REQUESTS = 300;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise<void>((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Resident memory of a process and everything that it started, in MB. */
function residentMb(pid: number): number {
  const own = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "0";
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").split(" ").filter(Boolean),
  );
  return Number(own) / 1000 + children.reduce((sum, child) => sum + residentMb(Number(child)), 0);
}

async function startOnce(data: string): Promise<{ seconds: number; idleMb: number; warmMb: number }> {
  const port = await freePort();
  const env: NodeJS.ProcessEnv = { ...process.env, PORT: String(port) };
  for (const name of Object.keys(env))
    if (/^(DATABASE_URL|REDIS_URL|DEPUTIZE_.*)$/.test(name)) delete env[name];
  const began = performance.now();
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL("../scripts/start.mjs", import.meta.url)), "--port", String(port), "--data", data],
    { env, stdio: ["ignore", "pipe", "pipe"] },
  );
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (part) => (said += String(part)));
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const ask = async (): Promise<boolean> => {
    try {
      const answer = await fetch(`http://127.0.0.1:${port}/`);
      return answer.ok && (await answer.text()).includes("<script");
    } catch {
      return false;
    }
  };
  try {
    while (!(await ask())) {
      if (child.exitCode !== null || performance.now() - began > GIVE_UP_MS) {
        throw new Error(`npm start did not answer:\n${said.slice(-2_000)}`);
      }
      await wait(20);
    }
    const seconds = (performance.now() - began) / 1000;
    const idleMb = residentMb(child.pid ?? 0);
    for (let i = 0; i < WARM_REQUESTS; i += 1) {
      const answer = await fetch(`http://127.0.0.1:${port}/api/products?limit=20`);
      await answer.text();
      if (answer.status >= 500) throw new Error(`the shop answered ${answer.status}`);
    }
    return { seconds, idleMb, warmMb: residentMb(child.pid ?? 0) };
  } finally {
    child.kill("SIGTERM");
    await Promise.race([ended, wait(10_000)]);
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
  }
}

export async function run(): Promise<void> {
  // An installed clone has its page built.
  const { firstPageBytes } = await buildWeb();
  console.log(
    "\nstarting (embedded; budgets: first answer < 10 s, memory < 800 MB, first page < 200 kB gzipped)",
  );
  for (let i = 0; i < 3; i += 1) {
    const data = mkdtempSync(join(tmpdir(), "deputize-bench-"));
    try {
      for (const which of ["a new data folder", "the same folder again"]) {
        const { seconds, idleMb, warmMb } = await startOnce(data);
        console.log(
          `  ${which.padEnd(22)} first answer ${seconds.toFixed(2)} s; memory ${Math.round(idleMb)} MB, after ${WARM_REQUESTS} requests ${Math.round(warmMb)} MB`,
        );
      }
    } finally {
      rmSync(data, { recursive: true, force: true });
    }
  }
  console.log(`  first page ${(firstPageBytes / 1000).toFixed(1)} kB gzipped`);
}
