/**
 * What may happen to a conversation, as functions from one document to the next: who may begin a turn, what becomes of a run
 * whose process died, how a paused run goes on. The stores that have no SQL of their own apply them by compare-and-swap.
 *
 * Guarantees: each rule says everything that it changes, so that one write makes all of it true or none of it; a rule that
 * refuses throws and changes nothing. The Postgres store says the same in SQL, and one set of tests holds both to it.
 */
import { type Clock, DeputizeError, newId } from "@deputize/core";
import type { Label } from "@deputize/guardrails/flow";
import {
  type ConversationDocument,
  type RunEntry,
  factsOf,
  shownMessage,
  summaryOf,
} from "./conversation-document.ts";
import {
  type AssistantMessage,
  CUT_OFF,
  type ClaimedTurn,
  type ConversationFacts,
  type ConversationSummary,
  type Conversations,
  type KeptMessage,
  LEASE_MS,
  type Message,
  type RunKey,
  type RunRow,
  type Runs,
  SessionAccessDeniedError,
  type StoredMessage,
  conversationBusy,
  conversationTaken,
  nothingWaits,
  runEndedElsewhere,
  runNotFound,
  stateMovedOn,
} from "./conversation-store.ts";
import { history } from "./history.ts";
import { storableText } from "./jsonb.ts";

const TITLE_MAX = 200;
const TITLE_SHOWN = 80;

/** What a rule decided: the document as it shall be, messages to append to it, and the answer once that is stored. */
export interface Change<T> {
  readonly document: ConversationDocument;
  readonly append: readonly StoredMessage[];
  readonly answer: T;
}

type Document = ConversationDocument | undefined;
export type Turn = Parameters<Runs["claimTurn"]>[1];

/** The first line of what was asked, as a title. */
export function titleOf(message: string): string {
  const line = storableText(message).replaceAll(/\s+/g, " ").trim();
  if (line.length <= TITLE_SHOWN) return line || "New conversation";
  return `${storableText(line.slice(0, TITLE_SHOWN - 1)).trimEnd()}…`;
}

/** A title that a person gave. Throws `validation_failed`. */
export function parseTitle(title: string): string {
  const clean = storableText(title).trim();
  if (clean !== "" && clean.length <= TITLE_MAX) return clean;
  throw new DeputizeError("validation_failed", `a title has 1 to ${TITLE_MAX} characters`, {
    detail: { field: "title" },
  });
}

/** A message that is only text. */
export function plainMessage(content: string, label: Label): AssistantMessage {
  return {
    content,
    label,
    agentsInvolved: [],
    cards: [],
    steps: [],
    approvals: [],
    tokensIn: 0,
    tokensOut: 0,
  };
}

function existing(document: Document): ConversationDocument {
  if (!document || document.deleted) throw new SessionAccessDeniedError();
  return document;
}

/** The document with one message more. */
function say(
  document: ConversationDocument,
  run: string,
  role: "user" | "assistant",
  message: AssistantMessage,
  clock: Clock,
): { readonly document: ConversationDocument; readonly message: StoredMessage } {
  const now = clock.nowMs();
  const seq = document.lastSeq + 1;
  return {
    document: { ...document, lastSeq: seq, lastMessage: now },
    message: {
      id: newId(clock),
      seq,
      run,
      role,
      content: storableText(message.content),
      ...(role === "assistant" && { agent_name: document.agent }),
      agents_involved: message.agentsInvolved,
      cards: message.cards,
      steps: message.steps,
      approvals: message.approvals,
      label: message.label,
      tokens_in: message.tokensIn,
      tokens_out: message.tokensOut,
      created: new Date(now).toISOString(),
    },
  };
}

/** Runs whose process died are failed, and said so; one that was resuming waits again, since its decision still holds. */
function expireDeadRuns(
  before: ConversationDocument,
  clock: Clock,
): { readonly document: ConversationDocument; readonly append: readonly StoredMessage[] } {
  let document = before;
  const append: StoredMessage[] = [];
  for (const run of before.runs) {
    if (run.status !== "running" || run.lease >= clock.nowMs()) continue;
    if (run.approvalId !== undefined) {
      document = withRun(document, { ...run, status: "waiting" });
      continue;
    }
    const said = say(
      withoutRun(document, run.id),
      run.id,
      "assistant",
      plainMessage(CUT_OFF, run.label),
      clock,
    );
    document = said.document;
    append.push(said.message);
  }
  return { document, append };
}

const withRun = (document: ConversationDocument, run: RunEntry): ConversationDocument => ({
  ...document,
  runs: [...document.runs.filter(({ id }) => id !== run.id), run],
});

const withoutRun = (document: ConversationDocument, runId: string): ConversationDocument => ({
  ...document,
  runs: document.runs.filter(({ id }) => id !== runId),
});

const refuseIfBusy = ({ runs }: ConversationDocument): void => {
  if (runs.some(({ status }) => status === "running")) throw conversationBusy();
};

/** The running run of `key`; a run that is gone was ended by somebody else. */
function running(document: ConversationDocument, { runId }: RunKey): RunEntry {
  const run = document.runs.find(({ id, status }) => id === runId && status === "running");
  if (!run) throw runEndedElsewhere();
  return run;
}

const newDocument = (
  key: { readonly agent: string; readonly conversationId: string },
  title: string,
  now: number,
): ConversationDocument => ({
  version: 1,
  agent: key.agent,
  id: key.conversationId,
  title,
  created: now,
  lastMessage: now,
  lastSeq: 0,
  deleted: false,
  runs: [],
});

