/** Threads, their messages and their state. */
import { type Json, idOf, isRecord, numberOf, record, recordsOf, textOf } from "./guards.ts";
import { type Answer, type ServerHttp, path } from "./http.ts";
import { Message, messageJson, readMessage, readMessages } from "./message.ts";
import { type Approval, type Step, readApproval, readStep } from "./run-events.ts";
import { type ThreadState, readState } from "./state.ts";

export interface CallOptions {
  readonly signal?: AbortSignal;
}

/** Where a list begins and how long it is. */
export interface PageRequest {
  readonly search?: string;
  readonly offset?: number;
  readonly limit?: number;
  /** Of messages: those before the one of this number, as the page before said in `earlier`. */
  readonly before?: number;
}

export interface MessagePage {
  /** The newest, oldest first. */
  readonly messages: readonly Message[];
  /** What to ask for as `before`; null when there are no earlier ones. */
  readonly earlier: number | null;
}

/** A message, and what was done for it. */
export interface HistoryItem {
  readonly message: Message;
  readonly agent: string | null;
  readonly steps: readonly Step[];
  readonly approvals: readonly Approval[];
}

export interface ThreadItem {
  readonly thread_id: string;
  readonly thread_name: string | null;
  readonly agent: string | null;
  readonly user_id: string | null;
  readonly metadata: Json | null;
  readonly created_at: string | null;
  readonly updated_at: string | null;
  /** The latest run, where the server says it. */
  readonly run_id: string | null;
}

export interface ThreadDetails extends ThreadItem {
  /** The same, where clients of the original look for it. */
  readonly thread_data: { readonly thread: ThreadItem };
}

export interface NewThread {
  readonly thread_id: string;
}

/** What was done, for calls that answer with nothing else. */
export interface Done {
  readonly success: boolean;
  readonly message?: string;
}

export interface ThreadCalls {
  /** A new, empty thread. */
  createThread(
    thread?: { readonly title?: string; readonly agent?: string; readonly metadata?: Json },
    options?: CallOptions,
  ): Promise<Answer<NewThread>>;
  /** One's own threads, newest first. */
  threads(
    search?: string | PageRequest,
    offset?: number,
    limit?: number,
  ): Promise<Answer<{ readonly threads: readonly ThreadItem[] }>>;
  threadDetails(threadId: string, options?: CallOptions): Promise<Answer<ThreadDetails>>;
  /** Gives a thread another name. */
  renameThread(threadId: string, title: string, options?: CallOptions): Promise<Answer<ThreadDetails>>;
  /** A new thread with the same messages. */
  copyThread(threadId: string, options?: CallOptions): Promise<Answer<NewThread>>;
  deleteThread(threadId: string, config?: Json, options?: CallOptions): Promise<Answer<Done>>;
  threadState(threadId: string, options?: CallOptions): Promise<Answer<ThreadState>>;
  /** Merges `state` in. With the version that was read, a writer in between makes it fail with `STALE_STATE`. */
  updateThreadState(
    threadId: string,
    config: Json,
    state: Json,
    options?: CallOptions & { readonly version?: number | string },
  ): Promise<Answer<ThreadState>>;
  clearThreadState(threadId: string, options?: CallOptions): Promise<Answer<Done>>;
  threadMessages(
    threadId: string,
    search?: string | PageRequest,
    offset?: number,
    limit?: number,
  ): Promise<Answer<MessagePage>>;
  /** Messages with the steps and approvals of each. */
  threadHistory(
    threadId: string,
    page?: { readonly before?: number; readonly limit?: number },
    options?: CallOptions,
  ): Promise<Answer<{ readonly history: readonly HistoryItem[]; readonly earlier: number | null }>>;
  /** Stores messages; no agent is asked. */
  addThreadMessages(
    threadId: string,
    messages: readonly Message[],
    config?: Json,
    metadata?: Json,
  ): Promise<Answer<Done & { readonly messages: readonly Message[] }>>;
  singleMessage(
    threadId: string,
    messageId: string,
    options?: CallOptions,
  ): Promise<Answer<{ readonly message: Message }>>;
  deleteMessage(
    threadId: string,
    messageId: string,
    config?: Json,
    options?: CallOptions,
  ): Promise<Answer<Done>>;
}

function readThread(value: Json): ThreadItem {
  const text = (name: string): string | null => textOf(value[name]) ?? null;
  return {
    thread_id: idOf(value, "thread_id"),
    thread_name: text("thread_name") ?? text("name"),
    agent: text("agent"),
    user_id: text("user_id"),
    metadata: isRecord(value["metadata"]) ? value["metadata"] : null,
    created_at: text("created_at"),
    updated_at: text("updated_at"),
    run_id: text("run_id"),
  };
}

