/** `deputize tools dev`: what the process that serves a file of tools is told, and what it tells. */
import { resolve } from "node:path";
import type { Explanation, TokenClaims } from "@deputize/mcp";
import { type ReloadEvents, serveAndReload } from "./reload.ts";

/** What the process is to do. */
export interface DevOrder {
  readonly file: string;
  readonly port: number;
  readonly host: string;
  /** Make a token for this subject. */
  readonly token?: TokenClaims;
}

export interface Listening {
  readonly url: string;
  readonly name: string;
  readonly tools: readonly Explanation[];
  readonly token?: string;
}

/** Serves until it is stopped. */
export function serveTools(order: DevOrder, events: ReloadEvents<Listening>): { stop: () => Promise<void> } {
  const child = new URL("./tool-dev-child.ts", import.meta.url);
  return serveAndReload<Listening>({ child, order, files: [resolve(order.file)] }, events);
}
