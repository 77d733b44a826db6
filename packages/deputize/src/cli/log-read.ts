/** Pages of a tool server's log, out of its file, in the form in which a running server answers them. Loaded only when asked for. */
import { readFilePage } from "@deputize/audit";
import { renderEvent } from "@deputize/authority";
import { requireFiles } from "./log-work.ts";

export interface FileFilter {
  readonly agentId?: string;
  readonly taskId?: string;
  readonly eventType?: string;
  readonly outcome?: string;
  readonly since?: string;
  readonly until?: string;
}

export interface FilePageWanted {
  readonly order: string;
  readonly limit: number;
  readonly offset?: number | undefined;
  readonly cursor?: number | undefined;
}

/** Throws `config_invalid` for a file that is not there. Lines that are none of a log are told on standard error. */
export async function filePage(
  files: readonly string[],
  { agentId, taskId, eventType, outcome, since, until }: FileFilter,
  { order, limit, offset = 0, cursor }: FilePageWanted,
): Promise<unknown> {
  requireFiles(files);
  const { entries, total, next, malformed } = await readFilePage(files, {
    order: order === "oldest" ? "oldest" : "newest",
    limit,
    offset,
    ...(cursor !== undefined && { cursor }),
    ...(agentId !== undefined && { agentId }),
    ...(taskId !== undefined && { taskId }),
    ...(eventType !== undefined && { action: eventType }),
    ...(outcome !== undefined && {
      outcomes: outcome === "success" ? ["allowed", "info"] : ["refused", "failed"],
    }),
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
  });
  if (malformed > 0) {
    console.error(`${malformed} line(s) are none of a log; \`deputize audit verify --file\` says more`);
  }
  const events = entries.map((entry) => JSON.parse(renderEvent(entry)) as unknown);
  return { events, total, offset, limit, ...(next !== undefined && { next: String(next) }) };
}
