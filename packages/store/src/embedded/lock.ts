/**
 * One process per data folder: two on one embedded database lose rows silently. The lock is a listening
 * socket, so the system lets go of it however the process ends, and `kill -9` needs no repair.
 */
import { createHash } from "node:crypto";
import { existsSync, realpathSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DeputizeError } from "@deputize/core";

/** Socket addresses hold about 100 bytes; a deeper folder gets one of a fixed length elsewhere. */
const MAX_SOCKET_PATH = 100;

function socketPath(folder: string): string {
  const inside = join(folder, ".lock");
  if (Buffer.byteLength(inside) <= MAX_SOCKET_PATH) return inside;
  const name = createHash("sha256").update(realpathSync(folder)).digest("hex").slice(0, 24);
  return join(tmpdir(), `deputize-${name}.lock`);
}

function holderAnswers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", () => resolve(false));
  });
}

function tryListen(path: string): Promise<(() => Promise<void>) | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.unref();
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(undefined);
      else reject(error);
    });
    server.listen(path, () =>
      resolve(
        () =>
          new Promise((done) => {
            server.close(() => done());
          }),
      ),
    );
  });
}

/** Takes the folder's lock and returns what lets go of it. Throws `config_invalid` while another holds it. */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const path = socketPath(folder);
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const release = await tryListen(path);
    if (release) return release;
    if (await holderAnswers(path)) break;
    if (existsSync(path)) rmSync(path, { force: true });
  }
  throw new DeputizeError(
    "config_invalid",
    `the data folder ${folder} is in use by another process; stop that one or choose another folder with --data`,
  );
}
