/**
 * What people, agents, approvals and cases are built from, as narrow interfaces, so that each can be built and
 * tested with only that.
 */
import type { AuditLog, RefusalCounter } from "@deputize/audit";
import type { Clock } from "@deputize/core";
import type { Store } from "@deputize/store";
import type { Grants } from "./grants/grants.ts";
import type { Principals } from "./principals/principals.ts";
import type { Issue } from "./tokens/issue.ts";

/** What the installation decides about people and agents. */
export interface PeoplePolicy {
  /** The scopes that each role holds. A role that is not named here holds none. */
  readonly roles: Readonly<Record<string, readonly string[]>>;
  /** The audience of the API that people sign in to. */
  readonly apiAudience: string;
  /** The audiences for which an agent may sign in with its API key; the API's is one of them. */
  readonly agentAudiences: readonly string[];
  /** The permissions that each role of agents stands for. */
  readonly agentRoles: Readonly<Record<string, readonly string[]>>;
}

export interface AuthorityContext {
  readonly store: Store;
  readonly clock: Clock;
  readonly audit: Pick<AuditLog, "record" | "append">;
  /** Refusals: of somebody known an entry each within a budget, of strangers counted [SR-19]. */
  readonly refusals: Pick<RefusalCounter, "count" | "refused">;
  readonly policy: PeoplePolicy;
  /** 32 bytes or more; see `credentials/derive-key.ts`. */
  readonly rootSecret: Uint8Array;
  readonly principals: Principals;
  readonly grants: Grants;
  readonly issue: Issue;
}

/** The only tenant for now; every table and key carries it already. */
export const DEFAULT_TENANT = "default";
