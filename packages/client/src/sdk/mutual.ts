/**
 * Two workers prove themselves to each other with the keys that they registered, in three messages over any channel:
 * the initiator's nonce; the responder's counter-nonce and proof; the initiator's proof.
 *
 * Guarantees: each side signs both ids, both nonces and the id of its own token; the key comes from the broker, which names
 * only living workers of one's own app, and only while that token stands. Proofs of the two roles are different
 * statements, so that none can be sent back (reflection); each exchange has two fresh nonces and one use, so that none can
 * be sent again (replay). It is over after 30 s.
 * Does not: make a session key, or protect the channel. What is said after it needs TLS or signatures of its own.
 */
import { createPublicKey, timingSafeEqual, verify } from "node:crypto";
import { type Clock, DeputizeError, randomHex } from "@deputize/core";
import { z } from "zod";
import { parseInput } from "../http/read-body.ts";
import { type Agent, contextOf } from "./agent.ts";

const Id = z.string().regex(/^spiffe:\/\/\S{1,500}$/);
const Nonce = z.string().regex(/^[0-9a-f]{64}$/);
const Jti = z.string().regex(/^[0-9a-f]{32}$/);
const Signature = z.string().regex(/^[A-Za-z0-9+/]{86}==$/);

const Hello = z.strictObject({ initiator: Id, responder: Id, nonce: Nonce });
const Answer = z.strictObject({ counter_nonce: Nonce, jti: Jti, signature: Signature });
const Proof = z.strictObject({ jti: Jti, signature: Signature });

/** First message. All three are plain JSON. */
export type MutualHello = z.infer<typeof Hello>;
/** Second message, back to the initiator. */
export type MutualAnswer = z.infer<typeof Answer>;
/** Third message. */
export type MutualProof = z.infer<typeof Proof>;

/** A worker that proved itself just now. */
export interface MutualPeer {
  /** SPIFFE id. */
  readonly agentId: string;
  readonly appId: string;
  readonly orchId: string;
  readonly taskId: string;
  /** Raw Ed25519 key, padded base64. */
  readonly publicKey: string;
}

/** Who takes part: an `Agent`, or anything that can sign and look up. */
export interface MutualParty {
  readonly agentId: string;
  /** `jti` of the present token. */
  jti(): string;
  /** Padded base64. */
  sign(statement: string): string;
  /** A living worker of one's own app whose token `jti` stands; undefined otherwise. */
  lookUp(agentId: string, jti: string): Promise<MutualPeer | undefined>;
  readonly clock: Clock;
}

const WITHIN_MS = 30_000;

interface Exchange {
  readonly initiator: string;
  readonly responder: string;
  readonly nonce: string;
  readonly counterNonce: string;
}

/** What the proof of a role covers: canonical JSON (RFC 8785), one text a statement. */
function statement(role: "initiator" | "responder", of: Exchange, jti: string): string {
  // Keys in code-unit order.
  return JSON.stringify({
    counter_nonce: of.counterNonce,
    initiator: of.initiator,
    jti,
    nonce: of.nonce,
    responder: of.responder,
    type: `deputize-mutual-${role}-v1`,
  });
}

function unproven(cause?: unknown): DeputizeError {
  return new DeputizeError("invalid_credentials", "the other worker did not prove itself", { cause });
}

function holds(peer: MutualPeer, text: string, signature: string): boolean {
  try {
    const x = Buffer.from(peer.publicKey, "base64").toString("base64url");
    const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
    return verify(null, Buffer.from(text), key, Buffer.from(signature, "base64"));
  } catch {
    return false;
  }
}

/** One use, in time. Throws `conflict`, `timeout`. */
function onceWithin(clock: Clock): () => void {
  const began = clock.monotonicMs();
  let used = false;
  return () => {
    if (used) throw new DeputizeError("conflict", "this exchange was used; begin another");
    used = true;
    if (clock.monotonicMs() - began > WITHIN_MS)
      throw new DeputizeError("timeout", "the exchange took more than 30 s; begin another");
  };
}

