/** A mandate as it is asked for, kept and shown. */
import type { Constraint } from "@deputize/core";

export interface MandateRequest {
  /** The agent's principal id; the person has permitted it. */
  readonly agent: string;
  /** What it is for, in the person's words: 5 to 500 characters. */
  readonly purpose: string;
  /** The only tools, as `server/tool`. */
  readonly tools: readonly string[];
  /** Where the agent itself may go: each is at the end of an edge of the agent, and none is the API of people. */
  readonly audiences: readonly string[];
  readonly scopes: readonly string[];
  /** Limits on arguments of tools, by name; `tools` is taken. */
  readonly constraints?: Readonly<Record<string, Constraint>>;
  /** Epoch milliseconds: a minute to 90 days from now. */
  readonly expiresAt: number;
}

export type MandateStatus = "active" | "expired" | "ended";

/** The shape of docs/architecture.md; times are RFC 3339. */
export interface MandateView {
  readonly id: string;
  readonly agent: { readonly id: string; readonly name: string };
  readonly purpose: string;
  readonly tools: readonly string[];
  readonly audiences: readonly string[];
  readonly scopes: readonly string[];
  readonly constraints?: Readonly<Record<string, unknown>>;
  readonly status: MandateStatus;
  readonly made: string;
  readonly expires: string;
  /** When and why it ended before its time. */
  readonly ended?: string;
  readonly reason?: string;
}

export interface MandateRow {
  id: string;
  agent: string;
  agent_name: string;
  purpose: string;
  audiences: string[];
  scopes: string[];
  constraints: Readonly<Record<string, unknown>>;
  state: "active" | "revoked";
  issued_at: Date;
  expires_at: Date;
  revoked_at: Date | null;
  reason: string | null;
}

/** The name under which a mandate's grant keeps its list of tools. */
export const TOOLS = "tools";

export const MANDATE_COLUMNS =
  "m.id, m.agent, a.name AS agent_name, m.purpose, g.audiences, g.scopes, g.constraints, g.state, g.issued_at, g.expires_at, g.revoked_at, g.reason";
export const MANDATE_TABLES = `authority.mandates m
  JOIN authority.grants g ON g.tenant = m.tenant AND g.id = m.id
  JOIN authority.agents a ON a.tenant = m.tenant AND a.principal_id = m.agent`;

export function mandateView(row: MandateRow, nowMs: number): MandateView {
  const { [TOOLS]: only, ...constraints } = row.constraints;
  const expired = row.expires_at.getTime() <= nowMs ? "expired" : "active";
  return {
    id: row.id,
    agent: { id: row.agent, name: row.agent_name },
    purpose: row.purpose,
    tools: (only as { onlyTools: readonly string[] }).onlyTools,
    audiences: row.audiences,
    scopes: row.scopes,
    ...(Object.keys(constraints).length > 0 && { constraints }),
    status: row.state === "revoked" ? "ended" : expired,
    made: row.issued_at.toISOString(),
    expires: row.expires_at.toISOString(),
    ...(row.revoked_at && { ended: row.revoked_at.toISOString() }),
    ...(row.reason !== null && { reason: row.reason }),
  };
}
