/** What the shop's tool servers are made of. */
import type { Clock } from "@deputize/core";
import type { AuditLog } from "@deputize/audit";
import type { ApprovalGate, Authenticator, CaseDirectory, MCPServerOptions } from "@deputize/mcp";
import type { Ephemeral, Store } from "@deputize/store";
import type { PeopleDirectory } from "../domain/profile.ts";

/** What one caller may ask of one tool server: far above a busy conversation, far below a flood of log entries. */
export const TOOL_CALLS = { perMinute: 600 } as const;

export interface ToolServerDeps {
  readonly auth: Authenticator;
  readonly store: Store;
  /** The audit log; `append` serves reads under a case, the rest is the tool server's own. */
  readonly audit: NonNullable<MCPServerOptions["audit"]> & Pick<AuditLog, "append">;
  readonly ephemeral: Ephemeral;
  /** The public address of this server, which is also its audience. */
  readonly url: string;
  readonly clock?: Clock;
  /** Anything else an MCPServer takes, such as allowed hosts. */
  readonly server?: Partial<MCPServerOptions>;
}

export interface OrdersServerDeps extends ToolServerDeps {
  readonly approvals: ApprovalGate;
  readonly people: PeopleDirectory;
  readonly cases: CaseDirectory;
}
