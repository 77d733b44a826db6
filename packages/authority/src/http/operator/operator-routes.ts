/**
 * What an operator can see and do beyond the broker protocol, under `/v1/admin/`. The same tokens, problems and headers:
 * mount it on the app that `brokerProblems` and `brokerRequest` were given to, beside `brokerRoutes`.
 */
import { type Context, Hono } from "hono";
import type { AuditLog } from "@deputize/audit";
import type { Clock, GrantId } from "@deputize/core";
import type { Store } from "@deputize/store";
import type { Agents } from "../../agents/agents.ts";
import { createGrantTree } from "../../grants/grant-tree.ts";
import type { Grants } from "../../grants/grants.ts";
import type { Keys } from "../../keys/keys.ts";
import type { Revocation } from "../../revocation/revocation.ts";
import type { BrokerGuard } from "../broker/guard.ts";
import { operatorAgentRoutes } from "./agents.ts";
import { grantRoutes } from "./grants.ts";
import { keyRoutes } from "./keys.ts";
import { logRoutes } from "./log.ts";
import { revocationListRoutes } from "./revocations.ts";
import { statusRoutes } from "./status.ts";

export interface OperatorRoutesOptions {
  readonly guard: BrokerGuard;
  readonly store: Store;
  readonly clock: Clock;
  readonly audit: Pick<AuditLog, "counts" | "receipt" | "publicKey">;
  readonly grants: Pick<Grants, "revoke">;
  readonly keys: Pick<Keys, "list" | "begin" | "refresh">;
  readonly revocation: Pick<Revocation, "ping">;
  readonly agents: Agents;
  /** Told which grants ended, after the commit: this process need not wait for the feed. */
  readonly onEnded: (grants: readonly GrantId[]) => void;
  /** Where a request comes from: the socket's address, or what a trusted proxy says. */
  readonly sourceOf: (c: Context) => string;
  readonly version: string;
}

export function operatorRoutes(options: OperatorRoutesOptions): Hono {
  const tree = createGrantTree({ db: () => options.store.pool("authority"), clock: options.clock });
  const app = new Hono();
  app.route("/", grantRoutes({ ...options, tree }));
  app.route("/", keyRoutes(options));
  app.route("/", statusRoutes(options));
  app.route("/", revocationListRoutes(options));
  app.route("/", logRoutes(options));
  app.route("/", operatorAgentRoutes(options));
  return app;
}
