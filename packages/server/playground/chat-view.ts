/** Talking with the agent on one thread. */
import { type AgentServerClient, type ChatState, createChat } from "@deputize/client/server";
import { fill, h, trouble } from "./dom.ts";
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
  return h("article", { class: `message ${role}` }, h("h3", {}, WHO[role] ?? role), h("p", {}, text));
}

/** `onThread` is told the id of a thread that begins here. */
export function chatView(
  client: AgentServerClient,
  threadId: string | null,
  onThread: (id: string) => void,
): ChatView {
  const chat = createChat({ client, threadId, onThread });
  const settled = h("div", {});
  const live = h("div", {});
  const problem = h("div", {});
  const log = h(
    "div",
    { class: "log", role: "log", "aria-label": "Conversation", tabindex: 0 },
    settled,
    live,
  );
  const field = h("textarea", {
    id: "message",
    rows: 2,
    placeholder: "Say something to the agent",
    onkeydown: (event: KeyboardEvent) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      form.requestSubmit();
    },
  });
  const send = h("button", { class: "primary" }, "Send");
  const stop = h("button", { type: "button", onclick: () => attempt(chat.stop()) }, "Stop");
  const form = h(
    "form",
    { class: "composer", onsubmit: submit },
    h("label", { for: "message", class: "unseen" }, "Message"),
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
    if (!run) return phase === "running" || phase === "loading" ? h("p", { class: "hint" }, "…") : null;
    return h(
      "div",
      {},
      stepList(run.steps),
      run.text !== "" && bubble("assistant", run.text),
      run.approvals.map((approval) =>
        approvalCard(approval, (id, decision) => attempt(chat.decide(id, decision))),
      ),
      run.error &&
        h("p", { class: "trouble", role: "alert" }, run.error.message, h("code", {}, run.error.code)),
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
        shown.length === 0 && state.phase === "idle" && h("p", { class: "hint" }, "Nothing was said yet."),
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
    element: h("div", { class: "chat" }, h("h2", { class: "unseen" }, "Conversation"), log, problem, form),
    close: () => chat.close(),
  };
}
