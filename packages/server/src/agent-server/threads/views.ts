/** Threads and messages as they leave: names as clients of the original know them. */
import type { Message } from "@deputize/agent";
import type { ListedThread, Thread } from "./thread-keeper.ts";

export const threadView = ({ agent, facts }: Thread) => ({
  thread_id: facts.id,
  thread_name: facts.title,
  agent: agent.name,
  created_at: facts.created,
  updated_at: facts.last_message,
  metadata: facts.metadata,
});

export const listedView = ({ id, title, agent, last_message }: ListedThread) => ({
  thread_id: id,
  thread_name: title,
  agent,
  updated_at: last_message,
});

export const messageView = ({ id, seq, role, content, created }: Message) => ({
  message_id: id,
  seq,
  role,
  content,
  created_at: created,
});

/** A message with what was done for it. */
export const historyView = (message: Message) => ({
  ...messageView(message),
  ...(message.agent_name !== undefined && { agent: message.agent_name }),
  agents_involved: message.agents_involved,
  steps: message.steps,
  cards: message.cards,
  approvals: message.approvals,
});
