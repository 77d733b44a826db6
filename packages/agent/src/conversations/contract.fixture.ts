/** What the tests of every store share: how one is opened, and short ways to say things in a room. */
import { type Caller, type ManualClock, manualClock, newId } from "@deputize/core";
import { privateLabel } from "@deputize/guardrails/flow";
import { alice } from "../agent.fixture.ts";
import { plainMessage } from "./conversation-rules.ts";
import type {
  AssistantMessage,
  ClaimedTurn,
  ConversationRoom,
  ConversationStore,
  ExportRecord,
} from "./conversation-store.ts";

export interface ContractStore {
  readonly store: ConversationStore;
  /** The same conversations through another client, as another process has them. */
  another(): Promise<ConversationStore>;
  /** A store that cannot reach its data; none for one that is this process. */
  readonly broken?: () => Promise<ConversationStore>;
  close(): Promise<void>;
}

export const AGENT = "order-management";
export const START = Date.UTC(2026, 0, 5);
export const label = privateLabel(alice.subject, "person");

export const answer = (content: string): AssistantMessage => ({
  ...plainMessage(content, privateLabel(alice.subject, "tool:get_order")),
  tokensIn: 3,
  tokensOut: 4,
});

/** A turn on `conversationId`, or on a new conversation. */
export const turnOf = (message: string, conversationId?: string, mustExist = false, history = 30) => ({
  conversationId,
  mustExist,
  message,
  label,
  history,
});

export interface Said {
  readonly room: ConversationRoom;
  readonly clock: ManualClock;
}

export function openRoom(store: ConversationStore, clock: ManualClock = manualClock(START)): Said {
  return { room: store.open(AGENT, clock), clock };
}

/** A whole turn: what was claimed, after its answer was stored. */
export async function talk(
  { room, clock }: Said,
  caller: Caller,
  message: string,
  conversationId?: string,
): Promise<ClaimedTurn> {
  const claimed = await room.claimTurn(caller, turnOf(message, conversationId));
  await room.finish(caller, claimed, "done", answer(`Answer to ${message}`));
  clock.advance(1_000);
  return claimed;
}

/** A turn that waits for an approval. */
export async function waitingTurn(
  { room }: Said,
  caller: Caller,
  state: unknown = { kept: true },
  approvalId: string = newId(),
): Promise<ClaimedTurn & { approvalId: string }> {
  const claimed = await room.claimTurn(caller, turnOf("cancel it"));
  await room.pause(caller, claimed, { approvalId, state, message: answer("May I?") });
  return { ...claimed, approvalId };
}

export const contents = async (room: ConversationRoom, caller: Caller, id: string): Promise<string[]> =>
  (await room.get(caller, id)).messages.map(({ content }) => content);

export async function gather(records: AsyncIterable<ExportRecord>): Promise<ExportRecord[]> {
  const all: ExportRecord[] = [];
  for await (const record of records) all.push(record);
  return all;
}

/** Everything that an error says. */
export const said = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "no error",
    (error: unknown) =>
      error instanceof Error ? JSON.stringify({ ...error, name: error.name, message: error.message }) : "?",
  );
