/**
 * Conversations over a backend of documents: reads one, asks a rule what it becomes, and writes it if nobody was faster;
 * otherwise again, by what it has become.
 *
 * Guarantees: whatever a rule decides holds at the moment of its write, so of any number of claims one wins, and appended
 * messages are never lost or doubled [PR-D25] [PR-D28]. Trouble of the store is `unavailable`, never an empty answer [PR-D29].
 */
import { type Caller, type Clock, isUuid, newId } from "@deputize/core";
import {
  type ConversationDocument,
  aliasesOf,
  factsOf,
  shownMessage,
  summaryOf,
} from "./conversation-document.ts";
import * as rules from "./conversation-rules.ts";
import {
  type ConversationRoom,
  type ConversationStore,
  type ExportRecord,
  SessionAccessDeniedError,
  type StoredMessage,
  conversationBusy,
  messageNotFound,
  nothingWaits,
  runNotFound,
  storeFault,
} from "./conversation-store.ts";
import type { DocumentBackend, Room } from "./document-backend.ts";
import { type ConversationRef, type ExportSource, exportRecords } from "./export-records.ts";
import { conversationsAPage, messagesAPage, pageOf, readCursor } from "./pages.ts";
import { generateSessionId } from "./session-id.ts";

/** Each time that one loses, another got further, so this many in a row are a fault. */
const ATTEMPTS = 100;
const EXPORT_PAGE = 500;

type Rule<T> = (
  before: ConversationDocument | undefined,
) => Promise<rules.Change<T> | undefined> | rules.Change<T> | undefined;

/** The faces of a store over `backend`, without its kind. */
export function documentStore(backend: DocumentBackend): Omit<ConversationStore, "kind" | "close"> {
  return {
    open: (agent, clock) => documentRoom(backend, agent, clock),
    export: (caller) => exported(backend, caller, async () => [...(await allRefs(backend, caller))]),
    eraseOwner: (owner) => guarded(() => backend.eraseOwner(owner)),
  };
}

async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw storeFault(error);
  }
}

/** Applies `rule` to the document; undefined when the rule has nothing to change. */
async function change<T>(
  backend: DocumentBackend,
  room: Room,
  id: string,
  clock: Clock,
  rule: Rule<T>,
): Promise<{ readonly answer: T } | undefined> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const found = await backend.read(room, id);
    const decided = await rule(found?.document);
    if (!decided) return undefined;
    const { document, append, answer } = decided;
    const [before, after] = [found ? aliasesOf(found.document) : [], aliasesOf(document)];
    const written = await backend.write(room, id, {
      document,
      append,
      expected: found?.version,
      version: newId(clock),
      aliases: {
        add: after.filter((alias) => !before.includes(alias)),
        drop: before.filter((alias) => !after.includes(alias)),
      },
    });
    if (written) return { answer };
  }
  throw conversationBusy();
}

