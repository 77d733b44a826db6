/** The page of the HTML report: markup only, made of records. Every value goes through `escape`. */
import type { ObservedEvent } from "../transporter.ts";
import type { RequestSeen } from "./html-report.ts";

const STYLE = `
:root { color-scheme: light dark; --line: #d7dbe0; --dim: #5b6570; --bar: #3b6fd4; --tool: #2e8b6f; --layer: #8a6bbf; --bad: #c2413a; }
@media (prefers-color-scheme: dark) { :root { --line: #3a4149; --dim: #9aa4ae; --bar: #7aa2f0; --tool: #5fc3a3; --layer: #b79be6; --bad: #f08a80; } }
body { font: 14px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
h1 { font-size: 1.3rem; } h2 { font-size: 1rem; margin: 0; font-weight: 600; }
section { border: 1px solid var(--line); border-radius: 8px; padding: .75rem 1rem; margin: 1rem 0; }
header p, .note { color: var(--dim); margin: .1rem 0 .6rem; }
table { border-collapse: collapse; width: 100%; table-layout: fixed; }
th, td { text-align: left; padding: .15rem .5rem .15rem 0; font-weight: 400; vertical-align: top; overflow-wrap: anywhere; }
th { width: min(17rem, 32%); } td.ms { width: 4.5rem; text-align: right; font-variant-numeric: tabular-nums; }
.track { position: relative; height: 1.1em; margin-top: .2em; background: color-mix(in srgb, var(--line) 35%, transparent); border-radius: 3px; }
.track i { position: absolute; top: 0; bottom: 0; min-width: 2px; border-radius: 3px; background: var(--layer); }
.track .model { background: var(--bar); } .track .tool { background: var(--tool); } .track .turn { background: var(--dim); opacity: .5; }
.track .bad { background: var(--bad); opacity: 1; } b.bad { color: var(--bad); } .texts td { color: var(--dim); white-space: pre-wrap; }
`;

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};
const escape = (value: string | number): string =>
  String(value).replace(/[&<>"']/g, (one) => ENTITIES[one] ?? "");

/** The whole page, newest request first. */
export function pageOf(requests: readonly RequestSeen[]): string {
  const sections = requests.map(sectionOf).join("\n");
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Turns</title>
<style>${STYLE}</style>
<h1>Turns of agents</h1>
<p class="note">Newest request first. Grey: a turn of an agent; blue: a model; green: a tool; violet: cache and memory; red: it failed.</p>
${sections || "<p>No turns yet.</p>"}
</html>
`;
}

interface Row {
  readonly agent: string;
  readonly what: string;
  readonly kind: "turn" | "model" | "tool" | "layer";
  readonly bad: boolean;
  readonly note: string;
  readonly endMs: number;
  readonly ms: number;
  readonly texts: Readonly<Record<string, string>>;
}

function sectionOf({ correlationId, events }: RequestSeen): string {
  const rows = events.flatMap(rowOf).sort((a, b) => a.endMs - a.ms - (b.endMs - b.ms) || b.ms - a.ms);
  const from = Math.min(...rows.map(({ endMs, ms }) => endMs - ms));
  const total = Math.max(1, Math.max(...rows.map(({ endMs }) => endMs)) - from);
  const agents = [...new Set(events.map(({ agent }) => agent))].join(", ");
  const body = rows.map((row) => markupOf(row, from, total)).join("\n");
  return `<section>
<header><h2>${escape(agents)}</h2><p>${escape(events[0]?.at ?? "")} · ${escape(correlationId)}</p></header>
<table>${body}</table>
</section>`;
}

function markupOf(row: Row, from: number, total: number): string {
  const percent = (ms: number): string => ((ms / total) * 100).toFixed(2);
  const left = percent(row.endMs - row.ms - from);
  const name = row.bad ? `<b class="bad">${escape(row.what)}</b>` : escape(row.what);
  const texts = Object.entries(row.texts)
    .map(
      ([key, text]) => `<tr class="texts"><th></th><td colspan="2">${escape(key)}: ${escape(text)}</td></tr>`,
    )
    .join("");
  return `<tr><th scope="row">${escape(row.agent)} · ${name}</th><td><div class="track" title="${escape(row.note)}"><i class="${row.kind}${row.bad ? " bad" : ""}" style="left:${left}%;width:${percent(row.ms)}%"></i></div>${escape(row.note)}</td><td class="ms">${escape(Math.round(row.ms))} ms</td></tr>${texts}`;
}

const used = (event: { readonly tokensIn: number; readonly tokensOut: number }): string =>
  `${event.tokensIn} tokens in, ${event.tokensOut} out`;

function rowOf(event: ObservedEvent): Row[] {
  const common = {
    agent: event.agent,
    endMs: Date.parse(event.at),
    texts: event.texts ?? {},
    bad: false,
    note: "",
    ms: 0,
  };
  switch (event.kind) {
    case "turn_started":
      return event.texts ? [{ ...common, kind: "turn", what: "asked" }] : [];
    case "turn_ended": {
      const note = [event.code, used(event)].filter(Boolean).join(", ");
      const what = `turn ${event.status}`;
      return [{ ...common, kind: "turn", what, bad: event.status === "failed", note, ms: event.ms }];
    }
    case "model_called": {
      const bad = event.outcome === "failed";
      return [{ ...common, kind: "model", what: event.model, bad, note: used(event), ms: event.ms }];
    }
    case "tool_called": {
      const bad = event.status === "failed";
      return [{ ...common, kind: "tool", what: event.tool, bad, note: event.status, ms: event.ms }];
    }
    case "agent_used":
      return [{ ...common, kind: "layer", what: `asked ${event.used.agent}`, note: used(event.used) }];
    case "cache_looked":
      return [
        { ...common, kind: "layer", what: "cache", note: event.result.replace("_", " "), ms: event.ms },
      ];
    case "memory_recalled":
      return [{ ...common, kind: "layer", what: "memory", note: `${event.count} recalled`, ms: event.ms }];
    case "guard_acted":
      return [{ ...common, kind: "layer", what: `guard ${event.action}`, note: event.direction }];
    case "layer_failed":
      return [{ ...common, kind: "layer", what: event.layer, note: event.code, bad: true }];
  }
}
