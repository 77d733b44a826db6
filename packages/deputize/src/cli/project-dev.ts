/** `deputize dev`: what the process that serves a project is told, and what it tells. */
import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import type { StartedProject } from "@deputize/server/agent-server";
import { type ReloadEvents, serveAndReload } from "./reload.ts";

/** What the process is to do. */
export interface ProjectOrder {
  readonly folder: string;
  readonly config?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly allowAnonymous?: boolean | undefined;
}

export type ServedProject = Omit<StartedProject, "close">;

/** Serves until it is stopped. */
export function serveProject(
  order: ProjectOrder,
  events: ReloadEvents<ServedProject>,
): { stop: () => Promise<void> } {
  const child = new URL("./project-dev-child.ts", import.meta.url);
  return serveAndReload<ServedProject>({ child, order, files: watched(order) }, events);
}

/** What no import tells of: the configuration, and files of the environment. */
function watched({ folder, config }: ProjectOrder): string[] {
  const named = config === undefined ? [] : [resolve(folder, config)];
  const there = existsSync(folder) ? readdirSync(folder) : [];
  const found = there.filter((name) =>
    /^\.?(?:deputize|agentflow)\b.*\.(?:json|[cm]?[jt]s)$|^\.env/.test(name),
  );
  return [...named, ...["deputize.json", ".env", ...found].map((name) => join(folder, name))];
}
