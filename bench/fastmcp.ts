/**
 * A server of the `fastmcp` library, for comparison. The library is no dependency of the project (it brings two hundred packages): it
 * is installed once into the cache folder, in this very version and without running any script of its packages.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { fileURLToPath, pathToFileURL } from "node:url";
import { join } from "node:path";
import { z } from "zod";

const VERSION = "4.20.16";

interface FastMCPServer {
  addTool(tool: {
    readonly name: string;
    readonly description: string;
    readonly parameters?: z.ZodType;
    readonly execute: (args: never) => Promise<string>;
  }): void;
  start(options: object): Promise<void>;
}

async function load(): Promise<new (options: object) => FastMCPServer> {
  const folder = fileURLToPath(
    new URL(`../node_modules/.cache/deputize/fastmcp-${VERSION}/`, import.meta.url),
  );
  const entry = join(folder, "node_modules/fastmcp/dist/FastMCP.js");
  if (!existsSync(entry)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
    const args = ["install", "--ignore-scripts", "--no-audit", "--no-fund", `fastmcp@${VERSION}`];
    const { status, stderr } = spawnSync("npm", args, { cwd: folder, encoding: "utf8" });
    if (status !== 0)
      throw new Error(`fastmcp could not be installed for the comparison: ${stderr.slice(-500)}`);
  }
  return ((await import(pathToFileURL(entry).href)) as { FastMCP: new (options: object) => FastMCPServer })
    .FastMCP;
}

/** Starts one tool, stateless and with JSON answers, as the others are measured. Returns its port; it ends with the process. */
export async function startFastMcp(tool: {
  readonly name: string;
  readonly input: z.ZodType;
  readonly run: (args: never) => object;
}): Promise<number> {
  const FastMCP = await load();
  const server = new FastMCP({ name: "fastmcp", version: "1.0.0", logger: quiet });
  server.addTool({
    name: tool.name,
    description: "The weather",
    parameters: tool.input,
    execute: async (args) => JSON.stringify(tool.run(args)),
  });
  const port = await freePort();
  await server.start({
    transportType: "httpStream",
    httpStream: { port, host: "127.0.0.1", stateless: true, enableJsonResponse: true },
  });
  return port;
}

const quiet = { debug() {}, error() {}, info() {}, log() {}, warn() {} };

function freePort(): Promise<number> {
  const probe = createServer();
  return new Promise((resolve, reject) => {
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}
