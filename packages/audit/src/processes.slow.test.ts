import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { openStore } from "@deputize/store";
import { openTestStore, testDatabaseUrl } from "@deputize/store/testing";
import { auditMigrations } from "./audit-log.ts";
import { verifyLog } from "./log-source.ts";
import { createAuditLog } from "./log.ts";
import type { ProcessInput } from "./testing-process.ts";
import { TEST_ORIGIN, newSigningKey } from "./testing.ts";

/** Starts a process that appends until it is killed; tells every entry of which it heard that it is committed. */
function start(input: ProcessInput, acknowledged: string[]): ChildProcess {
  const child = spawn(process.execPath, [resolve(import.meta.dirname, "testing-process.ts")], {
    env: { ...process.env, AUDIT_PROCESS: JSON.stringify(input) },
    stdio: ["ignore", "pipe", "inherit"],
  });
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on("line", (id) => acknowledged.push(id));
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = new Promise((end) => child.once("close", end));
  child.kill("SIGKILL");
  await ended;
}

// The embedded database has one process, so this needs a server.
if (testDatabaseUrl !== undefined) {
  describe("several processes over one Postgres", () => {
    it(
      "make one log without gap, fork or loss while leaders are killed [SR-18]",
      { timeout: 120_000 },
      async () => {
        const database = await openTestStore([auditMigrations]);
        const rolePrefix = database.roleName("app").replace(/_app$/, "");
        const options = { url: database.url ?? "", secrets: database.secrets, rolePrefix };
        const store = await openStore({ ...options, migrations: [auditMigrations] });
        const signingKey = newSigningKey();
        const log = createAuditLog({ store, signingKey, origin: TEST_ORIGIN, leaseMs: 300 });
        const acknowledged: string[] = [];
        const run = (name: string) => start({ store: options, signingKey, name }, acknowledged);
        let running = [run("a"), run("b"), run("c")];
        try {
          for (let round = 0; round < 6; round += 1) {
            const before = acknowledged.length;
            await expect.poll(() => acknowledged.length, { timeout: 20_000 }).toBeGreaterThan(before + 60);
            const [first, ...rest] = running;
            if (first) await kill(first);
            running = [...rest, run(`again ${round}`)];
          }
        } finally {
          await Promise.all(running.map(kill));
        }
        try {
          await log.flush();
          const report = await verifyLog({ store, publicKey: log.publicKey });
          expect(report).toMatchObject({ ok: true, problems: [] });
          const { rows } = await store
            .pool("sequencer")
            .query<{ id: string }>("SELECT id::text AS id FROM audit.entries");
          const logged = new Set(rows.map((row) => row.id));
          expect(acknowledged.filter((id) => !logged.has(id))).toEqual([]);
          expect(acknowledged.length).toBeGreaterThan(360);
        } finally {
          await log.close();
          await store.close();
          await database.close();
        }
      },
    );
  });
}
