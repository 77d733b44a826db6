/**
 * A worker's credential in hand: what it is, what it may do, and what its holder can do with it.
 *
 * Guarantees: after `release` nothing is sent with the token any more, and `renew` and `delegate` throw here; parallel
 * renewals and releases are one; `release` is quiet about a token that ended before, unless the answer to a renewal was lost
 * and a successor in nobody's hands may live. `enforce` and `can` refuse by default:
 * nothing asked, a released or expired token, a malformed scope are all a no.
 * Does not: protect what others check. A service that is handed the token verifies it itself.
 */
import {
  type Clock,
  type Constraint,
  DeputizeError,
  nowSeconds,
  randomHex,
  scopeIsSubset,
} from "@deputize/core";
import { z } from "zod";
import { FIRST_RECORD, delegationStatement } from "../token/delegation-record.ts";
import { createDpopProof } from "../token/dpop.ts";
import type { AgentClaims, DelegationRecord } from "./agent-claims.ts";
import { readClaims } from "./agent-claims.ts";
import { startAutoRenew } from "./auto-renew.ts";
import type { BrokerHttp } from "./broker-http.ts";
import { AuthenticationError, AuthorizationError, ProblemResponseError, TransportError } from "./errors.ts";
import { type ValidateResult, askBroker, invalidResult } from "./validate.ts";
import type { WorkerKey } from "./worker-key.ts";

const Issued = z.object({ access_token: z.string().min(1), expires_in: z.number().positive() });

export interface AgentContext {
  readonly http: BrokerHttp;
  readonly clock: Clock;
  /** Of the agent that the token names, where this process has it. */
  readonly key?: WorkerKey | undefined;
  readonly autoRenew?: AutoRenew | undefined;
  /** Ends the renewing of every agent of an app. */
  readonly closing?: AbortSignal | undefined;
}

/** `onFailed` hears, once, that the token can no longer be renewed and will expire. */
export type AutoRenew = boolean | { readonly onFailed?: (error: unknown) => void };

interface Held {
  readonly token: string;
  readonly claims: AgentClaims;
  readonly expiresIn: number;
  /** On the monotonic clock. */
  readonly endsAt: number;
}

/** Reads an answer with a token in it. Throws `TransportError`. */
export function readIssued(answer: unknown): { readonly token: string; readonly expiresIn: number } {
  const parsed = Issued.safeParse(answer);
  if (!parsed.success) throw new TransportError("the broker's answer holds no token");
  return { token: parsed.data.access_token, expiresIn: parsed.data.expires_in };
}

/** For rooms of the SDK that act as an agent: its key, its clock and the way to its broker. Not exported from the package. */
export let contextOf: (agent: Agent) => AgentContext;

export class Agent implements AsyncDisposable {
  static {
    contextOf = (agent) => agent.#context;
  }

  /** SPIFFE id; the same for each renewed token. */
  readonly agentId: string;
  readonly taskId: string;
  readonly orchId: string;
  readonly #context: AgentContext;
  #held: Held;
  #renewing: Promise<void> | undefined;
  #releasing: Promise<void> | undefined;
  #released = false;
  /** Until when a successor that never arrived may live, on the monotonic clock. */
  #lostEndsAt = 0;
  readonly #stopRenewing: () => void;

