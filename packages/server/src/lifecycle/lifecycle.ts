/**
 * How a server of ours comes up and goes down.
 *
 * Guarantees: what is started is undone in the reverse order, whatever fails; open requests get a time to finish and are
 * cut then; what is known to go wrong at a start becomes one line with the fix.
 */
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { DeputizeError, isDeputizeError } from "@deputize/core";

/** Takes the port; answers which one it is, for port 0. */
export function listen(
  server: Server,
  at: { readonly port: number; readonly host: string },
): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(at.port, at.host, () => {
      server.removeListener("error", reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

/** Takes no new requests; what is still open after `graceMs` is cut. */
export async function stopListening(server: Server, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const cut = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearTimeout(cut);
}

/** Runs the undos, last first; what fails does not keep the others from running, and is thrown at the end. */
export async function undoAll(undo: readonly (() => Promise<unknown>)[]): Promise<void> {
  let failure: unknown;
  for (const each of undo.toReversed()) {
    await each().catch((error: unknown) => {
      failure ??= error;
    });
  }
  if (failure !== undefined) throw failure;
}

function codesOf(error: unknown): string[] {
  const codes: string[] = [];
  for (let each = error; each instanceof Error; each = each.cause) {
    const { code } = each as { code?: unknown };
    if (typeof code === "string") codes.push(code);
  }
  return codes;
}

/** The error of a failed start as one line with the fix. */
export function explainStart(
  error: unknown,
  settings: { readonly port: number; readonly host: string; readonly dataDir: string },
): DeputizeError {
  const codes = codesOf(error);
  const config = (message: string): DeputizeError =>
    new DeputizeError("config_invalid", message, { cause: error });
  if (codes.includes("EADDRINUSE")) {
    return config(`port ${settings.port} is taken; stop what uses it or choose another with --port`);
  }
  if (codes.includes("EACCES") && !isDeputizeError(error)) {
    return config(
      `port ${settings.port} needs rights that this user does not have; choose one above 1023 with --port`,
    );
  }
  if (codes.includes("EADDRNOTAVAIL") || codes.includes("ENOTFOUND")) {
    return config(`this machine has no address ${settings.host}; choose another with --host`);
  }
  // 53100 is Postgres' own code for a full disk.
  if (codes.includes("ENOSPC") || codes.includes("53100")) {
    return config(`the disk is full; free some space under ${settings.dataDir} and start again`);
  }
  if (isDeputizeError(error)) return error;
  return new DeputizeError("internal", "the server could not start; the log says why", { cause: error });
}
