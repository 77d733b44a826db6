/** Talking with the agent on one thread. */
import { type AgentServerClient, type ChatState, createChat } from "@deputize/client/server";
import { fill, el, trouble } from "./dom.ts";
import { approvalCard, runFacts, stepList } from "./parts.ts";

export interface ChatView {
  readonly element: HTMLElement;
  readonly close: () => void;
}

const WHO: Readonly<Record<string, string>> = {
  user: "You",
  assistant: "Agent",
  system: "System",
  tool: "Tool",
};

function bubble(role: string, text: string): HTMLElement {
  return el("article", { class: `message ${role}` }, el("h3", {}, WHO[role] ?? role), el("p", {}, text));
}

/** `onThread` is told the id of a thread that begins here. */
export function chatView(
  client: AgentServerClient,
  threadId: string | null,
  onThread: (id: string) => void,
): ChatView {
  const chat = createChat({ client, threadId, onThread });
  const settled = el("div", {});
  const live = el("div", {});
  const problem = el("div", {});
  const log = el(
    "div",
    { class: "log", role: "log", "aria-label": "Conversation", tabindex: 0 },
    settled,
    live,
  );
  const field = el("textarea", {
    id: "message",
    rows: 2,
    placeholder: "Say something to the agent",
    onkeydown: (event: KeyboardEvent) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      form.requestSubmit();
    },
  });
  const send = el("button", { class: "primary" }, "Send");
  const stop = el("button", { type: "button", onclick: () => attempt(chat.stop()) }, "Stop");
  const form = el(
    "form",
    { class: "composer", onsubmit: submit },
    el("label", { for: "message", class: "unseen" }, "Message"),
    field,
    send,
    stop,
  );

  function submit(event: Event): void {
    event.preventDefault();
    const text = field.value.trim();
    if (text === "" || chat.state().phase !== "idle") return;
    field.value = "";
    chat.send(text).catch(() => {
      // What was not taken is not lost; why it was not is in the state.
      if (field.value === "") field.value = text;
    });
  }

  function attempt(work: Promise<void>): void {
    work.catch((error: unknown) => fill(problem, trouble(error)));
  }

  function running({ run, phase }: ChatState): HTMLElement | null {
    if (!run) return phase === "running" || phase === "loading" ? el("p", { class: "hint" }, "…") : null;
    return el(
      "div",
      {},
      stepList(run.steps),
      run.text !== "" && bubble("assistant", run.text),
      run.approvals.map((approval) =>
        approvalCard(approval, (id, decision) => attempt(chat.decide(id, decision))),
      ),
      run.error &&
        el("p", { class: "trouble", role: "alert" }, run.error.message, el("code", {}, run.error.code)),
      runFacts(run),
    );
  }

  let shown: ChatState["messages"] | undefined;
  let isDue = false;
  function render(): void {
    isDue = false;
    const state = chat.state();
    const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
    if (state.messages !== shown) {
      shown = state.messages;
      fill(
        settled,
        shown.map(({ role, text }) => bubble(role, text)),
        shown.length === 0 && state.phase === "idle" && el("p", { class: "hint" }, "Nothing was said yet."),
      );
    }
    fill(live, running(state));
    fill(problem, state.error && trouble(state.error));
    send.disabled = state.phase !== "idle";
    stop.hidden = state.phase !== "running" && state.phase !== "waiting";
    log.setAttribute("aria-busy", String(state.phase === "running"));
    if (isAtEnd) log.scrollTop = log.scrollHeight;
  }
  function soon(): void {
    if (isDue) return;
    isDue = true;
    requestAnimationFrame(render);
  }

  chat.subscribe(soon);
  void chat.open();
  render();
  return {
    element: el("div", { class: "chat" }, el("h2", { class: "unseen" }, "Conversation"), log, problem, form),
    close: () => chat.close(),
  };
}
