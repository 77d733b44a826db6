/**
 * One hop: a worker hands a part of what it holds to another worker of its app.
 *
 * Guarantees: the child never exceeds its parent in scope, lifetime or depth (`attenuate` sees to it); the delegate is alive,
 * of the same app, and not the delegator; the hop is recorded as a statement that names the record before it, signed by the
 * delegator's own key when it sent a signature and by the authority otherwise.
 */
import { createHash, sign } from "node:crypto";
import { DeputizeError, isDeputizeError, newId, withConstraints } from "@deputize/core";
import {
  type DelegationLink,
  FIRST_RECORD,
  type PublicJwk,
  delegationStatement,
  ed25519Thumbprint,
} from "@deputize/client";
import type { BrokerCaller, Workers } from "./broker.ts";
import {
  type BrokerContext,
  grantAudiences,
  grantSeconds,
  itemBatch,
  itemJson,
  newJti,
  refuse,
  requireKind,
  signGrant,
  thisSecond,
} from "./broker-context.ts";
import { type BrokerClaims, chainOf, knownClaims, principalsOf } from "./broker-claims.ts";
import { callerEvent } from "./broker-events.ts";
import { readBrokerScope, scopesFit } from "./broker-scopes.ts";
import { readWorkerKey, workerSigned } from "./ed25519.ts";

const DELEGATE_TTL_SECONDS = 60;

/** Tokens grow by each hop; beyond this they would not fit where tokens are read. */
const CHAIN_CHARACTERS = 4_500;

type Request = Parameters<Workers["delegate"]>[1];

const REFUSALS = {
  forbidden: "a worker does not delegate to itself",
  depth_exceeded: "the chain of delegation is five hops long; it cannot grow",
  scope_exceeded: "the scopes exceed what this token and the app's ceiling hold; ask for less",
  not_found: "there is no such worker, or it is no longer alive",
} as const;

