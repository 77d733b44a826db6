/**
 * The thread that owns the embedded database. It receives whole frontend messages of the Postgres wire
 * protocol and answers with what the database said; a query that never ends blocks only this thread.
 */
import { writeFileSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { PGlite } from "@electric-sql/pglite";
import { vector } from "@electric-sql/pglite-pgvector";

const port = parentPort;
if (!port) throw new Error("this file runs in a worker thread");
const { dataDir, snapshot } = workerData as { dataDir?: string; snapshot?: Blob };

// One session needs no room for a hundred: by default it takes 160 MB for pages, and zeroes them at each start.
const small = ["-c", "shared_buffers=32MB", "-c", "max_connections=20"];
const database = await PGlite.create({
  startParams: [...PGlite.defaultStartParams, ...small],
  ...(dataDir && { dataDir }),
  ...(snapshot && { loadDataDir: snapshot }),
  extensions: { vector },
});
port.on("message", async (message: Uint8Array | "close" | { dump: string }) => {
  if (message === "close") {
    await database.close();
    port.postMessage("closed");
  } else if (message instanceof Uint8Array) {
    port.postMessage(await database.execProtocolRaw(message));
  } else {
    const whole = await database.dumpDataDir("none");
    writeFileSync(message.dump, Buffer.from(await whole.arrayBuffer()));
    port.postMessage("dumped");
  }
});
port.postMessage("ready");
