/**
 * The broker protocol over HTTP: all routes under `/v1`, apart from what they stand on.
 *
 * Guarantees: nothing here decides about authority; the rooms in `broker/` do. Mount it on an app that `brokerProblems`
 * and `brokerRequest` were given to.
 */
import { type Context, Hono } from "hono";
import type { AuditLog, AuditView, RefusalCounter } from "@deputize/audit";
import type { Clock } from "@deputize/core";
import { readBoundedText } from "@deputize/client";
import type { Ephemeral } from "@deputize/store";
import type { Broker } from "../../broker/broker.ts";
import { deriveKey } from "../../credentials/derive-key.ts";
import { appRoutes } from "./apps.ts";
import { auditRoute } from "./audit-events.ts";
import { type BrokerGuard, type CheckProof, brokerGuard } from "./guard.ts";
import { type HealthRoutesOptions, healthRoutes } from "./health.ts";
import { operatorAccountRoutes } from "./operators.ts";
import { createBrokerRateLimits } from "./rate-limits.ts";
import { MAX_BODY_BYTES, queryOf } from "./read-body.ts";
import { createRefusalLog } from "./refusal-log.ts";
import { signInRoutes } from "./sign-in.ts";
import {
  type StraightAnswer,
  type StraightRoute,
  type StraightRequest,
  type StraightRoutes,
  okJson,
} from "./straight-route.ts";
import { type ValidateToken, createValidate } from "./validate.ts";
import { createValidationSample } from "./validation-sample.ts";
import { workerRoutes } from "./workers.ts";

export interface BrokerRoutesOptions {
  readonly broker: Broker;
  readonly audit: Pick<AuditLog, "append">;
  readonly refusals: Pick<RefusalCounter, "count" | "refused">;
  readonly ephemeral: Ephemeral;
  readonly clock: Clock;
  readonly tenant: string;
  /** 32 bytes or more. */
  readonly rootSecret: Uint8Array;
  readonly publicUrl: string;
  /** Pages of entries that `renderEvent` wrote. */
  readonly pages: AuditView;
  readonly checkProof: CheckProof;
  readonly adminSecretMatches: (secret: string) => boolean;
  /** Where a request comes from: the socket's address, or what a trusted proxy says. */
  readonly sourceOf: (c: Context) => string;
  readonly health: Omit<HealthRoutesOptions, "clock">;
}

export interface BrokerRoutes {
  readonly routes: Hono;
  readonly guard: BrokerGuard;
  /** By method and path; a server may answer these without a framework in between. */
  readonly straight: StraightRoutes;
}

export function brokerRoutes(options: BrokerRoutesOptions): BrokerRoutes {
  const { broker, audit, refusals, clock, tenant, sourceOf } = options;
  const refusalLog = createRefusalLog({ refusals, tenant });
  const guard = brokerGuard({
    broker,
    refusalLog,
    sourceOf,
    checkProof: options.checkProof,
    publicUrl: options.publicUrl,
  });
  const limits = createBrokerRateLimits({
    ephemeral: options.ephemeral,
    key: deriveKey(options.rootSecret, "throttle"),
  });
  const ask: ValidateToken = createValidate((token) => broker.verify(token));
  const sample = createValidationSample({ audit, refusals, clock });

  async function validate({ text, source }: StraightRequest): Promise<StraightAnswer> {
    const { body, caller } = await ask(text);
    sample(caller, source);
    return { status: 200, body };
  }

  const { routes: readiness, health } = healthRoutes({ ...options.health, clock });
  const straight: StraightRoutes = new Map<string, StraightRoute>([
    ["POST /v1/token/validate", { quiet: true, answer: validate }],
    ["GET /v1/health", { quiet: true, answer: async () => ({ status: 200, body: await health() }) }],
    [
      "GET /v1/challenge",
      {
        quiet: true,
        answer: async () => {
          const { nonce, expiresIn } = broker.workers.challenge();
          return okJson({ nonce, expires_in: expiresIn });
        },
      },
    ],
    ...workerRoutes(broker),
    ["GET /v1/audit/events", auditRoute(options.pages)],
  ]);

  const routes = new Hono();
  for (const [name, route] of straight) {
    const [method = "", path = ""] = name.split(" ");
    const request = async (c: Context): Promise<StraightRequest> => ({
      text: method === "GET" ? "" : await readBoundedText(c, MAX_BODY_BYTES),
      query: queryOf(c),
      source: sourceOf(c),
    });
    const reply = (c: Context, { status, body }: StraightAnswer): Response => {
      if (status === 204) return c.body(null, 204);
      c.header("Content-Type", "application/json");
      return c.body(body, status);
    };
    if (route.bearer === undefined) {
      routes.on(method, path, async (c) => reply(c, await route.answer(await request(c))));
    } else {
      routes.on(method, path, guard.bearer(route.bearer || undefined), async (c) =>
        reply(c, await route.answer(await request(c), c.get("brokerCaller"))),
      );
    }
  }
  routes.route("/", readiness);
  routes.route(
    "/",
    signInRoutes({
      broker,
      guard,
      refusalLog,
      limits,
      adminSecretMatches: options.adminSecretMatches,
      sourceOf,
    }),
  );
  routes.route("/", appRoutes({ broker, guard }));
  routes.route("/", operatorAccountRoutes({ broker, guard }));
  return { routes, guard, straight };
}
