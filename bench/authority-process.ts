/** `deputize serve` as a process of its own, over a database of its own, for measurements of the broker protocol. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { randomHex } from "@deputize/core";
import { LOGIN_ROLES, roleName } from "@deputize/store";
import { testDatabaseUrl } from "@deputize/store/testing";

export interface AuthorityProcess {
  readonly port: number;
  readonly adminSecret: string;
  /** A query as the owner; undefined when the database is the embedded one. */
  readonly owner: pg.Client | undefined;
  end(): Promise<void>;
}

/** Starts one whose operator may launch workers with `operatorScopes`. */
export async function startAuthorityProcess(operatorScopes: readonly string[]): Promise<AuthorityProcess> {
  const folder = mkdtempSync(join(tmpdir(), "deputize-bench-"));
  const name = `bench_${randomHex(6)}`;
  const adminSecret = randomHex(32);
  let owner: pg.Client | undefined;
  let url: string | undefined;
  if (testDatabaseUrl !== undefined) {
    await asServer(testDatabaseUrl, [`CREATE DATABASE ${name}`]);
    const own = new URL(testDatabaseUrl);
    own.pathname = `/${name}`;
    url = own.href;
    owner = new pg.Client({ connectionString: url });
    await owner.connect();
  }
  const child = spawn(
    process.execPath,
    [
      fileURLToPath(new URL("../packages/deputize/src/cli.ts", import.meta.url)),
      "serve",
      "--port",
      "0",
      "--data",
      folder,
    ],
    {
      stdio: ["ignore", "pipe", "inherit"],
      env: {
        PATH: process.env["PATH"],
        DEPUTIZE_ADMIN_SECRET: adminSecret,
        DEPUTIZE_OPERATOR_SCOPES: operatorScopes.join(" "),
        ...(url !== undefined && { DATABASE_URL: url, DEPUTIZE_ROLE_PREFIX: name }),
      },
    },
  );
  const port = await listeningPort(child);
  return {
    port,
    adminSecret,
    owner,
    async end() {
      const gone = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      await gone;
      await owner?.end();
      if (testDatabaseUrl !== undefined) {
        const roles = LOGIN_ROLES.map((role) => `DROP ROLE IF EXISTS ${roleName(name, role)}`);
        await asServer(testDatabaseUrl, [`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`, ...roles]);
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Waits for the line that names the address. */
function listeningPort(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("exit", (code) => reject(new Error(`deputize serve ended with ${code}`)));
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on("line", (line) => {
      const port = /https?:\/\/[^\s/]+:(\d+)/.exec(line)?.[1];
      if (port === undefined) return;
      child.removeAllListeners("exit");
      resolve(Number(port));
    });
  });
}

async function asServer(url: string, statements: readonly string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}