  /** Made by `DeputizeApp.createAgent`, `registerAgent`, `delegate` and `accept`. */
  constructor(context: AgentContext, issued: { readonly token: string; readonly expiresIn: number }) {
    this.#context = context;
    this.#held = this.#hold(issued.token, issued.expiresIn);
    this.agentId = this.#held.claims.sub;
    this.taskId = this.#held.claims.task_id;
    this.orchId = this.#held.claims.orch_id;
    const auto = context.autoRenew ?? false;
    this.#stopRenewing =
      auto === false
        ? () => {}
        : startAutoRenew({
            clock: context.clock,
            held: () => ({ ...this.#held, expiresAt: this.expiresAt }),
            renew: () => this.renew(),
            closing: context.closing,
            onFailed: auto === true ? undefined : auto.onFailed,
          });
  }

  get accessToken(): string {
    return this.#held.token;
  }
  /** Seconds that the token was good for when it came. */
  get expiresIn(): number {
    return this.#held.expiresIn;
  }
  /** Epoch seconds, on the broker's clock. */
  get expiresAt(): number {
    return this.#held.claims.exp;
  }
  /** As granted. */
  get scope(): readonly string[] {
    return this.#held.claims.scope;
  }
  /** What the token says of itself. */
  get claims(): AgentClaims {
    return this.#held.claims;
  }
  /** Who handed this on, first hop first; empty for an agent's own token. */
  get delegationChain(): readonly DelegationRecord[] {
    return this.#held.claims.delegation_chain ?? [];
  }
  get released(): boolean {
    return this.#released;
  }
  /** Headers with the token. Of a key-bound token this is not enough: use `fetch`, which adds the proof. */
  get bearerHeader(): { readonly Authorization: string } {
    return { Authorization: `Bearer ${this.#held.token}` };
  }

  /** True when the token is in its time and covers each scope asked about. */
  can(scope: string | readonly string[]): boolean {
    const asked = typeof scope === "string" ? [scope] : scope;
    return asked.length > 0 && !this.#ended() && scopeIsSubset(asked, this.scope);
  }

  /** Throws `AuthorizationError` unless the token covers the scope, and as `renew` does once it has ended. */
  enforce(scope: string | readonly string[]): void {
    this.#assertHeld();
    const asked = [scope].flat();
    if (this.#ended()) {
      throw new AuthenticationError(localProblem(401, "unauthorized", "the agent's token has expired"));
    }
    if (!this.can(asked)) {
      throw new AuthorizationError(
        localProblem(403, "insufficient_scope", `the agent does not hold \`${asked.join(" ")}\``),
      );
    }
  }

  /**
   * Replaces the token by its successor; the old one is dead then. What was delegated stays. Throws
   * `AuthenticationError` when the token or its grant has ended, `DeputizeError` (`grant_revoked`) after `release`.
   */
  renew(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    return this.#afterCheck(() => {
      this.#renewing ??= this.#renew(options.signal).finally(() => {
        this.#renewing = undefined;
      });
      return this.#renewing;
    });
  }

  /**
   * Ends the token and everything delegated from it. Repeating it, or a token that ended before, is no error. Throws
   * `TransportError` when the broker cannot be asked, or knows the token no more after a renewal whose answer was lost.
   */
  async release(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    this.#released = true;
    this.#stopRenewing();
    // A release that got no answer may be tried again.
    this.#releasing ??= this.#release(options.signal).catch((error: unknown) => {
      this.#releasing = undefined;
      throw error;
    });
    await this.#releasing;
  }

  /**
   * Hands a part of this authority to another live agent of the app, by its SPIFFE id or its handle, for `ttl` seconds at
   * most. Signed with this agent's own key when this process holds it. The handle that comes back delegates onward, with the
   * delegate's own signature when `to` was its handle. Throws `AuthorizationError` (scope or depth),
   * `ProblemResponseError` 404 (unknown delegate).
   */
  async delegate(
    to: string | Agent,
    scope: string | readonly string[],
    options: {
      readonly ttl?: number;
      /** Beside this agent's own, which stay. */
      readonly constraints?: Readonly<Record<string, Constraint>>;
      readonly signal?: AbortSignal;
    } = {},
  ): Promise<Agent> {
    await this.#settled();
    const granted = [scope].flat();
    const delegate = typeof to === "string" ? to : to.agentId;
    const { key, http, clock } = this.#context;
    const jti = randomHex(16);
    const signature = key?.signBase64(
      delegationStatement({
        prev: this.claims.chain_hash ?? FIRST_RECORD,
        delegator: this.agentId,
        delegate,
        held: this.claims.scope,
        scope: granted,
        jti,
      }),
    );
    const { token, expiresIn } = readIssued(
      await http.send({
        method: "POST",
        path: "/v1/delegate",
        body: {
          delegate_to: delegate,
          scope: granted,
          ttl: options.ttl ?? 60,
          ...(options.constraints && { constraints: options.constraints }),
          ...(signature !== undefined && { jti, signature }),
        },
        credentials: () => this.#credentials("POST", `${http.brokerUrl}/v1/delegate`),
        // A second one would be a second token in nobody's hands.
        repeatable: false,
        signal: options.signal,
      }),
    );
    const theirs = typeof to === "string" ? undefined : to.#context.key;
    return new Agent({ http, clock, key: theirs }, { token, expiresIn });
  }

  /** A handle on a token that somebody delegated to this agent, with this agent's key. Throws `invalid_request`. */
  accept(accessToken: string): Agent {
    const claims = readClaims(accessToken);
    if (claims?.sub !== this.agentId) {
      throw new DeputizeError("invalid_request", "the token was not delegated to this agent");
    }
    const { http, clock, key } = this.#context;
    return new Agent({ http, clock, key }, { token: accessToken, expiresIn: claims.exp - nowSeconds(clock) });
  }

  /** Whether the token stands, and why not: `released`, `expired`, or `revoked` by somebody else. */
  async validate(options: { readonly signal?: AbortSignal } = {}): Promise<ValidateResult> {
    await this.#renewing?.catch(() => undefined);
    const { http, clock } = this.#context;
    const result = await askBroker(http, this.#held.token, { clock, signal: options.signal });
    if (result.valid) return result;
    if (this.#released) return invalidResult("released", result.error);
    return invalidResult(this.#ended() ? "expired" : "revoked", result.error);
  }

  /** `fetch` with the token, and with a proof of possession where it is key-bound (RFC 9449). */
  async fetch(input: string | URL | Request, init?: RequestInit): Promise<Response> {
    await this.#settled();
    const request = new Request(input, init);
    for (const [name, value] of Object.entries(await this.#credentials(request.method, request.url))) {
      request.headers.set(name, value);
    }
    return this.#context.http.fetch(request);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  #hold(token: string, expiresIn: number): Held {
    const claims = readClaims(token);
    if (!claims) throw new TransportError("the broker's token cannot be read");
    return { token, claims, expiresIn, endsAt: this.#context.clock.monotonicMs() + expiresIn * 1000 };
  }

  #ended(): boolean {
    return this.#released || this.#context.clock.monotonicMs() >= this.#held.endsAt;
  }

  #assertHeld(): void {
    if (this.#released) {
      throw new DeputizeError("grant_revoked", "the agent was released; create a new one");
    }
  }

  async #afterCheck<T>(work: () => Promise<T>): Promise<T> {
    this.#assertHeld();
    return work();
  }

  /** Waits for a renewal under way, so that no request leaves with a token that is about to die. */
  async #settled(): Promise<void> {
    this.#assertHeld();
    await this.#renewing?.catch(() => undefined);
    this.#assertHeld();
  }

  async #credentials(method: string, url: string): Promise<Record<string, string>> {
    const { token, claims } = this.#held;
    const { key, clock } = this.#context;
    if (claims.cnf?.jkt === undefined) return { Authorization: `Bearer ${token}` };
    if (!key) {
      throw new DeputizeError(
        "invalid_request",
        "the token is bound to a key that is not here; let the agent that holds it `accept` the token",
      );
    }
    const proof = await createDpopProof({ key: key.proofKey, method, url, accessToken: token, clock });
    return { Authorization: `DPoP ${token}`, DPoP: proof };
  }

  async #renew(signal: AbortSignal | undefined): Promise<void> {
    const { http, clock } = this.#context;
    try {
      const answer = await http.send({
        method: "POST",
        path: "/v1/token/renew",
        credentials: () => this.#credentials("POST", `${http.brokerUrl}/v1/token/renew`),
        repeatable: false,
        signal,
      });
      const { token, expiresIn } = readIssued(answer);
      this.#held = this.#hold(token, expiresIn);
      this.#lostEndsAt = 0;
    } catch (error) {
      const refused = error instanceof ProblemResponseError && error.statusCode < 500;
      if (!refused) this.#lostEndsAt = clock.monotonicMs() + this.#held.expiresIn * 1000;
      throw error;
    }
  }

  async #release(signal: AbortSignal | undefined): Promise<void> {
    await this.#renewing?.catch(() => undefined);
    const { http, clock } = this.#context;
    try {
      await http.send({
        method: "POST",
        path: "/v1/token/release",
        credentials: () => this.#credentials("POST", `${http.brokerUrl}/v1/token/release`),
        repeatable: true,
        signal,
      });
    } catch (error) {
      // It ended before: expired, revoked, released by somebody else, or by our own lost attempt.
      if (!(error instanceof AuthenticationError)) throw error;
      if (clock.monotonicMs() >= this.#lostEndsAt) return;
      throw new TransportError(
        "the answer to a renewal was lost: the token's successor may live until it expires; have an operator revoke the agent",
        error,
      );
    }
  }
}

function localProblem(status: number, errorCode: string, detail: string) {
  return {
    type: `urn:agentwrit:error:${errorCode}`,
    title: errorCode,
    status,
    detail,
    error_code: errorCode,
  };
}
