/**
 * What a store must be able to do to keep conversations as documents: read one with its version, replace it if nobody else
 * did, append messages in the same step, and find it again.
 *
 * Guarantees: every key has tenant, owner and agent in it, each with its length, and is made here alone, so that no two people
 * share one and no id that somebody chose reaches another's [PR-D35].
 */
import { hashParts } from "@deputize/core";
import type { ConversationDocument } from "./conversation-document.ts";
import type { ErasedConversations, Owner, StoredMessage } from "./conversation-store.ts";
import type { Position } from "./pages.ts";

/** Whose conversations, and with which agent. */
export interface Room extends Owner {
  readonly agent: string;
}

export const ownerKey = ({ tenant, subject }: Owner): string => hashParts([tenant, subject]);
export const roomKey = ({ tenant, subject, agent }: Room): string => hashParts([tenant, subject, agent]);
export const conversationKey = ({ tenant, subject, agent }: Room, id: string): string =>
  hashParts([tenant, subject, agent, id]);

export interface Versioned {
  readonly document: ConversationDocument;
  /** A string that no other state of this document has. */
  readonly version: string;
}

export interface DocumentWrite extends Versioned {
  /** The version that this write replaces; undefined when there is to be none yet. */
  readonly expected: string | undefined;
  readonly append: readonly StoredMessage[];
  /** Ids of runs and approvals that from now on lead here, and those that no longer do. */
  readonly aliases: { readonly add: readonly string[]; readonly drop: readonly string[] };
}

export interface DocumentBackend {
  read(room: Room, id: string): Promise<Versioned | undefined>;
  /**
   * All of the write, durably as far as the store is, or nothing and false when `expected` is no longer so. A document that is
   * marked as deleted loses its messages and leaves the list.
   */
  write(room: Room, id: string, write: DocumentWrite): Promise<boolean>;
  /** The conversation that an alias leads to. */
  resolve(room: Room, alias: string): Promise<string | undefined>;
  /** Those that are not deleted, newest first and by greater id first within an instant, after `after`. */
  list(room: Room, after: Position | undefined, limit: number): Promise<readonly ConversationDocument[]>;
  /** Oldest first: the newest ones before `before`, or the first ones after `after`. */
  messages(
    room: Room,
    id: string,
    page: { readonly before?: number | undefined; readonly after?: number; readonly limit: number },
  ): Promise<readonly StoredMessage[]>;
  /** Puts a message in the place of the one with its number; nothing when there is none any more. */
  replaceMessage(room: Room, id: string, message: StoredMessage): Promise<void>;
  /** The agents with which somebody has conversations. */
  agents(owner: Owner): Promise<readonly string[]>;
  /** The ids of all conversations that are not deleted. */
  ids(room: Room): Promise<readonly string[]>;
  eraseOwner(owner: Owner): Promise<ErasedConversations>;
}
