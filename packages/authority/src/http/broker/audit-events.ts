/** `GET /v1/audit/events`: the log as the protocol shows it, filtered, one page at a time, oldest first unless told. */
import type { AuditView, LoggedEntry } from "@deputize/audit";
import { DeputizeError } from "@deputize/core";
import { checkBroker, singleQuery } from "./read-body.ts";
import { AuditQuery } from "./schemas.ts";
import type { StraightRoute } from "./straight-route.ts";

const LIMIT = { usual: 100, most: 1_000 } as const;

/** What of an entry's detail has a member of its own in the protocol. */
const OWN = { depth: "deleg_depth", chain_hash: "deleg_chain_hash", bytes: "bytes_transferred" } as const;

/** One entry as the JSON text of a protocol event. */
export function renderEvent(entry: LoggedEntry): string {
  const { event } = entry;
  const detail = event?.detail ?? {};
  const agent = event?.agent ?? entry.actors[0];
  return JSON.stringify({
    id: `evt-${String(entry.seq + 1).padStart(6, "0")}`,
    // By which a receipt is asked for.
    entry_id: entry.id,
    timestamp: entry.at,
    event_type: entry.action,
    ...(agent !== undefined && { agent_id: agent }),
    ...(event?.task !== undefined && { task_id: event.task }),
    ...(event?.orchestration !== undefined && { orch_id: event.orchestration }),
    ...(event?.resource !== undefined && { resource: event.resource }),
    outcome: entry.outcome === "allowed" || entry.outcome === "info" ? "success" : "denied",
    ...Object.fromEntries(
      Object.entries(OWN).flatMap(([name, shown]) =>
        detail[name] === undefined ? [] : [[shown, detail[name]]],
      ),
    ),
    ...(entry.reason !== undefined && { reason: entry.reason }),
    ...(event?.requestId !== undefined && { request_id: event.requestId }),
    detail: Object.keys(detail).length > 0 ? JSON.stringify(detail) : sentence(entry),
    hash: entry.hash,
    prev_hash: entry.prev_hash,
  });
}

/** Never empty, and says nothing that the codes do not. */
function sentence({ action, outcome, reason }: LoggedEntry): string {
  return `${action.replaceAll("_", " ")}: ${outcome}${reason === undefined ? "" : ` (${reason})`}`;
}

/** The query; empty values count as left out, as forms send them. */
function given(query: string): Record<string, string> {
  return Object.fromEntries(Object.entries(singleQuery(query)).filter(([, value]) => value !== ""));
}

export function auditRoute(pages: AuditView): StraightRoute {
  // By page, which the view keeps for as long as the log stands still.
  const written = new WeakMap<object, Buffer<ArrayBuffer>>();
  return {
    bearer: "admin:audit:*",
    query: true,
    answer: async (request, caller) => {
      const query = checkBroker(AuditQuery, given(request.query));
      if (query.cursor !== undefined && query.offset !== undefined) {
        throw new DeputizeError("invalid_request", "page by `cursor` or by `offset`, not by both");
      }
      const limit = Math.min(query.limit ?? LIMIT.usual, LIMIT.most);
      const page = await pages.query({
        tenant: caller.tenant,
        limit,
        order: query.order ?? "oldest",
        ...(query.agent_id !== undefined && { agentId: query.agent_id }),
        ...(query.task_id !== undefined && { taskId: query.task_id }),
        ...(query.event_type !== undefined && { action: query.event_type }),
        ...(query.outcome !== undefined && {
          outcome:
            query.outcome === "success" ? (["allowed", "info"] as const) : (["refused", "failed"] as const),
        }),
        ...(query.since !== undefined && { since: query.since }),
        ...(query.until !== undefined && { until: query.until }),
        ...(query.offset !== undefined && { offset: query.offset }),
        ...(query.cursor !== undefined && { cursor: query.cursor }),
      });
      let body = written.get(page);
      if (body === undefined) {
        // Entries are kept as text: a page is put together, not written out anew.
        const next = page.next === undefined ? "" : `,"next":"${page.next}"`;
        const events = page.rendered.join(",");
        body = Buffer.from(
          `{"events":[${events}],"total":${page.total},"offset":${query.offset ?? 0},"limit":${limit}${next}}`,
        );
        written.set(page, body);
      }
      return { status: 200, body };
    },
  };
}