function readDetails(data: unknown): ThreadDetails {
  const whole = record(data, "thread");
  const inner = isRecord(whole["thread_data"]) ? whole["thread_data"]["thread"] : undefined;
  const thread = readThread(isRecord(inner) ? inner : whole);
  return { ...thread, thread_data: { thread } };
}

function readNewThread(data: unknown): NewThread {
  return { thread_id: idOf(record(data, "thread"), "thread_id") };
}

/** An answer that says that something was done; one without a body has done it, too. */
export function readDone(data: unknown): Done {
  if (!isRecord(data)) return { success: true };
  const message = textOf(data["message"]);
  return { success: data["success"] !== false, ...(message !== undefined && { message }) };
}

function pageOf(search: string | PageRequest | undefined, offset?: number, limit?: number): Json {
  const page = typeof search === "object" ? search : { search, offset, limit };
  const { before } = page as PageRequest;
  return { search: page.search, offset: page.offset, limit: page.limit, before };
}

/** A config goes along only where somebody gave one: a DELETE needs no body [AF-D21]. */
function configBody(config: Json | undefined): { readonly body?: Json } {
  return config === undefined ? {} : { body: { config } };
}

export function threadCalls(http: ServerHttp): ThreadCalls {
  const query = (...page: Parameters<typeof pageOf>) => pageOf(...page) as Record<string, string | number>;
  return {
    createThread: (thread = {}, options = {}) =>
      http.call({ method: "POST", path: "/v1/threads", body: thread, ...options }, readNewThread),
    threads: (...page) =>
      http.call({ method: "GET", path: "/v1/threads", query: query(...page) }, (data) => ({
        threads: recordsOf(record(data, "threads")["threads"]).map(readThread),
      })),
    threadDetails: (id, options = {}) =>
      http.call({ method: "GET", path: path`/v1/threads/${id}`, ...options }, readDetails),
    renameThread: (id, title, options = {}) =>
      http.call({ method: "PATCH", path: path`/v1/threads/${id}`, body: { title }, ...options }, readDetails),
    copyThread: (id, options = {}) =>
      http.call({ method: "POST", path: path`/v1/threads/${id}/copy`, ...options }, readNewThread),
    deleteThread: (id, config, options = {}) =>
      http.call(
        { method: "DELETE", path: path`/v1/threads/${id}`, ...configBody(config), ...options },
        readDone,
      ),
    threadState: (id, options = {}) =>
      http.call({ method: "GET", path: path`/v1/threads/${id}/state`, ...options }, readState),
    updateThreadState: (id, config, state, { version, ...options } = {}) =>
      http.call(
        {
          method: "PUT",
          path: path`/v1/threads/${id}/state`,
          body: { config, state, ...(version !== undefined && { version }) },
          ...options,
        },
        readState,
      ),
    clearThreadState: (id, options = {}) =>
      http.call({ method: "DELETE", path: path`/v1/threads/${id}/state`, ...options }, readDone),
    threadMessages: (id, ...page) =>
      http.call({ method: "GET", path: path`/v1/threads/${id}/messages`, query: query(...page) }, (data) => {
        const page = record(data, "messages");
        return { messages: readMessages(page["messages"]), earlier: numberOf(page["earlier"]) ?? null };
      }),
    threadHistory: (id, { before, limit } = {}, options = {}) =>
      http.call(
        {
          method: "GET",
          path: path`/v1/threads/${id}/history`,
          query: { before, limit } as Record<string, number>,
          ...options,
        },
        (data) => {
          const page = record(data, "history");
          return {
            history: recordsOf(page["history"]).map((item) => ({
              message: readMessage(item),
              agent: textOf(item["agent"]) ?? null,
              steps: recordsOf(item["steps"]).map(readStep),
              approvals: recordsOf(item["approvals"]).map(readApproval),
            })),
            earlier: numberOf(page["earlier"]) ?? null,
          };
        },
      ),
    addThreadMessages: (id, messages, config = {}, metadata) =>
      http.call(
        {
          method: "POST",
          path: path`/v1/threads/${id}/messages`,
          body: { messages: messages.map(messageJson), config, ...(metadata && { metadata }) },
        },
        (data) => ({ ...readDone(data), messages: isRecord(data) ? readMessages(data["messages"]) : [] }),
      ),
    singleMessage: (id, messageId, options = {}) =>
      http.call(
        { method: "GET", path: path`/v1/threads/${id}/messages/${messageId}`, ...options },
        (data) => {
          const whole = record(data, "message");
          return { message: readMessage(isRecord(whole["message"]) ? whole["message"] : whole) };
        },
      ),
    deleteMessage: (id, messageId, config, options = {}) =>
      http.call(
        {
          method: "DELETE",
          path: path`/v1/threads/${id}/messages/${messageId}`,
          ...configBody(config),
          ...options,
        },
        readDone,
      ),
  };
}
