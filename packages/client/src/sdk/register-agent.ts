/**
 * Registers a worker: asks for a challenge, proves the key, and gets the credential. For a process that was given only a
 * launch token; `DeputizeApp.createAgent` does the same with a launch token of its own.
 */
import { type KeyObject } from "node:crypto";
import { type Clock, DeputizeError, systemClock } from "@deputize/core";
import { z } from "zod";
import { registrationTranscript } from "../token/delegation-record.ts";
import { Agent, type AutoRenew, readIssued } from "./agent.ts";
import { type BrokerHttp, type BrokerHttpOptions, createBrokerHttp } from "./broker-http.ts";
import { TransportError } from "./errors.ts";
import { WorkerKey } from "./worker-key.ts";

/** Which task the credential is for, and what it may do. Both spellings of a name mean the same; give one. */
export interface AgentRequest {
  /** Who runs the work: a segment of the SPIFFE id, letters, digits, `.`, `_`, `-`. */
  readonly orchestration?: string;
  readonly orchId?: string;
  /** Which piece of work. */
  readonly task?: string;
  readonly taskId?: string;
  /** `action:resource:identifier` each. */
  readonly scope?: readonly string[];
  readonly requestedScope?: readonly string[];
  /** The worker's own key; a fresh one otherwise. */
  readonly privateKey?: KeyObject | string;
  /** Bind the token to the key, so that a stolen token is of no use without it (DPoP). */
  readonly bind?: boolean;
  /** Renew before the token runs out, until `release`. */
  readonly autoRenew?: AutoRenew;
  readonly signal?: AbortSignal;
}

export interface NamedTask {
  readonly orchId: string;
  readonly taskId: string;
  readonly scope: readonly string[];
}

function one<T>(name: string, a: T | undefined, b: T | undefined): T {
  if ((a === undefined) === (b === undefined)) {
    throw new DeputizeError("invalid_request", `name one ${name}`);
  }
  return (a ?? b) as T;
}

/** The task that a request names. Throws `invalid_request` when a part is missing or named twice. */
export function readTask(request: AgentRequest): NamedTask {
  return {
    orchId: one("`orchestration` (or `orchId`)", request.orchestration, request.orchId),
    taskId: one("`task` (or `taskId`)", request.task, request.taskId),
    scope: one("`scope` (or `requestedScope`)", request.scope, request.requestedScope),
  };
}

const Challenge = z.object({ nonce: z.string().regex(/^[0-9a-f]{64}$/) });

/** Challenge and registration over a given connection. */
export async function register(
  http: BrokerHttp,
  clock: Clock,
  request: AgentRequest & { readonly launchToken: string },
  closing?: AbortSignal,
): Promise<Agent> {
  const { orchId, taskId, scope } = readTask(request);
  const { launchToken, signal } = request;
  const key = new WorkerKey(request.privateKey);
  const challenge = Challenge.safeParse(
    await http.send({ method: "GET", path: "/v1/challenge", repeatable: true, signal }),
  );
  if (!challenge.success) throw new TransportError("the broker's challenge cannot be read");
  const { nonce } = challenge.data;
  const { publicKey } = key;
  const issued = readIssued(
    await http.send({
      method: "POST",
      path: "/v1/register",
      body: {
        launch_token: launchToken,
        nonce,
        public_key: publicKey,
        signature: key.signBase64(Buffer.from(nonce, "hex")),
        // Covers what the plain signature leaves open, so that nobody on the way can swap a part (AW-D14).
        transcript_signature: key.signBase64(
          registrationTranscript({
            nonce,
            launchToken,
            publicKey,
            orchId,
            taskId,
            requestedScope: scope,
            ...(request.bind === true && { bind: true }),
          }),
        ),
        orch_id: orchId,
        task_id: taskId,
        requested_scope: scope,
        ...(request.bind === true && { bind: true }),
      },
      // A lost answer may have been a yes, and the launch token is spent.
      repeatable: false,
      signal,
    }),
  );
  return new Agent({ http, clock, key, autoRenew: request.autoRenew, closing }, issued);
}

/**
 * Registers with a launch token that somebody else made. Throws `AuthenticationError` (launch token or proof),
 * `AuthorizationError` (scope), `ProblemResponseError`, `TransportError`, `CryptoError`.
 */
export function registerAgent(
  request: AgentRequest & BrokerHttpOptions & { readonly launchToken: string; readonly clock?: Clock },
): Promise<Agent> {
  return register(createBrokerHttp(request), request.clock ?? systemClock, request);
}
