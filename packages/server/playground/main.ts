/**
 * The playground: a page of the agent server itself, for trying its agents.
 *
 * Guarantees: it talks to its own origin and to no other [AF-D26]. A token stays in this page's memory: it is in no storage, no cookie and
 * no address, and gone with the page.
 */
import { AgentServerClient, AuthenticationError, type ThreadItem } from "@deputize/client/server";
import { type ChatView, chatView } from "./chat-view.ts";
import { fill, el, told, trouble } from "./dom.ts";
import { approvalsView, toolsView } from "./lists.ts";
import { traceView } from "./trace-view.ts";
import "./style.css";

const VIEWS = { chat: "Chat", trace: "Trace", tools: "Tools", approvals: "Approvals" } as const;
type View = keyof typeof VIEWS;

let token: string | undefined;
const client = new AgentServerClient({
  baseUrl: location.origin,
  // Without a token there is no header; one that is refused is asked for again.
  fetch: (input, init) => {
    const headers = new Headers(init?.headers);
    if (token !== undefined) headers.set("Authorization", `Bearer ${token}`);
    return fetch(input, { ...init, headers });
  },
});

let view: View = "chat";
let threadId: string | null = null;
let open: ChatView | undefined;
let leaving = new AbortController();

const main = el("main", { id: "view" });
const threads = el("ul", {});
const problem = el("div", {});
const tabs = el(
  "nav",
  { class: "tabs", "aria-label": "Views" },
  Object.entries(VIEWS).map(([name, title]) =>
    el("button", { type: "button", "data-view": name, onclick: () => show(name as View) }, title),
  ),
);

function show(next: View): void {
  view = next;
  open?.close();
  open = undefined;
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  for (const tab of tabs.children)
    tab.setAttribute("aria-current", (tab as HTMLElement).dataset["view"] === view ? "page" : "false");
  if (view === "chat") {
    open = chatView(client, threadId, (id) => {
      threadId = id;
      void loadThreads();
    });
    fill(main, open.element);
  } else if (view === "trace") fill(main, traceView(client, threadId, signal));
  else fill(main, view === "tools" ? toolsView(client, signal) : approvalsView(client, signal));
}

function choose(id: string | null): void {
  threadId = id;
  mark();
  show(view === "trace" ? "trace" : "chat");
}

function mark(): void {
  for (const item of threads.querySelectorAll<HTMLElement>("button[data-thread]"))
    item.setAttribute("aria-current", String(item.dataset["thread"] === threadId));
}

function threadRow({ thread_id, thread_name, updated_at }: ThreadItem): HTMLElement {
  const name = thread_name ?? thread_id;
  return el(
    "li",
    {},
    el(
      "button",
      { type: "button", class: "thread", "data-thread": thread_id, onclick: () => choose(thread_id) },
      el("span", {}, name),
      updated_at !== null && el("small", {}, new Date(updated_at).toLocaleString()),
    ),
    el(
      "button",
      {
        type: "button",
        class: "plain",
        "aria-label": `Delete ${name}`,
        onclick: () =>
          void told(problem, async () => {
            await client.deleteThread(thread_id);
            if (threadId === thread_id) choose(null);
            await loadThreads();
          }),
      },
      "×",
    ),
  );
}

/** Throws when the server wants to know who asks. */
async function loadThreads(): Promise<void> {
  const { data } = await client.threads({ limit: 100 });
  fill(
    threads,
    data.threads.length === 0 && el("li", { class: "hint" }, "No thread yet."),
    data.threads.map(threadRow),
  );
  mark();
}

function signIn(why?: unknown): void {
  const field = el("input", {
    id: "token",
    type: "password",
    autocomplete: "off",
    spellcheck: "false",
    required: true,
  });
  const submit = (event: Event): void => {
    event.preventDefault();
    token = field.value.trim();
    field.value = "";
    void start();
  };
  fill(
    document.body,
    el(
      "main",
      { class: "sign-in" },
      el("h1", {}, "Playground"),
      el(
        "p",
        {},
        "This server asks who you are. A token that you give here stays in this page until you leave it.",
      ),
      why !== undefined && trouble(why),
      el(
        "form",
        { onsubmit: submit },
        el("label", { for: "token" }, "Access token"),
        field,
        el("button", { class: "primary" }, "Continue"),
      ),
    ),
  );
  field.focus();
}

async function start(): Promise<void> {
  try {
    await loadThreads();
  } catch (error) {
    const isRefused = error instanceof AuthenticationError;
    if (isRefused && token === undefined) return signIn();
    token = undefined;
    return signIn(error);
  }
  const leave = (): void => {
    token = undefined;
    open?.close();
    leaving.abort();
    signIn();
  };
  fill(
    document.body,
    el(
      "header",
      {},
      el("h1", {}, "Playground"),
      tabs,
      token !== undefined && el("button", { type: "button", class: "plain", onclick: leave }, "Forget token"),
    ),
    el(
      "aside",
      { "aria-label": "Threads" },
      el(
        "details",
        { open: matchMedia("(min-width: 48rem)").matches },
        el("summary", {}, "Threads"),
        el("button", { type: "button", class: "new", onclick: () => choose(null) }, "New thread"),
        problem,
        threads,
      ),
    ),
    main,
  );
  show("chat");
}

void start();
