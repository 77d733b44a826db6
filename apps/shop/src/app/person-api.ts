/**
 * The API for people, under `/api` and beside the authority's own routes: chat, conversations, what is theirs, their export and erasure.
 *
 * Guarantees: decisions come before the authority's own route. What is a person's is behind their sign-in, and where a token says
 * what its holder may do, behind its scope.
 */
import { type Agent, type AgentAuthority, type UsageLedger } from "@deputize/agent";
import type { AuditLog } from "@deputize/audit";
import type { Authority } from "@deputize/authority";
import { requireScope } from "@deputize/client";
import type { Caller, Clock } from "@deputize/core";
import { ephemeralSessions } from "@deputize/mcp";
import {
  type BackgroundAgent,
  type BackgroundRoutesOptions,
  type PersonKeeper,
  backgroundRoutes,
  chatRoutes,
  databaseKeepers,
  memoryRoutes,
  ownerKeeper,
  personRoutes,
} from "@deputize/server";
import type { Ephemeral, Store } from "@deputize/store";
import type { Hono } from "hono";
import { artRoutes } from "../art/routes.ts";
import { decideRoutes } from "../http/approvals.ts";
import { orderRoutes } from "../http/orders.ts";
import { productRoutes } from "../http/products.ts";
import { profileRoutes } from "../http/profile.ts";
import { checkpointRoutes, receiptRoutes } from "../http/receipts.ts";
import { usageRoutes } from "../http/usage.ts";
import { withPresentApprovals } from "./approval-gate.ts";
import type { Kept } from "./kept.ts";
import { ORCHESTRATOR } from "./policy.ts";
import { namesOf } from "./receipt-names.ts";
import { maybeSignedIn, ownActOnly, signedIn, watchSignIn } from "./signed-in.ts";
import { agentAdmission, type chatThrottle } from "./throttle.ts";

export interface PersonApi {
  readonly authority: Authority;
  readonly audit: AuditLog;
  readonly store: Store;
  readonly ephemeral: Ephemeral;
  readonly clock: Clock;
  readonly kept: Kept;
  readonly usage: UsageLedger;
  readonly throttle: ReturnType<typeof chatThrottle>;
  /** Whom people talk to. */
  readonly front: Agent;
  /** From a person's session or token to that agent. */
  readonly fromPerson: (caller: Caller) => AgentAuthority;
  /** Those that are at work in this process. */
  readonly background: () => readonly BackgroundAgent[];
  /** What mandates can be made of. */
  readonly offers: BackgroundRoutesOptions["offers"];
}

/** Everything that is kept of a person, for their export and erasure. */
async function keepersOf({
  store,
  authority,
  ephemeral,
  kept,
  background,
}: PersonApi): Promise<PersonKeeper[]> {
  const [access, ...rest] = await databaseKeepers({ store, people: authority.people });
  const [any] = background(); // one engine for all
  // Right after the person's access, and before the rows: what is under way here is let go of by its ids, which stand there.
  const work = any && ownerKeeper("agent.background", (owner) => any.work.eraseOwner(owner));
  const toolSessions = ephemeralSessions(async () => ephemeral);
  return [
    ...[access, work, ...rest].filter((keeper) => keeper !== undefined),
    ownerKeeper("mcp.ephemeral", (owner) => toolSessions.eraseOwner(owner)),
    ownerKeeper("answers", (owner) => kept.cache.purgeUser(owner)),
  ];
}

/** Adds the routes. */
export function mountPersonApi(app: Hono, deps: PersonApi): void {
  const { authority, audit, store, clock, kept, usage, throttle, front, fromPerson } = deps;
  // Decisions come before the authority's own route, because here they also carry the turn on.
  const { approvals, authenticate, authenticateForDecision } = authority;
  app.route(
    "/",
    decideRoutes({ approvals, authenticateForDecision, agent: front, authorityFor: fromPerson }),
  );
  app.route("/", checkpointRoutes({ audit }));
  app.route("/", authority.routes);
  app.route("/", personRoutes({ authority, audit, clock, keepers: () => keepersOf(deps) }));

  const known = signedIn(authenticate);
  app.use("/api/products", maybeSignedIn(authenticate));
  app.use("/api/products/*", maybeSignedIn(authenticate));
  app.route("/api/products", productRoutes({ store }));
  app.route("/art", artRoutes({ store }));
  for (const path of [
    "background",
    "chat",
    "conversations",
    "orders",
    "profile",
    "receipts",
    "admin",
    "memories",
    "me/usage",
  ]) {
    app.use(`/api/${path}`, known);
    app.use(`/api/${path}/*`, known);
  }
  // A token says what its holder may do also where rows would be empty anyway: no scope, 403.
  app.use("/api/orders", requireScope("read:orders:*"));
  app.use("/api/orders/*", requireScope("read:orders:*"));
  app.use("/api/profile", requireScope("read:profile:*"));
  app.route("/api/orders", orderRoutes({ store, audit, cases: authority.cases }));
  app.route("/api/profile", profileRoutes({ store, people: authority.people }));
  app.route("/", receiptRoutes({ audit, names: namesOf(authority, store) }));
  app.route("/", usageRoutes({ usage, audit }));
  app.use("/api/memories", ownActOnly);
  app.use("/api/memories/*", ownActOnly);
  app.route("/api", memoryRoutes({ provider: kept.memory.provider }));
  app.route(
    "/api",
    chatRoutes({
      agent: front,
      authorityFor: (_c, caller) => fromPerson(caller),
      watch: (c, caller) => watchSignIn(authenticate, c, caller),
      present: (caller, conversation) => withPresentApprovals(approvals, caller, conversation),
      throttle: agentAdmission({ name: ORCHESTRATOR, throttle, audit }),
    }),
  );

  app.route(
    "/api",
    backgroundRoutes({
      agents: deps.background,
      offers: deps.offers,
      mandates: authority.mandates,
      authenticateForDecision,
      present: (caller, conversation) => withPresentApprovals(approvals, caller, conversation),
    }),
  );
}
