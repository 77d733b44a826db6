/** What a run did: its steps with their times, and every event as it was told. */
import {
  type AgentServerClient,
  type Run,
  type RunEvent,
  emptyRunView,
  withEvent,
} from "@deputize/client/server";
import { asText, fill, h, told, trouble } from "./dom.ts";
import { badge, runFacts, stepList } from "./parts.ts";

const MOST_EVENTS = 500;

function eventRow({ seq, event, data }: RunEvent): HTMLElement {
  return h(
    "tr",
    {},
    h("td", {}, seq),
    h("td", {}, h("code", {}, event)),
    h("td", {}, h("pre", {}, asText(data).slice(0, 4000))),
  );
}

export function traceView(
  client: AgentServerClient,
  threadId: string | null,
  signal: AbortSignal,
): HTMLElement {
  const list = h("div", { class: "picks" });
  const detail = h("div", {});
  const problem = h("div", {});
  let following = new AbortController();

  async function show(run: Run): Promise<void> {
    following.abort();
    following = new AbortController();
    const mine = AbortSignal.any([following.signal, signal]);
    for (const pick of list.children) pick.setAttribute("aria-pressed", String(pick.id === run.run_id));
    const summary = h("div", {});
    const rows = h("tbody", {});
    const table = h(
      "table",
      {},
      h("caption", {}, "Events"),
      h("thead", {}, h("tr", {}, h("th", {}, "No."), h("th", {}, "Event"), h("th", {}, "Data"))),
      rows,
    );
    fill(
      detail,
      summary,
      h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Events" }, table),
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
          h(
            "small",
            {},
            `begun ${run.created_at ?? "?"}${run.ended_at === null ? "" : `, ended ${run.ended_at}`}`,
          ),
          stepList(view.steps),
          view.error && h("p", { class: "trouble" }, view.error.message, h("code", {}, view.error.code)),
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
      data.runs.length === 0 && h("p", { class: "hint" }, "No run yet. Say something in the chat."),
      data.runs.map((run) =>
        h(
          "button",
          { type: "button", id: run.run_id, "aria-pressed": "false", onclick: () => void show(run) },
          badge(run.status),
          h("span", {}, run.created_at === null ? run.run_id : new Date(run.created_at).toLocaleTimeString()),
          h("small", {}, run.agent),
        ),
      ),
    );
    const [first] = data.runs;
    if (first) void show(first);
  }

  void told(problem, load);
  return h(
    "div",
    { class: "pane" },
    h("h2", {}, threadId === null ? "Runs" : "Runs of this thread"),
    list,
    problem,
    detail,
  );
}
