/** What somebody's own code threw, for the person who wrote it. */
import { isDeputizeError } from "./errors.ts";

/** In one line: what was thrown, and where in the author's own files. For a terminal and never for an answer. */
export function faultInOneLine(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown).split("\n", 1)[0] ?? "";
  const [line = ""] = thrown.message.split("\n", 1);
  const own = (thrown.stack ?? "").replaceAll(/file:\/\/[^\s()]*\/node_modules\/[^\s()]*/g, "");
  const [, path, row] = /file:\/\/([^\s()]+?):(\d+)/.exec(own) ?? [];
  const at = path === undefined ? "" : ` (${decodeURIComponent(path.split("/").at(-1) ?? "")}:${row})`;
  const name = thrown.name === "Error" || isDeputizeError(thrown) ? "" : `${thrown.name}: `;
  return `${name}${line}${at}`;
}
