/** The options of commands that look at a project or serve it. */
import type { Command } from "commander";
import { withJson } from "./connection.ts";
import { wholeNumber } from "./parse.ts";
import { plain, print } from "./print.ts";
import type { ServedProject } from "./project-dev.ts";

export interface ServeProjectOptions {
  readonly config?: string;
  readonly json?: boolean;
  readonly port?: number;
  readonly host?: string;
  readonly allowAnonymous?: boolean;
}

/** `[folder]`, `--config`. */
export function withConfig(command: Command): Command {
  return command
    .argument("[folder]", "the project", ".")
    .option("-c, --config <file>", "its configuration; deputize.json unless told (GRAPH_PATH)");
}

/** And where it is served. */
export function withServing(command: Command): Command {
  return withConfig(withJson(command))
    .option(
      "-p, --port <n>",
      "the port; 0 takes a free one (PORT, or `port` of the file, or 8000)",
      wholeNumber(0, 65_535),
    )
    .option("-H, --host <address>", "the address to bind (`host` of the file, or 127.0.0.1)")
    .option(
      "--allow-anonymous",
      'without `auth`, and beyond this machine: the second yes, beside "allow_anonymous": true in the file',
    );
}

/** What `startProject` is told. */
export function orderOf(folder: string, { config, port, host, allowAnonymous }: ServeProjectOptions) {
  return { folder, config, port, host, allowAnonymous };
}

/** A start, in lines for people. */
export function sayServing({ url, agents, auth, file }: ServedProject): void {
  const ways = auth.length > 0 ? auth.map(plain).join(", then ") : "nobody is asked who they are";
  print(
    `agents:    ${agents.map(plain).join(", ")}`,
    `sign-in:   ${ways}`,
    `settings:  ${plain(file)}`,
    `address:   ${plain(url)}   (its routes: ${plain(url)}/docs)`,
  );
}
