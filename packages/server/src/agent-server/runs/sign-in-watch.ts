/**
 * Whether the sign-in behind something that lasts still holds.
 *
 * Guarantees: what lasts hears within a second that its credential expired, was revoked, or is somebody else's by now. One credential
 * is asked about once for all that last by it. While nobody can tell, what lasts goes on for some seconds, and ends then.
 * Does not: keep a credential longer than something lasts by it.
 */
import { createHash } from "node:crypto";
import { AsyncLocalStorage } from "node:async_hooks";
import { type Caller, type Clock, DeputizeError, isDeputizeError } from "@deputize/core";
import type { Watch } from "../../sse.ts";
import type { SignIn, SignedIn } from "../sign-in.ts";

export interface SignInWatches {
  /** The watch of a request's credential; none where nobody is asked who they are. */
  of(request: Request, who: WatchedSignIn): Watch | undefined;
  close(): void;
}

export interface WatchedSignIn extends Pick<SignedIn, "identity"> {
  readonly caller: Caller;
  readonly source: string;
  readonly transport?: "http" | "ws";
}

export interface SignInWatchesOptions {
  readonly signIn: SignIn;
  readonly clock: Clock;
  /** 500 ms unless set. */
  readonly everyMs?: number;
  /** How long nobody may be able to tell; 5 seconds unless set. */
  readonly patienceMs?: number;
}

const EVERY_MS = 500;
const PATIENCE_MS = 5_000;
/** Where credentials stand, and what decides with them. */
const HEADERS = ["authorization", "x-api-key", "cookie", "sec-websocket-protocol"];

type OnEnded = (reason: DeputizeError) => void;

interface Entry {
  readonly listeners: Set<OnEnded>;
  readonly timer: NodeJS.Timeout;
}

export function signInWatches(options: SignInWatchesOptions): SignInWatches {
  const { signIn, clock, everyMs = EVERY_MS, patienceMs = PATIENCE_MS } = options;
  const entries = new Map<string, Entry>();
  const outside = AsyncLocalStorage.snapshot();

  function open(key: string, request: Request, who: WatchedSignIn): Entry {
    // Headers alone: the body of whatever began it is nobody's business.
    const asked = new Request(request.url, { headers: request.headers });
    const listeners = new Set<OnEnded>();
    let isAsking = false;
    let unknownSince: number | undefined;
    const end = (reason: DeputizeError): void => {
      clearInterval(timer);
      entries.delete(key);
      for (const tell of listeners) tell(reason);
      listeners.clear();
    };
    const ask = async (): Promise<void> => {
      if (isAsking) return;
      isAsking = true;
      try {
        const { transport = "http", source, caller } = who;
        const now = (await signIn(asked, { transport, source })).caller;
        unknownSince = undefined;
        if (now.subject !== caller.subject || now.tenant !== caller.tenant) end(ended());
      } catch (error) {
        const reason = isDeputizeError(error) ? error : ended();
        unknownSince ??= clock.monotonicMs();
        if (reason.status < 500 || clock.monotonicMs() - unknownSince >= patienceMs) end(reason);
      } finally {
        isAsking = false;
      }
    };
    const timer = setInterval(() => void outside(ask), everyMs);
    return { listeners, timer };
  }

  return {
    of(request, who) {
      if (!who.identity) return undefined;
      const key = createHash("sha256")
        .update(JSON.stringify([who.source, ...HEADERS.map((name) => request.headers.get(name))]))
        .digest("hex");
      return (onEnded) => {
        const entry = entries.get(key) ?? open(key, request, who);
        entries.set(key, entry);
        entry.listeners.add(onEnded);
        return () => {
          entry.listeners.delete(onEnded);
          if (entry.listeners.size > 0 || entries.get(key) !== entry) return;
          clearInterval(entry.timer);
          entries.delete(key);
        };
      };
    },
    close() {
      for (const { timer } of entries.values()) clearInterval(timer);
      entries.clear();
    },
  };
}

function ended(): DeputizeError {
  return new DeputizeError("invalid_token", "the sign-in behind this has ended");
}
