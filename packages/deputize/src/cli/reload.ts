/**
 * Serving code while somebody writes it: in a process of its own, which is started anew whenever a file that it loaded is saved.
 *
 * Guarantees: the address stays the same; what does not load is told once and waited for; the process of the server ends with this one.
 * Does not: watch `node_modules`, or keep connections open over a restart.
 */
import { type ChildProcess, fork } from "node:child_process";
import { type FSWatcher, watch } from "node:fs";
import { basename, dirname } from "node:path";
import { fileURLToPath } from "node:url";

/** What the process tells: a file that it loaded, where it listens, or in one line why it cannot. */
export type ChildMessage<Started> =
  { readonly loaded: string } | { readonly listening: Started } | { readonly failed: string };

export interface ReloadOptions {
  /** The program of the process; its first argument is the order, as JSON. */
  readonly child: URL;
  readonly order: { readonly port?: number | undefined };
  /** Watched whatever the process loads; absolute. */
  readonly files: readonly string[];
}

export interface ReloadEvents<Started> {
  readonly listening: (started: Started) => void;
  /** One line. */
  readonly failed: (why: string) => void;
}

/** Editors save in several steps. */
const SETTLE_MS = 100;
const END_MS = 3_000;

/** Serves until it is stopped. */
export function serveAndReload<Started extends { readonly url: string }>(
  { child: program, order, files: always }: ReloadOptions,
  events: ReloadEvents<Started>,
): { stop: () => Promise<void> } {
  let { port } = order;
  let child: ChildProcess | undefined;
  let timer: NodeJS.Timeout | undefined;
  let turn: Promise<void> = Promise.resolve();
  let stopped = false;
  const files = watchFiles(() => {
    clearTimeout(timer);
    timer = setTimeout(() => (turn = turn.then(restart)), SETTLE_MS);
  });
  for (const file of always) files.add(file);

  function start(): void {
    const started = fork(fileURLToPath(program), [JSON.stringify({ ...order, port })], {
      // What a server prints is no part of what this command says.
      stdio: ["ignore", 2, 2, "ipc"],
    });
    child = started;
    started.on("message", (message: ChildMessage<Started>) => {
      if ("loaded" in message) return files.add(message.loaded);
      if ("failed" in message) return events.failed(message.failed);
      port = Number(new URL(message.listening.url).port) || port;
      events.listening(message.listening);
    });
    started.on("exit", (code) => {
      if (child === started) events.failed(`the server ended by itself (exit code ${code ?? "none"})`);
    });
  }

  async function restart(): Promise<void> {
    await end();
    if (!stopped) start();
  }

  async function end(): Promise<void> {
    const ending = child;
    child = undefined;
    if (!ending || ending.exitCode !== null || ending.signalCode !== null) return;
    const gone = new Promise((done) => ending.once("exit", done));
    const late = setTimeout(() => ending.kill("SIGKILL"), END_MS);
    ending.kill("SIGTERM");
    await gone;
    clearTimeout(late);
  }

  start();
  return {
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      files.close();
      await turn;
      await end();
    },
  };
}

/** Watches folders, since a file that is replaced is another file. */
function watchFiles(changed: () => void): { add: (path: string) => void; close: () => void } {
  const folders = new Map<string, { readonly watcher: FSWatcher; readonly names: Set<string> }>();
  return {
    add: (path) => {
      const folder = dirname(path);
      const known = folders.get(folder);
      if (known) return void known.names.add(basename(path));
      const names = new Set([basename(path)]);
      try {
        const watcher = watch(folder, (_event, name) => {
          if (name === null || names.has(name)) changed();
        });
        watcher.on("error", () => {});
        folders.set(folder, { watcher, names });
      } catch {
        // A folder that is not there yet: the file that names it is watched.
      }
    },
    close: () => {
      for (const { watcher } of folders.values()) watcher.close();
    },
  };
}
