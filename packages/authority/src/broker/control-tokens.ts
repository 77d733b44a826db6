/**
 * The tokens of operators and apps: roots of kind `control`, the only ones with reserved scopes. Nothing is handed on from
 * them and they are not renewed; who needs another signs in again.
 */
import { DeputizeError, type PrincipalId, newId, stableId } from "@deputize/core";
import type { BrokerToken } from "./broker.ts";
import { bareEvent } from "./broker-events.ts";
import {
  type BrokerContext,
  type ItemAnswer,
  grantAudiences,
  grantSeconds,
  itemJson,
  newJti,
  signGrant,
  thisSecond,
} from "./broker-context.ts";
import { refusing } from "../refusals.ts";

export const OPERATOR = stableId("service:broker-operator") as PrincipalId;

/** Whose workers those of operators' own launch tokens are. */
export const OPERATOR_APP = stableId("app:broker-operator") as PrincipalId;

export interface ControlRequest {
  readonly principal: PrincipalId;
  /** `admin`, `admin:<name>` or `app:<app_id>`. */
  readonly sub: string;
  readonly clientId: string;
  readonly appId?: string;
  readonly scopes: readonly string[];
  readonly ttlSeconds: number;
  /** Hex; checked again in the transaction. */
  readonly secretHash?: string;
  readonly action: "admin_auth" | "app_authenticated";
}

/** Makes one. Throws `invalid_credentials` when the principal is not active or the secret no longer holds. */
export async function controlToken(context: BrokerContext, request: ControlRequest): Promise<BrokerToken> {
  const { clock, tenant, settings } = context;
  const { seconds, iso } = thisSecond(clock);
  const jti = newJti();
  const id = newId(clock);
  const item = {
    jti,
    ...(request.secretHash !== undefined && { secretHash: request.secretHash }),
    root: {
      id,
      now: iso,
      actor: request.principal,
      clientId: request.clientId,
      scopes: request.scopes,
      audiences: grantAudiences(settings),
      ttlSeconds: grantSeconds(Math.min(request.ttlSeconds, settings.lifetimes.maxSeconds)),
    },
  };
  const event = {
    ...bareEvent(tenant, {
      action: request.action,
      detail: { jti, ...(request.appId && { app_id: request.appId }) },
    }),
    subject: request.principal,
    agent: request.sub,
    ...(request.appId !== undefined && { app: request.principal }),
  };
  context.audit.announce();
  const { rows } = await refusing(
    context.store
      .pool("authority")
      .query<{ answer: ItemAnswer }>(`SELECT authority.broker_control($1, $2) AS answer`, [
        tenant,
        itemJson(clock, item, [event]),
      ]),
  );
  const answer = rows[0]?.answer;
  if (!answer || answer.refused !== undefined) {
    throw new DeputizeError("invalid_credentials", "these credentials do not open anything");
  }
  return signGrant(context, answer, {
    sub: request.sub,
    jti,
    issuedAt: seconds,
    ...(request.appId !== undefined && { appId: request.appId }),
  });
}
