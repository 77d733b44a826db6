/**
 * The thread that owns the embedded database. It receives whole frontend messages of the Postgres wire
 * protocol and answers with what the database said; a query that never ends blocks only this thread.
 */
import { existsSync, mkdirSync, openAsBlob, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { PGlite } from "@electric-sql/pglite";
import { vector } from "@electric-sql/pglite-pgvector";

const port = parentPort;
if (!port) throw new Error("this file runs in a worker thread");
const { dataDir, snapshot } = workerData as { dataDir?: string; snapshot?: string };

const database = await PGlite.create({
  ...(dataDir && { dataDir }),
  ...(snapshot && existsSync(snapshot) && { loadDataDir: await openAsBlob(snapshot) }),
  extensions: { vector },
});
if (snapshot && !existsSync(snapshot)) {
  const empty = await database.dumpDataDir("none");
  mkdirSync(dirname(snapshot), { recursive: true });
  // Several test processes may write it at once: a rename makes it whole or absent.
  const draft = `${snapshot}.${process.pid}`;
  writeFileSync(draft, Buffer.from(await empty.arrayBuffer()));
  renameSync(draft, snapshot);
}
port.on("message", async (message: Uint8Array | "close") => {
  if (message === "close") {
    await database.close();
    port.postMessage("closed");
    return;
  }
  const answer = await database.execProtocolRaw(message);
  port.postMessage(answer);
});
port.postMessage("ready");