export function createDelegate(context: BrokerContext): Pick<Workers, "delegate"> {
  const { clock, keys, settings, store, tenant } = context;
  const delegate = itemBatch(context, "broker_delegate");

  /** The delegator's own signature over the hop. Throws `invalid_request`. */
  async function ownProof(
    by: BrokerCaller,
    statement: string,
    signature: string,
  ): Promise<{ signature: string; key: string; signedBy: string }> {
    const { rows } = await store
      .pool("authority")
      .query<{ public_key: Buffer }>(
        `SELECT public_key FROM authority.workers WHERE tenant = $1 AND principal_id = $2`,
        [tenant, by.principal],
      );
    const text = rows[0]?.public_key.toString("base64");
    const key = text === undefined ? undefined : readWorkerKey(text);
    if (!key || text === undefined || !workerSigned(key, Buffer.from(statement), signature)) {
      throw new DeputizeError(
        "invalid_request",
        "`signature` is not by this worker's key over the hop's statement",
      );
    }
    return {
      signature: Buffer.from(signature, "base64").toString("hex"),
      key: text,
      signedBy: ed25519Thumbprint(key.x),
    };
  }

  async function recordHop(
    by: BrokerCaller,
    claims: BrokerClaims,
    request: Request,
    at: string,
  ): Promise<{ link: DelegationLink; record: Readonly<Record<string, string>> }> {
    if ((request.jti === undefined) !== (request.signature === undefined)) {
      throw new DeputizeError(
        "invalid_request",
        "a hop that the delegator signs carries both `jti` and `signature`",
      );
    }
    const jti = request.jti ?? newJti();
    if (!/^[0-9a-f]{32}$/.test(jti))
      throw new DeputizeError("invalid_request", "`jti` is 32 lower-case hex digits");
    const prev = claims.chain_hash ?? FIRST_RECORD;
    const statement = delegationStatement({
      prev,
      delegator: by.sub,
      delegate: request.delegateTo,
      held: by.scopes,
      scope: request.scope,
      jti,
    });
    const common = {
      agent: by.sub,
      scope: by.scopes,
      delegated_at: at,
      delegate: request.delegateTo,
      granted: request.scope,
      jti,
      prev,
    };
    if (request.signature !== undefined) {
      const { signature, key, signedBy } = await ownProof(by, statement, request.signature);
      return { link: { ...common, signature, key }, record: { statement, signature, signedBy } };
    }
    const signer: { kid: string; privateKey: Parameters<typeof sign>[2]; publicJwk: PublicJwk } =
      await keys.signer();
    const signature = sign(null, Buffer.from(statement), signer.privateKey).toString("hex");
    return {
      link: { ...common, signature, kid: signer.kid },
      record: { statement, signature, signedBy: signer.kid },
    };
  }

  /** The database keeps the giver's own limits whatever is asked; who asked for another one under such a name must know. */
  async function refuseOtherLimit(by: BrokerCaller, claims: BrokerClaims, request: Request): Promise<void> {
    try {
      withConstraints(claims.constraints, request.constraints);
    } catch (error) {
      if (!isDeputizeError(error, "scope_exceeded")) throw error;
      const violation = {
        action: "delegation_attenuation_violation",
        resource: `agent:${request.delegateTo}`,
        detail: { constraints: Object.keys(request.constraints ?? {}) },
      };
      throw await refuse(context, by, violation, "scope_exceeded", error.message);
    }
  }

  return {
    async delegate(by, request) {
      requireKind(by, ["agent"], "only a worker's token delegates");
      const claims = knownClaims(by);
      if (!claims) throw new DeputizeError("invalid_token", "the token is invalid or expired");
      if (request.delegateTo.length === 0 || request.delegateTo.length > 500) {
        throw new DeputizeError("invalid_request", "`delegate_to` is the SPIFFE id of a worker");
      }
      if (request.scope.length === 0 || !scopesFit(request.scope)) {
        throw new DeputizeError("invalid_request", "`scope` names 1 to 64 scopes, 3,000 characters together");
      }
      const asked = request.ttlSeconds ?? DELEGATE_TTL_SECONDS;
      if (!Number.isSafeInteger(asked))
        throw new DeputizeError("invalid_ttl", "`ttl` is a whole number of seconds");
      const ttlSeconds = Math.min(asked <= 0 ? DELEGATE_TTL_SECONDS : asked, settings.lifetimes.maxSeconds);

      const now = thisSecond(clock);
      // A token of no second cannot be signed, so nothing may be written for it either.
      if (now.seconds >= by.expiresAt) {
        throw new DeputizeError("grant_revoked", "the token is about to end; renew it or get a new one");
      }
      const { link, record } = await recordHop(by, claims, request, new Date(clock.nowMs()).toISOString());
      const chain = [...chainOf(claims), link];
      if (JSON.stringify(chain).length > CHAIN_CHARACTERS) {
        throw new DeputizeError(
          "invalid_request",
          "the chain's scopes are too long for a token; ask for fewer or shorter ones",
        );
      }
      await refuseOtherLimit(by, claims, request);
      const id = newId(clock);
      const item = {
        grant: by.grants.at(-1),
        path: by.grants,
        principals: principalsOf(by),
        jti: by.jti,
        nextJti: link.jti,
        delegateTo: request.delegateTo,
        scopes: request.scope,
        malformed: !request.scope.every((scope) => readBrokerScope(scope) === "data"),
        now: now.iso,
        attenuate: {
          id,
          kind: "delegation",
          clientId: claims.app_id ?? "",
          scopes: request.scope,
          exact: true,
          edges: false,
          audiences: grantAudiences(settings),
          ttlSeconds: grantSeconds(ttlSeconds),
          renewSeconds: settings.lifetimes.renewSeconds,
          now: now.iso,
          record,
          ...(request.constraints && { constraints: request.constraints }),
        },
      };
      const resource = `agent:${request.delegateTo}`;
      const depth = chain.length;
      const event = callerEvent(by, {
        action: "delegation_created",
        resource,
        detail: {
          next_jti: link.jti,
          next_grant: id,
          scope: request.scope,
          depth,
          ...(request.constraints && { constraints: Object.keys(request.constraints) }),
          chain_hash: createHash("sha256")
            .update(record["statement"] ?? "")
            .digest("hex"),
        },
      });
      const answer = await delegate(itemJson(clock, item, [event]));
      if (answer.refused !== undefined) {
        if (answer.refused === "grant_revoked")
          throw new DeputizeError("invalid_token", "the token is invalid or expired");
        if (answer.refused === "jti_used")
          throw new DeputizeError("conflict", "this `jti` is used; choose another at random");
        const code = answer.refused in REFUSALS ? (answer.refused as keyof typeof REFUSALS) : "forbidden";
        const action = "delegation_attenuation_violation";
        const detail = { requested: request.scope, depth };
        throw await refuse(context, by, { action, resource, detail }, code, REFUSALS[code]);
      }
      const boundTo = answer.boundTo ? Buffer.from(answer.boundTo, "hex").toString("base64url") : undefined;
      const signed = await signGrant(context, answer, {
        sub: request.delegateTo,
        jti: link.jti,
        issuedAt: now.seconds,
        chain,
        ...(claims.app_id !== undefined && { appId: claims.app_id }),
        ...(boundTo !== undefined && { cnf: { jkt: ed25519Thumbprint(boundTo) } }),
      });
      return { ...signed, delegationChain: chain };
    },
  };
}