function documentRoom(backend: DocumentBackend, agent: string, clock: Clock): ConversationRoom {
  const roomOf = ({ tenant, subject }: Caller): Room => ({ tenant, subject, agent });

  /** `missing` is thrown for an id that is none. */
  const apply = <T>(caller: Caller, id: string, rule: Rule<T>, missing?: () => Error): Promise<T> =>
    guarded(async () => {
      const none = missing ?? (() => new SessionAccessDeniedError());
      if (!isUuid(id)) throw none();
      const done = await change(backend, roomOf(caller), id, clock, rule);
      if (!done) throw none();
      return done.answer;
    });

  /** As `apply`, of the conversation that a run or an approval belongs to. */
  const applyTo = <T>(caller: Caller, alias: string, missing: () => Error, rule: Rule<T>): Promise<T> =>
    guarded(async () => {
      const id = await backend.resolve(roomOf(caller), alias);
      if (id === undefined) throw missing();
      return apply(caller, id, rule, missing);
    });

  return {
    claimTurn: (caller, turn) => {
      const conversationId = turn.conversationId ?? generateSessionId();
      return apply(caller, conversationId, async (before) => {
        const room = roomOf(caller);
        const read = before ? await backend.messages(room, conversationId, { limit: turn.history }) : [];
        const earlier = read.filter(({ removed }) => removed !== true);
        return rules.claimTurn(before, { agent, conversationId }, turn, earlier, clock);
      });
    },
    claimResumption: (caller, approvalId) =>
      applyTo(caller, approvalId, nothingWaits, (before) => rules.claimResumption(before, approvalId, clock)),
    finish: (caller, run, _status, message) =>
      apply(caller, run.conversationId, (before) => rules.finish(before, run, message, clock)),
    pause: (caller, run, paused) =>
      apply(caller, run.conversationId, (before) => rules.pause(before, run, paused, clock)),
    checkpoint: (caller, run, state, label) =>
      apply(caller, run.conversationId, (before) => rules.checkpoint(before, run, state, label)),
    renew: (caller, run) =>
      guarded(async () => {
        const rule = (before: ConversationDocument | undefined) => rules.renew(before, run, clock);
        const done = await change(backend, roomOf(caller), run.conversationId, clock, rule);
        return done?.answer ?? "stop";
      }),
    requestStop: (caller, runId) =>
      applyTo(caller, runId, runNotFound, (before) => rules.requestStop(before, runId)),

    list: (caller, { limit, cursor } = {}) =>
      guarded(async () => {
        const size = conversationsAPage(limit);
        const found = await backend.list(roomOf(caller), readCursor(cursor), size + 1);
        return pageOf(found.map(summaryOf), size);
      }),
    get: (caller, id, { limit, before } = {}) =>
      guarded(async () => {
        const { title } = await readable(backend, roomOf(caller), id);
        const size = messagesAPage(limit);
        const found = await backend.messages(roomOf(caller), id, { before, limit: size + 1 });
        const page = found.slice(-size);
        const messages = page.filter(({ removed }) => removed !== true).map(shownMessage);
        const earlier = found.length > size ? page[0]?.seq : undefined;
        return { id, title, messages, ...(earlier !== undefined && { earlier }) };
      }),
    rename: async (caller, id, title) => {
      const clean = rules.parseTitle(title);
      return apply(caller, id, (before) => rules.rename(before, clean));
    },
    delete: (caller, id) => apply(caller, id, rules.remove),
    begin: (caller, { id = generateSessionId(), ...conversation } = {}) =>
      apply(caller, id, (before) => rules.begin(before, { agent, conversationId: id }, conversation, clock)),
    append: (caller, id, messages) => apply(caller, id, (before) => rules.append(before, messages, clock)),
    facts: (caller, id) => guarded(async () => factsOf(await readable(backend, roomOf(caller), id))),
    setFacts: (caller, id, facts) => apply(caller, id, (before) => rules.setFacts(before, facts)),
    removeMessage: (caller, id, messageId) =>
      guarded(async () => {
        const room = roomOf(caller);
        await readable(backend, room, id);
        const found = await messageOf(backend, room, id, messageId);
        // Written as it is, under its version: no turn has read the message and none begins meanwhile.
        await apply(caller, id, rules.unchanged);
        await backend.replaceMessage(room, id, emptied(found));
      }),
    export: (caller, id) =>
      exported(backend, caller, async () => {
        if (id === undefined) return refsOf(backend, roomOf(caller));
        await readable(backend, roomOf(caller), id);
        return [{ agent, id }];
      }),
  };
}

/** Throws `not_found`. Reads from the newest on, since that is what people take back. */
async function messageOf(
  backend: DocumentBackend,
  room: Room,
  id: string,
  messageId: string,
): Promise<StoredMessage> {
  for (let before: number | undefined; ;) {
    const page = await backend.messages(room, id, { before, limit: EXPORT_PAGE });
    const found = page.find((message) => message.id === messageId && message.removed !== true);
    if (found) return found;
    const first = page[0];
    if (!first || first.seq <= 1) throw messageNotFound();
    before = first.seq;
  }
}

/** What is left of a message that was taken out: its place. */
const emptied = (message: StoredMessage): StoredMessage => ({
  ...message,
  content: "",
  cards: [],
  steps: [],
  approvals: [],
  removed: true,
});

async function readable(backend: DocumentBackend, room: Room, id: string): Promise<ConversationDocument> {
  const found = isUuid(id) ? await backend.read(room, id) : undefined;
  if (!found || found.document.deleted) throw new SessionAccessDeniedError();
  return found.document;
}

const refsOf = async (backend: DocumentBackend, room: Room): Promise<ConversationRef[]> =>
  (await backend.ids(room)).map((id) => ({ agent: room.agent, id }));

async function allRefs(backend: DocumentBackend, { tenant, subject }: Caller): Promise<ConversationRef[]> {
  const refs: ConversationRef[] = [];
  for (const agent of await backend.agents({ tenant, subject }))
    refs.push(...(await refsOf(backend, { tenant, subject, agent })));
  return refs;
}

async function* exported(
  backend: DocumentBackend,
  { tenant, subject }: Caller,
  refs: () => Promise<readonly ConversationRef[]>,
): AsyncGenerator<ExportRecord> {
  const roomOf = (agent: string): Room => ({ tenant, subject, agent });
  const source: ExportSource = {
    read: async ({ agent, id }) => {
      const document = (await backend.read(roomOf(agent), id))?.document;
      if (!document || document.deleted) return undefined;
      return { ...summaryOf(document), agent, created: new Date(document.created).toISOString() };
    },
    messagesAfter: ({ agent, id }, after) =>
      backend.messages(roomOf(agent), id, { after, limit: EXPORT_PAGE }),
  };
  try {
    yield* exportRecords(source, await refs());
  } catch (error) {
    throw storeFault(error);
  }
}
