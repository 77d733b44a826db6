/**
 * The shape of a receipt: proof that one audit entry is in the log. It is the JSON that the API answers and
 * that anybody can check offline with `@deputize/audit/verify`. Safe in a browser.
 */

/** The parts of an entry that a leaf commits to under a salt. */
export const OPENING_FIELDS = ["who", "why", "what", "detail"] as const;
export type OpeningField = (typeof OPENING_FIELDS)[number];

/** What opens one commitment: the salt (hex) and the value under it. */
export interface Opening {
  readonly salt: string;
  readonly value: unknown;
}

export type Openings = Partial<Record<OpeningField, Opening>>;

export interface ReceiptParty {
  readonly id: string;
  /** As the principal is called now; not part of what is proven. */
  readonly name?: string;
}

export interface ReceiptSummary {
  /** The person or agent on whose behalf; absent once erased, or when nobody was known. */
  readonly asked?: ReceiptParty;
  /** Who acted, the current actor first. */
  readonly agents: readonly ReceiptParty[];
  readonly grant?: { readonly id: string; readonly scopes?: readonly string[]; readonly expires?: string };
  readonly action: string;
  readonly outcome: string;
  /** What was called or touched, such as `orders/cancel_order`; absent once erased. */
  readonly resource?: string;
  readonly reason?: string;
  /** RFC 3339. */
  readonly at: string;
  readonly case?: { readonly id: string; readonly purpose: string };
}

export interface Receipt {
  /** `pending` until the entry is in a signed tree; then everything optional but `openings` is there. */
  readonly status: "pending" | "logged";
  readonly entry_id: string;
  /** Zero-based place in the log. */
  readonly index?: number;
  /** Size of the tree that `proof` leads to. */
  readonly size?: number;
  /** The entry itself, canonical JSON. */
  readonly leaf?: string;
  /** Inclusion proof (RFC 9162 §2.1.3), hex, lowest first. */
  readonly proof?: readonly string[];
  /** C2SP signed checkpoint. */
  readonly checkpoint?: string;
  /** C2SP verifier key of the log: `origin+hash+key`. */
  readonly public_key: string;
  readonly openings?: Openings;
  readonly summary: ReceiptSummary;
}
