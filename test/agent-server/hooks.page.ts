/** A page that uses every hook, as a person's app would, in React's strict mode: everything is mounted twice. */
import { createElement as h, StrictMode, useState, type FormEvent } from "react";
import { createRoot } from "react-dom/client";
import { useApprovals, useChat, useRun, useThread, useThreads } from "@deputize/client/react";
import { AgentServerClient, bearerAuth } from "@deputize/client/server";

declare global {
  // What the test gives the page, and what it reads of it.
  var tokens: string[];
  var refreshes: number;
}
globalThis.refreshes = 0;

const client = new AgentServerClient({
  baseUrl: location.origin,
  auth: bearerAuth(({ refused }) => {
    if (refused) globalThis.refreshes += 1;
    return globalThis.tokens[Math.min(globalThis.refreshes, globalThis.tokens.length - 1)] ?? "";
  }),
});

function Talk() {
  const [threadId, setThreadId] = useState<string | null>(null);
  const chat = useChat(client, { threadId, onThread: setThreadId });
  const { threads, refresh } = useThreads(client);
  const { approvals, decide } = useApprovals(client, { everyMs: 300 });
  const { history } = useThread(client, chat.phase === "idle" ? threadId : null);
  const { run } = useRun(client, chat.run?.run_id ?? null);
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const text = String(new FormData(event.currentTarget).get("text"));
    // Pressed twice, as nervous people do.
    for (let press = 0; press < 2; press += 1) chat.send(text).then(refresh, () => undefined);
  };
  return h(
    "main",
    {},
    h(
      "form",
      { onSubmit: submit },
      h("input", { name: "text", "aria-label": "Text" }),
      h("button", {}, "Send"),
    ),
    h("button", { onClick: () => void chat.stop() }, "Stop"),
    h("output", { id: "phase" }, chat.phase),
    h("output", { id: "error" }, chat.error?.message ?? ""),
    h(
      "ol",
      { id: "messages" },
      chat.messages.map(({ id, role, text }) => h("li", { key: id }, `${role}: ${text}`)),
    ),
    h("p", { id: "live" }, chat.run?.text ?? ""),
    h("p", { id: "followed" }, `${run?.status ?? "none"}: ${run?.text ?? ""}`),
    h(
      "ul",
      { id: "threads" },
      threads.map(({ thread_id }) => h("li", { key: thread_id }, thread_id)),
    ),
    h(
      "ul",
      { id: "history" },
      history.map(({ message, steps }, at) => h("li", { key: at }, `${message.role} ${steps.length}`)),
    ),
    h(
      "ul",
      { id: "approvals" },
      approvals.map(({ id, tool }) =>
        h("li", { key: id }, tool, h("button", { onClick: () => void decide(id, "approve") }, "Approve")),
      ),
    ),
  );
}

const root = document.querySelector("#root");
if (root) createRoot(root).render(h(StrictMode, {}, h(Talk)));
