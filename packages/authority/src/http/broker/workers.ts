/** The routes by which workers come, renew, hand on and go: launch tokens, register, renew, release, delegate. */
import { DeputizeError } from "@deputize/core";
import type { Broker, BrokerCaller, BrokerToken } from "../../broker/broker.ts";
import { rfc3339 } from "./apps.ts";
import { readBrokerText } from "./read-body.ts";
import { AdminLaunchTokenBody, DelegateBody, LaunchTokenBody, RegisterBody } from "./schemas.ts";
import { type StraightAnswer, type StraightRoutes, okJson } from "./straight-route.ts";

/** A token as the protocol hands it out. */
function tokenBody({ token, expiresIn, claims }: BrokerToken) {
  return {
    access_token: token,
    expires_in: expiresIn,
    // Only where it is no plain bearer (RFC 9449 §5).
    ...(claims["cnf"] !== undefined && { token_type: "DPoP" }),
  };
}

export function workerRoutes({ launchTokens, workers }: Broker): StraightRoutes {
  async function launchToken(
    caller: BrokerCaller,
    body: ReturnType<typeof AdminLaunchTokenBody.parse>,
  ): Promise<StraightAnswer> {
    const made = await launchTokens.create(caller, {
      agentName: body.agent_name,
      allowedScope: body.allowed_scope,
      // Zero and less mean the default there.
      ...(body.max_ttl !== undefined && body.max_ttl > 0 && { maxTtlSeconds: body.max_ttl }),
      ...(body.single_use !== undefined && { singleUse: body.single_use }),
      ...(body.ttl !== undefined && body.ttl > 0 && { ttlSeconds: body.ttl }),
      ...(body.app_id !== undefined && { appId: body.app_id }),
      ...(body.constraints !== undefined && { constraints: body.constraints }),
    });
    return {
      status: 201,
      body: JSON.stringify({
        launch_token: made.launchToken,
        expires_at: rfc3339(made.expiresAt),
        policy: {
          allowed_scope: made.allowedScope,
          max_ttl: made.maxTtlSeconds,
          ...(body.constraints !== undefined && { constraints: body.constraints }),
        },
      }),
    };
  }

  const routes: StraightRoutes = new Map([
    [
      "POST /v1/admin/launch-tokens",
      {
        bearer: "admin:launch-tokens:*",
        answer: async ({ text }, caller) => launchToken(caller, readBrokerText(text, AdminLaunchTokenBody)),
      },
    ],
    [
      "POST /v1/app/launch-tokens",
      {
        bearer: "app:launch-tokens:*",
        answer: async ({ text }, caller) => {
          // Only an app's own token mints here, whatever scopes another one may have come by [AW-D08].
          if (caller.kind !== "app")
            throw new DeputizeError("forbidden", "only apps make launch tokens here");
          return launchToken(caller, readBrokerText(text, LaunchTokenBody));
        },
      },
    ],
    [
      "POST /v1/register",
      {
        answer: async ({ text }) => {
          const body = readBrokerText(text, RegisterBody);
          const made = await workers.register({
            launchToken: body.launch_token,
            nonce: body.nonce,
            publicKey: body.public_key,
            signature: body.signature,
            orchId: body.orch_id,
            taskId: body.task_id,
            requestedScope: body.requested_scope,
            ...(body.transcript_signature !== undefined && {
              transcriptSignature: body.transcript_signature,
            }),
            ...(body.bind !== undefined && { bind: body.bind }),
          });
          return okJson({ agent_id: made.agentId, ...tokenBody(made) });
        },
      },
    ],
    [
      "POST /v1/token/renew",
      { bearer: "", answer: async (_, caller) => okJson(tokenBody(await workers.renew(caller))) },
    ],
    [
      "POST /v1/token/release",
      {
        bearer: "",
        answer: async (_, caller) => {
          await workers.release(caller);
          return { status: 204, body: "" };
        },
      },
    ],
    [
      "POST /v1/delegate",
      {
        bearer: "",
        answer: async ({ text }, caller) => {
          const body = readBrokerText(text, DelegateBody);
          if ((body.jti === undefined) !== (body.signature === undefined)) {
            throw new DeputizeError("invalid_request", "`jti` and `signature` come together or not at all");
          }
          const made = await workers.delegate(caller, {
            delegateTo: body.delegate_to,
            scope: body.scope,
            ...(body.ttl !== undefined && body.ttl > 0 && { ttlSeconds: body.ttl }),
            ...(body.constraints !== undefined && { constraints: body.constraints }),
            ...(body.jti !== undefined && { jti: body.jti }),
            ...(body.signature !== undefined && { signature: body.signature }),
          });
          return okJson({ ...tokenBody(made), delegation_chain: made.delegationChain });
        },
      },
    ],
  ]);
  return routes;
}
