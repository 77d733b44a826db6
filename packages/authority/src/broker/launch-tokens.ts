/**
 * Launch tokens: what an app or operator hands to a process that is about to become a worker.
 *
 * Guarantees: 256 random bits, kept as an HMAC; an hour at most; never above the ceiling of the app whose worker it will be,
 * nor with a reserved scope; gone with that app, or when its ceiling is cut below what it promises.
 */
import { DeputizeError, parseConstraints, randomHex } from "@deputize/core";
import { deriveKey, mac } from "../credentials/derive-key.ts";
import type { LaunchTokens } from "./broker.ts";
import {
  type BrokerContext,
  isoAt,
  itemBatch,
  itemJson,
  refuse,
  requireKind,
  thisSecond,
} from "./broker-context.ts";
import { callerEvent } from "./broker-events.ts";
import { checkDataScopes } from "./broker-scopes.ts";
import { OPERATOR_APP } from "./control-tokens.ts";

const LAUNCH_TTL = { defaultSeconds: 30, maxSeconds: 3_600 } as const;

export function launchTokenHash(key: Uint8Array, token: string): string {
  return mac(key, "launch-token", token).toString("hex");
}

function seconds(asked: number | undefined, fallback: number, what: string): number {
  if (asked === undefined) return fallback;
  if (!Number.isSafeInteger(asked)) {
    throw new DeputizeError("invalid_ttl", `\`${what}\` is a whole number of seconds`);
  }
  return asked <= 0 ? fallback : asked;
}

export function createLaunchTokens(context: BrokerContext): LaunchTokens {
  const { clock, store, tenant, settings } = context;
  const key = deriveKey(context.rootSecret, "launch-token");
  const launch = itemBatch(context, "broker_launch");

  async function appNamed(appId: string): Promise<string | undefined> {
    const { rows } = await store
      .pool("authority")
      .query<{ principal_id: string }>(
        `SELECT principal_id FROM authority.apps WHERE tenant = $1 AND app_id = $2`,
        [tenant, appId],
      );
    return rows[0]?.principal_id;
  }

  return {
    async create(by, request) {
      requireKind(by, ["admin", "app"], "only operators and apps make launch tokens");
      const maxTtl = seconds(request.maxTtlSeconds, settings.lifetimes.defaultSeconds, "max_ttl");
      const ttl = seconds(request.ttlSeconds, LAUNCH_TTL.defaultSeconds, "ttl");
      if (request.agentName.length < 1 || request.agentName.length > 200) {
        throw new DeputizeError("invalid_request", "`agent_name` has 1 to 200 characters");
      }
      if (ttl > LAUNCH_TTL.maxSeconds) {
        throw new DeputizeError(
          "invalid_ttl",
          "a launch token lives an hour at most; ask for up to 3600 seconds",
        );
      }
      const resource = `launch_token:${request.agentName}`;
      try {
        checkDataScopes(request.allowedScope, "forbidden");
      } catch (error) {
        if (error instanceof DeputizeError && error.code === "forbidden") {
          throw await refuse(
            context,
            by,
            { action: "launch_token_denied", resource },
            "forbidden",
            error.message,
          );
        }
        throw error;
      }
      if (by.kind === "app" && request.appId !== undefined && `app:${request.appId}` !== by.sub) {
        throw new DeputizeError(
          "forbidden",
          "an app makes launch tokens for itself only; leave `app_id` out",
        );
      }
      const named =
        by.kind === "app"
          ? by.app
          : request.appId === undefined
            ? OPERATOR_APP
            : await appNamed(request.appId);
      if (named === undefined) throw new DeputizeError("not_found", "there is no such app");

      const now = thisSecond(clock);
      const expires = now.seconds + ttl;
      const launchToken = randomHex(32);
      const item = {
        hash: launchTokenHash(key, launchToken),
        app: named,
        by: by.principal,
        grant: by.grants.at(-1),
        jti: by.jti,
        now: now.iso,
        expires: isoAt(expires),
        agentName: request.agentName,
        allowed: request.allowedScope,
        maxTtl: Math.min(maxTtl, settings.lifetimes.maxSeconds),
        singleUse: request.singleUse ?? true,
        ...(request.constraints && { constraints: parseConstraints(request.constraints) }),
      };
      const event = callerEvent(by, {
        action: "launch_token_issued",
        resource,
        detail: {
          scope: request.allowedScope,
          max_ttl: maxTtl,
          single_use: item.singleUse,
          ...(request.constraints && { constraints: Object.keys(request.constraints) }),
          expires: item.expires,
        },
      });
      const answer = await launch(itemJson(clock, item, [event]));
      switch (answer.refused) {
        case undefined:
          break;
        case "grant_revoked":
          throw new DeputizeError("invalid_token", "the token is invalid or expired");
        case "not_found":
          throw new DeputizeError("not_found", "there is no such app");
        default: {
          const own = named === OPERATOR_APP;
          throw await refuse(
            context,
            by,
            {
              action: own ? "launch_token_denied" : "scope_ceiling_exceeded",
              resource,
              detail: { requested: request.allowedScope },
            },
            "forbidden",
            own
              ? "the operator's own policy does not allow these scopes; set DEPUTIZE_OPERATOR_SCOPES or name an app"
              : "the scopes exceed the app's ceiling; ask for less, or have the operator widen it",
          );
        }
      }
      return {
        launchToken,
        expiresAt: expires * 1000,
        allowedScope: request.allowedScope,
        maxTtlSeconds: maxTtl,
      };
    },
  };
}
