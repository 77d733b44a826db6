/** What a shop is made of, and what it is once it is made. */
import type { Agent, CacheBackend, Embedder, ResolvedModel } from "@deputize/agent";
import type { AuditLog } from "@deputize/audit";
import type { Authority } from "@deputize/authority";
import type { TokenVerifier } from "@deputize/client";
import type { Clock } from "@deputize/core";
import type { GuardrailPart } from "@deputize/guardrails";
import type { Secrets, Settings } from "@deputize/server/config";
import type { Logger } from "@deputize/server/telemetry";
import type { Ephemeral, Store } from "@deputize/store";
import type { LastingPaceOptions } from "./background.ts";
import type { AgentName } from "./policy.ts";

export const VERSION = "0.1.0";

export interface ShopOptions {
  /** The origin that people and agents use: issuer, and base of all audiences. */
  readonly publicUrl: string;
  readonly store: Store;
  readonly ephemeral: Ephemeral;
  readonly secrets: Secrets;
  readonly model: ResolvedModel;
  readonly clock?: Clock;
  /** The built page. */
  readonly webRoot?: string;
  /** Which parts of the guardrails scan what the agents are told and say; all unless told. */
  readonly guardrails?: readonly GuardrailPart[];
  readonly logger?: Logger;
  /** Further values of `Host` to answer to, such as `127.0.0.1:3000` beside `localhost:3000`. */
  readonly allowedHosts?: readonly string[];
  /** Offer the demo accounts at the sign-in page. Only while nobody but this machine can reach us [SR-26]. */
  readonly demoAccounts?: boolean;
  /** Who may register agents; people who are signed in unless told. */
  readonly agentRegistration?: "owner" | "open";
  /** The log's name in its checkpoints; the public host and `/audit` unless told. Never changes. */
  readonly auditOrigin?: string;
  /** Where the log keeps its own flushed checkpoints [SR-20]. */
  readonly anchorFile?: string;
  /** What the codes of the log's entries are made with; entries carry none unless told. */
  readonly auditSecret?: string;
  /**
   * Agents work in the background too, in one shop of a process; the store was prepared by `prepareLastingWork`. Absent: they do
   * not, and the routes say so.
   */
  readonly background?: LastingPaceOptions;
  /** Where answers that are given again lie; in this process unless told. */
  readonly answers?: CacheBackend;
  /** For memories and answers that are given again; one that knows spelling unless told. */
  readonly embedder?: Embedder;
  /** What the model may be used for in a day; without limits unless told. */
  readonly budgets?: Settings["budgets"];
  /** For addresses of other machines; the network unless told. */
  readonly fetch?: typeof fetch;
}

export interface Shop {
  readonly fetch: (request: Request, env?: unknown) => Response | Promise<Response>;
  readonly authority: Authority;
  readonly audit: AuditLog;
  readonly verifier: TokenVerifier;
  readonly agents: Readonly<Record<AgentName, Agent>>;
  /** The routes, for the documentation's test. */
  readonly routes: readonly { readonly method: string; readonly path: string }[];
  /** Starts what works in the background: the log's sequencer and pruning. */
  start(): Promise<void>;
  /** Ends runs and streams, waits for them, and flushes the log. The store stays open. */
  close(): Promise<void>;
}
