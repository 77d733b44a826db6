/** What a run did: its steps with their times, and every event as it was told. */
import {
  type AgentServerClient,
  type Run,
  type RunEvent,
  emptyRunView,
  withEvent,
} from "@deputize/client/server";
import { asText, fill, el, told, trouble } from "./dom.ts";
import { badge, runFacts, stepList } from "./parts.ts";

const MOST_EVENTS = 500;

function eventRow({ seq, event, data }: RunEvent): HTMLElement {
  return el(
    "tr",
    {},
    el("td", {}, seq),
    el("td", {}, el("code", {}, event)),
    el("td", {}, el("pre", {}, asText(data).slice(0, 4000))),
  );
}

export function traceView(
  client: AgentServerClient,
  threadId: string | null,
  signal: AbortSignal,
): HTMLElement {
  const list = el("div", { class: "picks" });
  const detail = el("div", {});
  const problem = el("div", {});
  let following = new AbortController();

  async function show(run: Run): Promise<void> {
    following.abort();
    following = new AbortController();
    const mine = AbortSignal.any([following.signal, signal]);
    for (const pick of list.children) pick.setAttribute("aria-pressed", String(pick.id === run.run_id));
    const summary = el("div", {});
    const rows = el("tbody", {});
    const table = el(
      "table",
      {},
      el("caption", {}, "Events"),
      el("thead", {}, el("tr", {}, el("th", {}, "No."), el("th", {}, "Event"), el("th", {}, "Data"))),
      rows,
    );
    fill(
      detail,
      summary,
      el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Events" }, table),
    );
    let view = { ...emptyRunView(run.run_id), status: run.status };
    try {
      for await (const event of client.streamRun(run.run_id, { signal: mine })) {
        if (mine.aborted) return;
        view = withEvent(view, event);
        if (event.seq <= MOST_EVENTS) rows.append(eventRow(event));
        fill(
          summary,
          runFacts(view),
          el(
            "small",
            {},
            `begun ${run.created_at ?? "?"}${run.ended_at === null ? "" : `, ended ${run.ended_at}`}`,
          ),
          stepList(view.steps),
          view.error && el("p", { class: "trouble" }, view.error.message, el("code", {}, view.error.code)),
        );
      }
    } catch (error) {
      if (!mine.aborted) fill(problem, trouble(error));
    }
  }

  async function load(): Promise<void> {
    const { data } = await client.runs(
      { ...(threadId !== null && { thread_id: threadId }), limit: 50 },
      { signal },
    );
    fill(
      list,
      data.runs.length === 0 && el("p", { class: "hint" }, "No run yet. Say something in the chat."),
      data.runs.map((run) =>
        el(
          "button",
          { type: "button", id: run.run_id, "aria-pressed": "false", onclick: () => void show(run) },
          badge(run.status),
          el(
            "span",
            {},
            run.created_at === null ? run.run_id : new Date(run.created_at).toLocaleTimeString(),
          ),
          el("small", {}, run.agent),
        ),
      ),
    );
    const [first] = data.runs;
    if (first) void show(first);
  }

  void told(problem, load);
  return el(
    "div",
    { class: "pane" },
    el("h2", {}, threadId === null ? "Runs" : "Runs of this thread"),
    list,
    problem,
    detail,
  );
}
