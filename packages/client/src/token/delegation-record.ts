/**
 * What is signed when a worker registers or hands on a part of its authority. Authority, SDK and verifiers build the very
 * same bytes here.
 *
 * Guarantees: every field is named and bounded by canonical JSON (RFC 8785), so that no two statements share a text.
 */

/** The `prev` of the first hop. */
export const FIRST_RECORD = "0".repeat(64);

/** One hop, as its delegator signs it with Ed25519. */
export interface DelegationStatement {
  /** SHA-256 of the record before, hex: `chain_hash` of the delegator's own token, or `FIRST_RECORD`. */
  readonly prev: string;
  /** SPIFFE ids. */
  readonly delegator: string;
  readonly delegate: string;
  /** What the delegator holds, as its token says it. */
  readonly held: readonly string[];
  /** What is handed on. */
  readonly scope: readonly string[];
  /** `jti` of the token that the hop makes, 32 hex digits, chosen by whoever signs. */
  readonly jti: string;
}

/** One item of a token's `delegation_chain`: the protocol's four members, and what is needed to check them. */
export interface DelegationLink {
  /** The delegator and the scope that it held. */
  readonly agent: string;
  readonly scope: readonly string[];
  /** RFC 3339. */
  readonly delegated_at: string;
  /** Hex, over `delegationStatement`. */
  readonly signature: string;
  readonly delegate: string;
  readonly granted: readonly string[];
  readonly jti: string;
  readonly prev: string;
  /** The delegator's raw Ed25519 key, padded base64, when it signed itself; otherwise the authority signed with `kid`. */
  readonly key?: string;
  readonly kid?: string;
}

/** The text that a hop's signature covers; its SHA-256 is the next hop's `prev`. */
export function delegationStatement(of: DelegationStatement): string {
  // Keys in code-unit order: this is RFC 8785 for plain strings.
  return JSON.stringify({
    delegate: of.delegate,
    delegator: of.delegator,
    held: of.held,
    jti: of.jti,
    prev: of.prev,
    scope: of.scope,
    type: "deputize-delegation-v1",
  });
}

/** What a transcript proof of registration covers, besides the nonce that the plain proof covers alone. */
export interface RegistrationTranscript {
  readonly nonce: string;
  readonly launchToken: string;
  /** Padded base64 of the raw key. */
  readonly publicKey: string;
  readonly orchId: string;
  readonly taskId: string;
  readonly requestedScope: readonly string[];
  /** The token is to be bound to the key: named only then, so that nobody between can leave it out. */
  readonly bind?: boolean;
}

/** The text that `transcript_signature` covers. */
export function registrationTranscript(of: RegistrationTranscript): string {
  return JSON.stringify({
    ...(of.bind && { bind: true }),
    launch_token: of.launchToken,
    nonce: of.nonce,
    orch_id: of.orchId,
    public_key: of.publicKey,
    requested_scope: of.requestedScope,
    task_id: of.taskId,
    type: "deputize-registration-v1",
  });
}
