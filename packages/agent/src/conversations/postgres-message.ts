/** A message as a row of `agent.messages`. */
import { parseLabel } from "@deputize/guardrails/flow";
import type { Approval, Card, Step } from "../events.ts";
import type { StoredMessage } from "./conversation-store.ts";

export interface MessageRow {
  id: string;
  seq: number;
  run: string;
  role: "user" | "assistant";
  content: string;
  agent_name: string | null;
  agents_involved: string[];
  cards: Card[];
  steps: Step[];
  approvals: Approval[];
  label: unknown;
  tokens_in: number;
  tokens_out: number;
  created: Date;
}

export const MESSAGE = `id, seq, run, role, content, agent_name, agents_involved, cards, steps, approvals, label, tokens_in,
  tokens_out, created`;

export const storedMessage = ({ agent_name, label, created, ...row }: MessageRow): StoredMessage => ({
  ...row,
  ...(agent_name !== null && { agent_name }),
  label: parseLabel(label),
  created: new Date(created).toISOString(),
});
