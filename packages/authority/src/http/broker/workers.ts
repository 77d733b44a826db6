/** The routes by which workers come, renew, hand on and go: launch tokens, register, renew, release, delegate. */
import { type Context, Hono } from "hono";
import { DeputizeError, isDeputizeError } from "@deputize/core";
import type { Broker, BrokerToken } from "../../broker/broker.ts";
import { rfc3339 } from "./apps.ts";
import type { BrokerGuard } from "./guard.ts";
import { readBrokerBody } from "./read-body.ts";
import type { RefusalLog } from "./refusal-log.ts";
import { AdminLaunchTokenBody, DelegateBody, LaunchTokenBody, RegisterBody } from "./schemas.ts";

export interface WorkerRoutesOptions {
  readonly broker: Broker;
  readonly guard: BrokerGuard;
  readonly refusalLog: RefusalLog;
  readonly sourceOf: (c: Context) => string;
}

/** A token as the protocol hands it out. */
function tokenBody({ token, expiresIn, claims }: BrokerToken) {
  return {
    access_token: token,
    expires_in: expiresIn,
    // Only where it is no plain bearer (RFC 9449 §5).
    ...(claims["cnf"] !== undefined && { token_type: "DPoP" }),
  };
}

export function workerRoutes(options: WorkerRoutesOptions): Hono {
  const { guard, refusalLog, sourceOf } = options;
  const { launchTokens, workers } = options.broker;
  const app = new Hono();

  async function launchToken(c: Context, body: ReturnType<typeof AdminLaunchTokenBody.parse>) {
    const made = await launchTokens.create(c.get("brokerCaller"), {
      agentName: body.agent_name,
      allowedScope: body.allowed_scope,
      // Zero and less mean the default there.
      ...(body.max_ttl !== undefined && body.max_ttl > 0 && { maxTtlSeconds: body.max_ttl }),
      ...(body.single_use !== undefined && { singleUse: body.single_use }),
      ...(body.ttl !== undefined && body.ttl > 0 && { ttlSeconds: body.ttl }),
      ...(body.app_id !== undefined && { appId: body.app_id }),
    });
    return c.json(
      {
        launch_token: made.launchToken,
        expires_at: rfc3339(made.expiresAt),
        policy: { allowed_scope: made.allowedScope, max_ttl: made.maxTtlSeconds },
      },
      201,
    );
  }

  app.post("/v1/admin/launch-tokens", guard.bearer("admin:launch-tokens:*"), async (c) =>
    launchToken(c, await readBrokerBody(c, AdminLaunchTokenBody)),
  );
  app.post("/v1/app/launch-tokens", guard.bearer("app:launch-tokens:*"), async (c) => {
    // Only an app's own token mints here, whatever scopes another one may have come by [AW-D08].
    if (c.get("brokerCaller").kind !== "app") {
      throw new DeputizeError("forbidden", "only apps make launch tokens here");
    }
    return launchToken(c, await readBrokerBody(c, LaunchTokenBody));
  });

  app.post("/v1/register", async (c) => {
    const body = await readBrokerBody(c, RegisterBody);
    try {
      const made = await workers.register({
        launchToken: body.launch_token,
        nonce: body.nonce,
        publicKey: body.public_key,
        signature: body.signature,
        orchId: body.orch_id,
        taskId: body.task_id,
        requestedScope: body.requested_scope,
        ...(body.transcript_signature !== undefined && { transcriptSignature: body.transcript_signature }),
        ...(body.bind !== undefined && { bind: body.bind }),
      });
      return c.json({ agent_id: made.agentId, ...tokenBody(made) });
    } catch (error) {
      // Nobody is behind it yet: what the rooms could not tie to a launch token is told here [AW-D24].
      if (isDeputizeError(error) && error.status === 401) {
        await refusalLog.refused({
          type: "registration_policy_violation",
          reason: error.code,
          source: sourceOf(c),
        });
      }
      throw error;
    }
  });

  app.post("/v1/token/renew", guard.bearer(), async (c) =>
    c.json(tokenBody(await workers.renew(c.get("brokerCaller")))),
  );

  app.post("/v1/token/release", guard.bearer(), async (c) => {
    await workers.release(c.get("brokerCaller"));
    return c.body(null, 204);
  });

  app.post("/v1/delegate", guard.bearer(), async (c) => {
    const body = await readBrokerBody(c, DelegateBody);
    if ((body.jti === undefined) !== (body.signature === undefined)) {
      throw new DeputizeError("invalid_request", "`jti` and `signature` come together or not at all");
    }
    const made = await workers.delegate(c.get("brokerCaller"), {
      delegateTo: body.delegate_to,
      scope: body.scope,
      ...(body.ttl !== undefined && body.ttl > 0 && { ttlSeconds: body.ttl }),
      ...(body.jti !== undefined && { jti: body.jti }),
      ...(body.signature !== undefined && { signature: body.signature }),
    });
    return c.json({ ...tokenBody(made), delegation_chain: made.delegationChain });
  });

  return app;
}
