/** What a server is made of, and what the host in front of it may say about a request. */
import type { Caller, Clock } from "@deputize/core";
import type { Ephemeral, Store } from "@deputize/store";
import type { ApprovalGate } from "./approval.ts";
import type { AuditSink } from "./audit-sink.ts";
import type { Authenticator } from "./auth/authenticator.ts";
import type { SecretSources } from "./secrets/call-secrets.ts";
import type { SessionStore } from "./session-state.ts";
import type { RouterOptions } from "./router.ts";

export interface MCPServerOptions extends Pick<RouterOptions, "guards" | "middleware" | "owned"> {
  readonly name: string;
  readonly version?: string;
  /** The tenant under which refusals without identity are counted. */
  readonly tenant?: string;
  readonly instructions?: string;
  /** Adds the resource `deputize://manifest`: what the caller who reads it may use, with effects. Off unless told. */
  readonly manifest?: boolean;
  /** Who the caller is. Several are asked in their order, and the first that accepts the request's one credential decides. */
  readonly auth: Authenticator | readonly Authenticator[];
  /** The public URL of this server's MCP endpoint; also its audience and what its metadata names. */
  readonly url?: string;
  /** Needed by `ctx.db`, hence by every tool that writes. */
  readonly store?: Store;
  /** Where entries go. Without one they stay in memory, which only servers that write nothing may do. */
  readonly audit?: AuditSink;
  readonly approvals?: ApprovalGate;
  /**
   * What is done where, in one run, private data and text by others meet a tool that sends beyond the caller: `ask` a person,
   * which is what is done unless told, or `deny`.
   */
  readonly runGate?: "ask" | "deny";
  /**
   * The address at which a person, signed in, decides about an approval. A client that can open links is sent there (URL
   * elicitation); it never decides itself (SR-05).
   */
  readonly approvalUrl?: (approvalId: string) => string;
  /** Rate limits and session state; this process unless given. */
  readonly ephemeral?: Ephemeral;
  readonly clock?: Clock;
  /**
   * What the server finds out about a caller once it is known, such as its organisation or plan; guards and handlers read
   * it, copied and frozen, as `ctx.client.extra`: `onAuthenticate: async ({ subject }) => ({ plan: await planOf(subject) })`.
   * Throwing refuses the call with 401, before anything runs (PR-D18).
   */
  readonly onAuthenticate?: (caller: Caller) => Record<string, unknown> | Promise<Record<string, unknown>>;
  /** Scopes that this caller could still get; a tool that lacks only these answers 403 and names them. */
  readonly stepUp?: (caller: Caller) => readonly string[] | Promise<readonly string[]>;
  /**
   * The scopes that the metadata names for clients to ask for (RFC 9728). Unless told, those that the server's own guards look
   * at; with `hideUnauthorized: false`, those of everything.
   */
  readonly scopesSupported?: readonly string[];
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
  /** Credentials for the systems behind the tools, by name, for `ctx.secrets`: `{ billing: () => readFile(path) }`. */
  readonly secrets?: SecretSources;
  /** Where `ctx.session` is kept: the ephemeral store unless given; `databaseSessions(store)` outlives restarts. */
  readonly sessionStore?: SessionStore;
  /** How long a session's state is kept after it was last written; an hour unless told. */
  readonly sessionTtlMs?: number;
}

/** Every name of the above. */
export const SERVER_OPTIONS: Readonly<Record<keyof MCPServerOptions, true>> = {
  guards: true,
  middleware: true,
  owned: true,
  name: true,
  version: true,
  tenant: true,
  instructions: true,
  manifest: true,
  auth: true,
  url: true,
  store: true,
  audit: true,
  approvals: true,
  runGate: true,
  approvalUrl: true,
  ephemeral: true,
  clock: true,
  onAuthenticate: true,
  stepUp: true,
  scopesSupported: true,
  hideUnauthorized: true,
  allowedHosts: true,
  allowedOrigins: true,
  sessions: true,
  stateKey: true,
  maxBodyBytes: true,
  maxResultBytes: true,
  secrets: true,
  sessionStore: true,
  sessionTtlMs: true,
};

/** What the host in front knows about a request. */
export interface FetchInfo {
  readonly ipAddress?: string;
}
