/**
 * The tool server that a file exports, for commands that look at it or serve it.
 *
 * Guarantees: a file that does not load is told in one line, with the place; what it prints while loading goes to standard
 * error. Does not: keep the file from doing what it does when it is imported, such as opening its database.
 */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { DeputizeError, faultInOneLine } from "@deputize/core";
import type { MCPServer } from "@deputize/mcp";

/** What commands need of a server; the file may have it from another copy of this package. */
export type ToolServer = Pick<MCPServer, "name" | "listen" | "explain" | "close" | "devToken">;

const NEEDED = ["listen", "explain", "close", "devToken"] as const;

function isToolServer(value: unknown): value is ToolServer {
  return (
    typeof value === "object" &&
    value !== null &&
    NEEDED.every((name) => typeof (value as Record<string, unknown>)[name] === "function")
  );
}

/** Imports the file. Throws `config_invalid` with the reason in one line. */
export async function loadToolServer(file: string): Promise<ToolServer> {
  const path = resolve(file);
  if (!existsSync(path)) throw new DeputizeError("config_invalid", `there is no ${file}`);
  let module: Record<string, unknown>;
  try {
    module = await printingToStderr(() => orStuck(import(pathToFileURL(path).href)));
  } catch (cause) {
    throw new DeputizeError("config_invalid", `${file} does not load: ${faultInOneLine(cause)}`, { cause });
  }
  const server = [module["default"], module["server"]].find(isToolServer);
  if (server) return server;
  throw new DeputizeError(
    "config_invalid",
    `${file} exports no MCPServer; write \`export const server = new MCPServer({ … })\`, or make it the default export`,
  );
}

/** The module, or a throw when nothing is left that it could be waiting for. */
async function orStuck<T>(loading: Promise<T>): Promise<T> {
  const stuck = Promise.withResolvers<never>();
  const idle = () => {
    // Its place would be this one, not the author's.
    stuck.reject(Object.assign(new Error("it awaits something that never comes"), { stack: "" }));
    // This process has to live on to say so.
    setImmediate(() => {});
  };
  process.once("beforeExit", idle);
  try {
    return await Promise.race([loading, stuck.promise]);
  } finally {
    process.off("beforeExit", idle);
  }
}

async function printingToStderr<T>(work: () => Promise<T>): Promise<T> {
  const { log, info, debug } = console;
  const toStderr = (...parts: unknown[]) => console.error(...parts);
  Object.assign(console, { log: toStderr, info: toStderr, debug: toStderr });
  try {
    return await work();
  } finally {
    Object.assign(console, { log, info, debug });
  }
}
