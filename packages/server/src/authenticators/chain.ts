/**
 * Asking authenticators: one after another, each within its time.
 *
 * Guarantees: who skips hands on to the next, who rejects ends it (AF-F10); a throw, an answer of no known form and an identity
 * without a user are rejections, never anonymity (AF-D06); each has two seconds, and one that is slow holds up nobody else
 * (AF-D05); requests that share a flight share its answer. Nobody accepted: 401, never a guest.
 * Does not: know a mode without authentication. Whoever serves without one asks no chain.
 */
import { DeputizeError, isDeputizeError } from "@deputize/core";
import { reasonsOf } from "@deputize/mcp/auth";
import { MalformedRequest, type AuthRequestOptions, authRequestOf, hasCredential } from "./auth-request.ts";
import { AUTH_CODES } from "./auth-code.ts";
import type { AuthScheme } from "./auth-scheme.ts";
import {
  type AuthOutcome,
  type AuthRequest,
  type Authenticator,
  type Identity,
  type Rejection,
  identityOf,
  rejected,
} from "./authenticator.ts";

/** The longest that an authenticator may take. */
export const AUTH_TIMEOUT_MS = 2000;

export type ChainOutcome =
  { readonly ok: true; readonly identity: Identity; readonly authenticator: string } | Rejection;

/** A refusal for the server's log and metrics; nothing in it is personal. */
export interface RefusalNote {
  /** Absent when nobody took the credential for theirs. */
  readonly authenticator?: string;
  readonly code: Rejection["code"];
  readonly reason: string;
}

export interface ChainOptions {
  readonly onRefusal?: (note: RefusalNote) => void;
  /** Less than two seconds, for a server that would rather refuse. */
  readonly timeoutMs?: number;
}

export interface AuthenticatorChain {
  readonly names: readonly string[];
  /** What the authenticators take, by name; one of them is enough. */
  readonly schemes: Readonly<Record<string, AuthScheme>>;
  /** Who sent a request of the network. Never throws. */
  authenticate(request: Request, options?: AuthRequestOptions): Promise<ChainOutcome>;
  /** Who sent what was read already. Never throws. */
  ask(request: AuthRequest): Promise<ChainOutcome>;
  close(): Promise<void>;
}

/** Authenticators tried in order. Throws `config_invalid` for none, for two of one name, and for a bad time. */
export function authenticatorChain(
  authenticators: readonly Authenticator[],
  options: ChainOptions = {},
): AuthenticatorChain {
  const { timeoutMs = AUTH_TIMEOUT_MS, onRefusal } = options;
  const names = authenticators.map(({ name }) => name);
  if (names.length === 0 || names.includes("") || new Set(names).size < names.length)
    throw new DeputizeError("config_invalid", "give one authenticator or more, each with a name of its own");
  if (!(timeoutMs > 0 && timeoutMs <= AUTH_TIMEOUT_MS))
    throw new DeputizeError("config_invalid", `an authenticator gets at most ${AUTH_TIMEOUT_MS} ms`);
  const flights = new Map<string, Promise<Settled>>();

  function shared(one: Authenticator, request: AuthRequest): Promise<Settled> {
    const own = one.flightKey?.(request);
    if (own === undefined) return settled(one, request, timeoutMs);
    const key = JSON.stringify([one.name, own]);
    const flying = flights.get(key);
    if (flying) return flying;
    const flight = settled(one, request, timeoutMs).finally(() => flights.delete(key));
    flights.set(key, flight);
    return flight;
  }

  function refuse(refusal: Rejection, authenticator?: string): Rejection {
    const { code, reason = "refused" } = refusal;
    try {
      onRefusal?.({ code, reason, ...(authenticator !== undefined && { authenticator }) });
    } catch {
      // A log that is full changes no answer.
    }
    return refusal;
  }

  async function ask(request: AuthRequest): Promise<ChainOutcome> {
    for (const one of authenticators) {
      const outcome = await askOne(one, request);
      if (outcome === undefined) continue;
      return outcome.ok ? { ...outcome, authenticator: one.name } : refuse(outcome, one.name);
    }
    return refuse(
      hasCredential(request)
        ? rejected("INVALID_TOKEN", "nobody knows a credential of this form")
        : rejected("UNAUTHENTICATED", "no credential was sent"),
    );
  }

  async function askOne(one: Authenticator, request: AuthRequest): Promise<Settled> {
    try {
      return await shared(one, request);
    } catch (error) {
      // `flightKey` of somebody else threw.
      return thrown(error);
    }
  }

  return {
    names,
    schemes: schemesOf(authenticators),
    ask,
    authenticate: async (request, how) => {
      let read: AuthRequest;
      try {
        read = authRequestOf(request, how);
      } catch (error) {
        const reason = error instanceof MalformedRequest ? error.message : "the request cannot be read";
        return refuse(rejected("INVALID_TOKEN", reason));
      }
      return ask(read);
    },
    close: async () => {
      await Promise.all(authenticators.map((one) => one.close?.()));
    },
  };
}

const BEARER: readonly AuthScheme[] = [{ kind: "bearer" }];

/** Names in a card are words: what else stands in an authenticator's is left out. */
function schemesOf(authenticators: readonly Authenticator[]): Readonly<Record<string, AuthScheme>> {
  const schemes: Record<string, AuthScheme> = {};
  for (const { name, schemes: own = BEARER } of authenticators) {
    const base = name.replaceAll(/[^A-Za-z0-9]+/g, "_") || "auth";
    for (const scheme of own) {
      let named = base;
      for (let n = 2; Object.hasOwn(schemes, named); n += 1) named = `${base}_${n}`;
      schemes[named] = scheme;
    }
  }
  return Object.freeze(schemes);
}

/** An answer in its form; undefined where it was skipped. */
type Settled = { readonly ok: true; readonly identity: Identity } | Rejection | undefined;

async function settled(one: Authenticator, request: AuthRequest, timeoutMs: number): Promise<Settled> {
  const abort = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Rejection>((resolve) => {
    timer = setTimeout(() => {
      resolve(rejected("AUTH_UNAVAILABLE", "the authenticator did not answer in time"));
      abort.abort();
    }, timeoutMs);
  });
  try {
    const answer = Promise.resolve(one.authenticate(request, abort.signal)).then((outcome) =>
      formed(one, outcome),
    );
    return await Promise.race([answer, late]);
  } catch (error) {
    return thrown(error);
  } finally {
    clearTimeout(timer);
  }
}

function formed(one: Authenticator, outcome: AuthOutcome | undefined | null): Settled {
  if (outcome?.ok === true) {
    try {
      return { ok: true, identity: identityOf(one.name, outcome.identity) };
    } catch {
      return rejected("INVALID_TOKEN", "the authenticator answered no identity with a user");
    }
  }
  if (outcome?.ok !== false) return rejected("INVALID_TOKEN", "the authenticator answered nothing known");
  if (outcome.skip) return undefined;
  if (!AUTH_CODES.includes(outcome.code))
    return rejected("INVALID_TOKEN", "the authenticator refused with a code that does not exist");
  return outcome;
}

/** What threw says nothing to the client, and that we cannot tell is not taken for "wrong". */
function thrown(error: unknown): Rejection {
  if (isDeputizeError(error) && error.status === 503) {
    const { retryAfterSeconds } = error;
    return rejected("AUTH_UNAVAILABLE", "what vouches for the credential cannot be asked", {
      ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
    });
  }
  return rejected("INVALID_TOKEN", reasonsOf(error).join(", ") || "the authenticator threw");
}