/** `earlier`: the newest messages, oldest first, as many as the turn wants. */
export function claimTurn(
  before: Document,
  key: { readonly agent: string; readonly conversationId: string },
  turn: Turn,
  earlier: readonly StoredMessage[],
  clock: Clock,
): Change<ClaimedTurn> {
  const now = clock.nowMs();
  if (!before && turn.mustExist && turn.conversationId !== undefined) throw new SessionAccessDeniedError();
  const begun = before ?? newDocument(key, titleOf(turn.message), now);
  const alive = expireDeadRuns(existing(begun), clock);
  refuseIfBusy(alive.document);
  const runId = newId(clock);
  const claimed = withRun(alive.document, {
    id: runId,
    status: "running",
    state: {},
    label: turn.label,
    lease: now + LEASE_MS,
    stopRequested: false,
  });
  const said = say(claimed, runId, "user", plainMessage(turn.message, turn.label), clock);
  return {
    document: said.document,
    append: [...alive.append, said.message],
    answer: {
      runId,
      conversationId: key.conversationId,
      ...history([...earlier, ...alive.append].slice(-turn.history)),
    },
  };
}

export function claimResumption(before: Document, approvalId: string, clock: Clock): Change<RunRow> {
  if (!before || before.deleted) throw nothingWaits();
  const { document, append } = expireDeadRuns(before, clock);
  const run = document.runs.find((one) => one.approvalId === approvalId);
  if (!run) throw nothingWaits();
  refuseIfBusy(document);
  return {
    document: withRun(document, {
      ...run,
      status: "running",
      lease: clock.nowMs() + LEASE_MS,
      stopRequested: false,
    }),
    append,
    answer: { runId: run.id, conversationId: document.id, state: run.state, label: run.label },
  };
}

export function finish(
  before: Document,
  run: RunKey,
  message: AssistantMessage,
  clock: Clock,
): Change<string> {
  const document = existing(before);
  running(document, run);
  const said = say(withoutRun(document, run.runId), run.runId, "assistant", message, clock);
  return { document: said.document, append: [said.message], answer: said.message.id };
}

export function pause(
  before: Document,
  run: RunKey,
  { approvalId, state, message }: Parameters<Runs["pause"]>[2],
  clock: Clock,
): Change<string> {
  const document = existing(before);
  const paused = withRun(document, {
    ...running(document, run),
    status: "waiting",
    state,
    label: message.label,
    lease: 0,
    approvalId,
  });
  const said = say(paused, run.runId, "assistant", message, clock);
  return { document: said.document, append: [said.message], answer: said.message.id };
}

export function checkpoint(before: Document, run: RunKey, state: unknown, label: Label): Change<void> {
  const document = existing(before);
  return {
    document: withRun(document, { ...running(document, run), state, label }),
    append: [],
    answer: undefined,
  };
}

/** Undefined when the run is no longer the asker's. */
export function renew(before: Document, run: RunKey, clock: Clock): Change<"go on" | "stop"> | undefined {
  const found = before?.runs.find(({ id, status }) => id === run.runId && status === "running");
  if (!before || !found) return undefined;
  return {
    document: withRun(before, { ...found, lease: clock.nowMs() + LEASE_MS }),
    append: [],
    answer: found.stopRequested ? "stop" : "go on",
  };
}

export function requestStop(before: Document, runId: string): Change<"running" | "stopped"> {
  const run = before?.runs.find(({ id }) => id === runId);
  if (!before || !run) throw runNotFound();
  return run.status === "waiting"
    ? { document: withoutRun(before, runId), append: [], answer: "stopped" }
    : { document: withRun(before, { ...run, stopRequested: true }), append: [], answer: "running" };
}

export function rename(before: Document, title: string): Change<ConversationSummary> {
  const document = { ...existing(before), title };
  return { document, append: [], answer: summaryOf(document) };
}

/** What stays is that the id is taken. */
export function remove(before: Document): Change<void> {
  const { metadata: _metadata, state: _state, stateVersion: _version, ...rest } = existing(before);
  return { document: { ...rest, title: "", deleted: true, runs: [] }, append: [], answer: undefined };
}

export function begin(
  before: Document,
  key: { readonly agent: string; readonly conversationId: string },
  { title, metadata = {} }: NonNullable<Parameters<Conversations["begin"]>[1]>,
  clock: Clock,
): Change<ConversationFacts> {
  if (before) throw conversationTaken();
  const name = title === undefined ? titleOf("") : parseTitle(title);
  const document = { ...newDocument(key, name, clock.nowMs()), metadata };
  return { document, append: [], answer: factsOf(document) };
}

/** Messages that no turn made. They count as one run that is over. */
export function append(
  before: Document,
  messages: readonly KeptMessage[],
  clock: Clock,
): Change<readonly Message[]> {
  const alive = expireDeadRuns(existing(before), clock);
  refuseIfBusy(alive.document);
  let { document } = alive;
  const run = newId(clock);
  const appended = messages.map(({ role, content, label }) => {
    const said = say(document, run, role, plainMessage(content, label), clock);
    document = said.document;
    return said.message;
  });
  return { document, append: [...alive.append, ...appended], answer: appended.map(shownMessage) };
}

/** Nothing of the document changes: it says that no turn runs, which could have read the message. */
export function unchanged(before: Document): Change<void> {
  const document = existing(before);
  refuseIfBusy(document);
  return { document, append: [], answer: undefined };
}

export function setFacts(
  before: Document,
  { metadata, state, expected }: Parameters<Conversations["setFacts"]>[2],
): Change<ConversationFacts> {
  const document = existing(before);
  const version = document.stateVersion ?? 0;
  if (expected !== undefined && expected !== version) throw stateMovedOn();
  const changed: ConversationDocument = {
    ...document,
    ...(metadata && { metadata }),
    ...(state && { state, stateVersion: version + 1 }),
  };
  return { document: changed, append: [], answer: factsOf(changed) };
}