async function check(
  party: MutualParty,
  role: "initiator" | "responder",
  of: Exchange,
  sent: MutualProof,
): Promise<MutualPeer> {
  const id = of[role];
  const peer = await party.lookUp(id, sent.jti);
  if (!peer || peer.agentId !== id || !holds(peer, statement(role, of, sent.jti), sent.signature))
    throw unproven();
  return peer;
}

function partyOf(who: Agent | MutualParty): MutualParty {
  return "lookUp" in who ? who : agentParty(who);
}

/**
 * Begins with the worker of that SPIFFE id. Send `hello`; give what comes back to `finish`, once: it answers the proven
 * worker and the message to send last. Throws `validation_failed` for what is no such message, `invalid_credentials` when
 * the other does not prove itself, `conflict`, `timeout`.
 */
export function beginMutual(
  who: Agent | MutualParty,
  responder: string,
): {
  readonly hello: MutualHello;
  finish(answer: unknown): Promise<{ readonly peer: MutualPeer; readonly proof: MutualProof }>;
} {
  const party = partyOf(who);
  const hello = parseInput(Hello, { initiator: party.agentId, responder, nonce: randomHex(32) });
  if (responder === party.agentId) throw new DeputizeError("invalid_request", "one does not meet oneself");
  const use = onceWithin(party.clock);
  return {
    hello,
    async finish(answer) {
      use();
      const sent = parseInput(Answer, answer);
      const exchange = { ...hello, counterNonce: sent.counter_nonce };
      const peer = await check(party, "responder", exchange, sent);
      const jti = party.jti();
      return { peer, proof: { jti, signature: party.sign(statement("initiator", exchange, jti)) } };
    },
  };
}

/**
 * Answers a `hello` that was sent to this worker. Send `answer`; give what comes back to `finish`, once: it answers the
 * proven initiator, of whom nothing is known before. Throws as `beginMutual` does.
 */
export function answerMutual(
  who: Agent | MutualParty,
  received: unknown,
): { readonly answer: MutualAnswer; finish(proof: unknown): Promise<MutualPeer> } {
  const party = partyOf(who);
  const hello = parseInput(Hello, received);
  if (!same(hello.responder, party.agentId) || same(hello.initiator, party.agentId)) throw unproven();
  const exchange = { ...hello, counterNonce: randomHex(32) };
  const jti = party.jti();
  const signature = party.sign(statement("responder", exchange, jti));
  const use = onceWithin(party.clock);
  return {
    answer: { counter_nonce: exchange.counterNonce, jti, signature },
    async finish(proof) {
      use();
      return check(party, "initiator", exchange, parseInput(Proof, proof));
    },
  };
}

function same(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

const Found = z.object({
  agents: z.array(
    z.object({
      agent_id: z.string(),
      app_id: z.string(),
      orch_id: z.string(),
      task_id: z.string(),
      public_key: z.string(),
    }),
  ),
});

function agentParty(agent: Agent): MutualParty {
  const { key, http, clock } = contextOf(agent);
  if (!key) throw new DeputizeError("invalid_request", "this process does not hold the agent's key");
  return {
    agentId: agent.agentId,
    jti: () => agent.claims.jti,
    sign: (text) => key.signBase64(text),
    clock,
    async lookUp(agentId, jti) {
      const url = new URL(`${http.brokerUrl}/v1/agents`);
      url.search = new URLSearchParams({ agent_id: agentId, jti }).toString();
      const response = await agent.fetch(url, { headers: { Accept: "application/json" } });
      if (!response.ok) throw unproven(new Error(`the broker answered ${response.status}`));
      const found = Found.safeParse(await response.json());
      const [one] = found.success ? found.data.agents : [];
      return (
        one && {
          agentId: one.agent_id,
          appId: one.app_id,
          orchId: one.orch_id,
          taskId: one.task_id,
          publicKey: one.public_key,
        }
      );
    },
  };
}
