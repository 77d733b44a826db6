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
import { auditRoutes } from "./audit-events.ts";
import { type BrokerGuard, type CheckProof, brokerGuard } from "./guard.ts";
import { type HealthRoutesOptions, healthRoutes } from "./health.ts";
import { createBrokerRateLimits } from "./rate-limits.ts";
import { MAX_BODY_BYTES } from "./read-body.ts";
import { createRefusalLog } from "./refusal-log.ts";
import { signInRoutes } from "./sign-in.ts";
import { type ValidateToken, createValidate } from "./validate.ts";
import { createValidationSample } from "./validation-sample.ts";
import { workerRoutes } from "./workers.ts";

export interface BrokerRoutesOptions {
  readonly broker: Broker;
  readonly audit: Pick<AuditLog, "append">;
  readonly refusals: Pick<RefusalCounter, "count">;
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
  /**
   * Routes without credentials that programs call all the time, by method and path: a server may answer these without a
   * framework in between.
   */
  readonly straight: ReadonlyMap<string, StraightRoute>;
}

/** Answers the JSON of a 200. Throws as the route does. `text` is the request's body, `source` where it comes from. */
export type StraightRoute = (text: string, source: string) => Promise<string>;

export function brokerRoutes(options: BrokerRoutesOptions): BrokerRoutes {
  const { broker, audit, refusals, clock, tenant, sourceOf } = options;
  const refusalLog = createRefusalLog({ audit, refusals, clock, tenant });
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

  async function validate(text: string, source: string): Promise<string> {
    const { body, caller } = await ask(text);
    sample(caller, source);
    return body;
  }

  const { routes: readiness, health } = healthRoutes({ ...options.health, clock });
  const straight: ReadonlyMap<string, StraightRoute> = new Map([
    ["POST /v1/token/validate", validate],
    ["GET /v1/health", health],
    [
      "GET /v1/challenge",
      async () => {
        const { nonce, expiresIn } = broker.workers.challenge();
        return JSON.stringify({ nonce, expires_in: expiresIn });
      },
    ],
  ]);

  const routes = new Hono();
  for (const [name, answer] of straight) {
    const [method = "", path = ""] = name.split(" ");
    routes.on(method, path, async (c) => {
      const text = method === "GET" ? "" : await readBoundedText(c, MAX_BODY_BYTES);
      c.header("Content-Type", "application/json");
      return c.body(await answer(text, sourceOf(c)));
    });
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
  routes.route("/", workerRoutes({ broker, guard, refusalLog, sourceOf }));
  routes.route("/", appRoutes({ broker, guard }));
  routes.route("/", auditRoutes({ pages: options.pages, guard }));
  return { routes, guard, straight };
}
