/** Which slot an answer lies in: a hash of everything that it may rest on besides the data that tools read. */
import { canonical } from "@deputize/audit";
import { type Caller, hashParts } from "@deputize/core";
import type { AnswerBasis, Turn } from "../turn/ports.ts";

/** Whom an answer may be given to again: who asked, in the conversation where they asked, or everybody in the tenant. */
export type CacheScope = "per-user" | "per-session" | "shared";

export interface SlotParts {
  readonly scope: CacheScope;
  readonly turn: Turn;
  readonly basis: AnswerBasis;
  readonly embedder: string;
  /** What the question says (question.ts). */
  readonly signature: string;
}

/** Whose entries a person's are. */
export const ownerOf = ({ tenant, subject }: Pick<Caller, "tenant" | "subject">): string =>
  hashParts(["owner", tenant, subject]);

/** One role, scope, limit, tool, instruction or earlier message more or less is another slot [PR-D32]. */
export function slotOf({ scope, turn, basis, embedder, signature }: SlotParts): string {
  const { caller } = turn;
  const who = {
    "per-user": ["subject", caller.subject],
    "per-session": ["conversation", caller.subject, turn.conversationId],
    shared: ["shared"],
  }[scope];
  // What was asked in an untrusted context is no answer in a trusted one. Shared answers have none (semantic-cache.ts).
  const { integrity, readers } = basis.label;
  const label = scope === "shared" ? "" : JSON.stringify([integrity, readers]);
  return hashParts([
    "answer-1",
    caller.tenant,
    JSON.stringify(who),
    JSON.stringify([...caller.roles].sort()),
    JSON.stringify([...caller.scopes].sort()),
    JSON.stringify(caller.actors),
    canonical(caller.constraints ?? {}),
    turn.agent,
    basis.model,
    basis.instructions,
    JSON.stringify(
      basis.tools.map((tool) => JSON.stringify([tool.name, tool.description, tool.inputSchema])).sort(),
    ),
    JSON.stringify(basis.context),
    label,
    embedder,
    signature,
  ]);
}
