/**
 * Registration: a launch token, a nonce, a key that signs it, and a worker comes out with its first token.
 *
 * Guarantees: checks in the protocol's order (what each consumes is said there); orchestration and task are looked at before
 * anything is consumed; a transcript proof that is sent must hold, and an app can demand one.
 * Attack answered: a proof that covers the nonce alone lets whoever sits between swap the launch token or the scopes; the
 * transcript covers all of them [AW-D14].
 */
import {
  DeputizeError,
  type GrantId,
  type PrincipalId,
  currentContext,
  newId,
  randomHex,
} from "@deputize/core";
import type { AuditEvent } from "@deputize/audit";
import { ed25519Thumbprint, registrationTranscript } from "@deputize/client";
import { deriveKey } from "../credentials/derive-key.ts";
import type { Workers } from "./broker.ts";
import {
  type BrokerContext,
  type ItemAnswer,
  grantAudiences,
  itemBatch,
  itemJson,
  newJti,
  signGrant,
  thisSecond,
} from "./broker-context.ts";
import { type EventRest, bareEvent } from "./broker-events.ts";
import { readBrokerScope, scopesFit } from "./broker-scopes.ts";
import { readWorkerKey, workerSigned } from "./ed25519.ts";
import { launchTokenHash } from "./launch-tokens.ts";
import { NONCE_SECONDS, createNonces } from "./nonces.ts";

const SEGMENT = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,128}$/;

const REFUSALS: Readonly<
  Record<string, readonly ["invalid_credentials" | "scope_exceeded" | "invalid_request", string]>
> = {
  launch_token: [
    "invalid_credentials",
    "the launch token is unknown, used or expired; ask the app for another",
  ],
  scope_exceeded: ["scope_exceeded", "the requested scopes exceed the launch token's; ask for less"],
  transcript: ["invalid_request", "this app asks for `transcript_signature`; sign the whole registration"],
  nonce: ["invalid_credentials", "the nonce is unknown, used or expired; ask for another challenge"],
  proof: ["invalid_credentials", "the key or its signature does not hold; ask for another challenge"],
};

export function createRegistration(context: BrokerContext): Pick<Workers, "challenge" | "register"> {
  const { clock, tenant, settings } = context;
  const launchKey = deriveKey(context.rootSecret, "launch-token");
  const nonces = createNonces({
    key: deriveKey(context.rootSecret, "nonce"),
    clock,
    epoch: () => context.verifier.epoch(),
  });
  const register = itemBatch(context, "broker_register");

  async function refusal(answer: ItemAnswer): Promise<DeputizeError> {
    const reason = answer.refused ?? "";
    const [code, message] = REFUSALS[reason] ?? ["invalid_credentials", "the registration does not hold"];
    // Known is only the app that a real launch token names; else it is a stranger's try [AW-D24].
    const app = answer.app as PrincipalId | undefined;
    await context.refusals.refused(
      {
        ...bareEvent(tenant, {
          action: "registration_policy_violation",
          outcome: "refused",
          reason,
          ...(app && { detail: { app_id: answer.appId } }),
        }),
        ...(app && { subject: app, app }),
      },
      currentContext()?.source,
    );
    return new DeputizeError(code, message);
  }

  return {
    challenge: () => ({ nonce: nonces.issue(), expiresIn: NONCE_SECONDS }),

    async register(request) {
      const { orchId, taskId, requestedScope } = request;
      if (!SEGMENT.test(orchId) || !SEGMENT.test(taskId)) {
        throw new DeputizeError(
          "invalid_request",
          "`orch_id` and `task_id` are 1 to 128 letters, digits, `.`, `_` and `-`",
        );
      }
      if (requestedScope.length === 0 || !scopesFit(requestedScope)) {
        throw new DeputizeError(
          "invalid_request",
          "`requested_scope` names 1 to 64 scopes, 3,000 characters together",
        );
      }
      const nonce = nonces.read(request.nonce);
      const key = readWorkerKey(request.publicKey);
      const plain =
        key !== undefined && workerSigned(key, Buffer.from(request.nonce, "hex"), request.signature);
      const transcript =
        request.transcriptSignature === undefined
          ? undefined
          : plain &&
            workerSigned(key, Buffer.from(registrationTranscript(request)), request.transcriptSignature);

      const now = thisSecond(clock);
      const jti = newJti();
      const worker = newId(clock) as PrincipalId;
      const grant = newId(clock) as GrantId;
      const spiffe = `spiffe://${settings.trustDomain}/agent/${orchId}/${taskId}/${randomHex(8)}`;
      const item = {
        hash: launchTokenHash(launchKey, request.launchToken),
        nonce: nonce?.name ?? randomHex(16),
        nonceHolds: nonce?.holds ?? false,
        proofHolds: plain && transcript !== false,
        ...(transcript !== undefined && { transcript }),
        malformed: !requestedScope.every((scope) => readBrokerScope(scope) === "data"),
        scopes: requestedScope,
        worker,
        spiffe,
        publicKey: key?.raw.toString("hex") ?? "",
        bound: request.bind ?? false,
        id: grant,
        jti,
        task: taskId,
        orchestration: orchId,
        audiences: grantAudiences(settings),
        now: now.iso,
        maxTtl: settings.lifetimes.maxSeconds,
        renewSeconds: settings.lifetimes.renewSeconds,
      };
      // The function fills in the app, which only the launch token tells.
      const entry = (rest: EventRest): AuditEvent => ({
        ...bareEvent(tenant, rest),
        actors: [worker],
        agent: spiffe,
        grant,
        grants: [grant],
        task: taskId,
        orchestration: orchId,
      });
      const events = [
        entry({
          action: "agent_registered",
          detail: { scope: requestedScope, transcript: transcript === true },
        }),
        entry({ action: "token_issued", detail: { jti, scope: requestedScope } }),
      ];
      const answer = await register(itemJson(clock, item, events));
      if (answer.refused !== undefined) throw await refusal(answer);
      const signed = await signGrant(context, answer, {
        sub: spiffe,
        jti,
        issuedAt: now.seconds,
        ...(answer.appId !== undefined && { appId: answer.appId }),
        ...(request.bind && key && { cnf: { jkt: ed25519Thumbprint(key.x) } }),
      });
      return { ...signed, agentId: spiffe };
    },
  };
}
