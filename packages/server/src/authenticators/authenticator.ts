/**
 * The contract of everything that tells an agent server who is asking.
 *
 * Guarantees: an `Identity` is a frozen value of one form, with a user in it; what an authenticator of somebody else answers is
 * brought into that form here or refused. The body of a request is not shown, so nobody can be whom their own message names.
 * Does not: say what an identity may do, nor whose rows it owns. callers.ts does, by its issuer.
 */
import { deepFreeze } from "@deputize/mcp/auth";
import { z } from "zod";
import type { AuthCode } from "./auth-code.ts";
import type { AuthScheme } from "./auth-scheme.ts";

/** What is shown of a request. */
export interface AuthRequest {
  readonly method: string;
  /** Without its query: no credential is read from there. */
  readonly path: string;
  readonly headers: Headers;
  readonly transport: "http" | "ws";
  /** The one bearer token, where there is one (RFC 6750 §2.1). */
  readonly bearer?: string;
  /** Where it comes from: the socket's address, or what a trusted proxy says. */
  readonly peerAddress?: string;
}

/** The answer of one authenticator. */
export type AuthOutcome =
  | { readonly ok: true; readonly identity: IdentityInput }
  /** Not a credential of mine: the next one is asked. */
  | { readonly ok: false; readonly skip: true }
  | Rejection;

/** Mine, and it does not hold: nobody else is asked. */
export interface Rejection {
  readonly ok: false;
  readonly skip: false;
  readonly code: AuthCode;
  /** In place of the `WWW-Authenticate` that the code has. */
  readonly challenge?: string;
  readonly retryAfterSeconds?: number;
  /** For the server's log: a fixed sentence, with nothing of a credential or of a person. */
  readonly reason?: string;
}

export interface Authenticator {
  /** Shown in logs; and `urn:deputize:authenticator:<name>` is the issuer of its identities unless they name one. */
  readonly name: string;
  /** What it takes, for those who ask what to send; a bearer token unless told. */
  readonly schemes?: readonly AuthScheme[];
  /** Two seconds are given, then `signal` is aborted. Throwing refuses. */
  authenticate(request: AuthRequest, signal: AbortSignal): Promise<AuthOutcome>;
  /** Requests of one key at one moment share one question. Absent, or undefined: each asks for itself. */
  flightKey?(request: AuthRequest): string | undefined;
  close?(): Promise<void>;
}

// Half a character is not told from another half once it is hashed, and two people would be one.
const text = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .refine((one) => one.isWellFormed());
const names = z.array(text(256)).max(256).default([]);
const claims = z.record(z.string(), z.unknown()).default({});

const IdentityForm = z.strictObject({
  /** Who it is, within the issuer. */
  userId: text(256),
  /** Who vouches for it. One `userId` of two issuers is two users (SR-09). */
  issuer: text(512).optional(),
  tenantId: text(64).optional(),
  username: text(256).optional(),
  email: text(320).optional(),
  roles: names,
  scopes: names,
  /** How it was proved (RFC 8176), such as `pwd`, `otp`. */
  amr: names,
  /** When the person was last there to prove it, epoch seconds. */
  authTime: z.number().int().nonnegative().optional(),
  /** What revocation goes by; unique within the issuer. */
  tokenId: text(256).optional(),
  /** Epoch seconds. */
  expiresAt: z.number().positive().optional(),
  /** What the issuer says beside. */
  claims,
});

/** What an authenticator says of a user; `userId` is enough. */
export type IdentityInput = z.input<typeof IdentityForm>;
/** Who asks, as it travels through the server. */
export type Identity = Readonly<z.output<typeof IdentityForm>> & { readonly issuer: string };

/** The frozen identity of what an authenticator said. Throws for one without a user, or of another form (AF-D06). */
export function identityOf(authenticator: string, said: unknown): Identity {
  const read = IdentityForm.parse(said);
  return deepFreeze({ ...read, issuer: read.issuer ?? issuerOf(authenticator) });
}

/** The issuer of identities of an authenticator that names none. */
export function issuerOf(authenticator: string): string {
  return `urn:deputize:authenticator:${authenticator}`;
}

export const SKIP = { ok: false, skip: true } as const;

/** A rejection. `reason` goes to the server's log. */
export function rejected(
  code: AuthCode,
  reason: string,
  more: Partial<Pick<Rejection, "challenge" | "retryAfterSeconds">> = {},
): Rejection {
  return { ok: false, skip: false, code, reason, ...more };
}
