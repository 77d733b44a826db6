/** What a server is made of, and what the host in front of it may say about a request. */
import type { Caller, Clock } from "@deputize/core";
import type { Ephemeral, Store } from "@deputize/store";
import type { ApprovalGate } from "./approval.ts";
import type { AuditSink } from "./audit-sink.ts";
import type { Authenticator } from "./auth/authenticator.ts";
import type { RouterOptions } from "./router.ts";

export interface MCPServerOptions extends Pick<RouterOptions, "guards" | "middleware"> {
  readonly name: string;
  readonly version?: string;
  /** The tenant under which refusals without identity are counted. */
  readonly tenant?: string;
  readonly instructions?: string;
  readonly auth: Authenticator;
  /** The public URL of this server's MCP endpoint; also its audience and what its metadata names. */
  readonly url?: string;
  /** Needed by `ctx.db`, hence by every tool that writes. */
  readonly store?: Store;
  /** Where entries go. Without one they stay in memory, which only servers that write nothing may do. */
  readonly audit?: AuditSink;
  readonly approvals?: ApprovalGate;
  /** Rate limits and session state; this process unless given. */
  readonly ephemeral?: Ephemeral;
  readonly clock?: Clock;
  /** What the server finds out about a caller, for `ctx.client.extra`. Throwing refuses (PR-D18). */
  readonly onAuthenticate?: (caller: Caller) => Record<string, unknown> | Promise<Record<string, unknown>>;
  /** Scopes that this caller could still get; a tool that lacks only these answers 403 and names them. */
  readonly stepUp?: (caller: Caller) => readonly string[] | Promise<readonly string[]>;
  /** Leave forbidden tools out of lists, and answer them as unknown. On unless written down. */
  readonly hideUnauthorized?: boolean;
  /** Host and Origin names that may be used to reach this server; those of `url` unless given. */
  readonly allowedHosts?: readonly string[];
  readonly allowedOrigins?: readonly string[];
  /** Keep sessions for clients of 2025-11-25, so that they can be asked for input. One process only. */
  readonly sessions?: boolean;
  /** Seals `input_required` state; 32 bytes or more, shared by replicas. Made for this process unless given. */
  readonly stateKey?: string | Uint8Array;
  readonly maxBodyBytes?: number;
  readonly maxResultBytes?: number;
  readonly sessionTtlMs?: number;
}

/** What the host in front knows about a request. */
export interface FetchInfo {
  readonly ipAddress?: string;
}
