/**
 * Limits for agents, each over a sliding window: by key, agent, owner and address, and for failed sign-ins [AA-F03].
 *
 * Guarantees: an address that failed too often is refused before anything is read from the database, so that a flood of
 * strangers costs no query [AA-D01]; a key that signed in from that address before has its own allowance, so that
 * failing on purpose locks nobody out [SR-26]. Counts are shared by replicas through Redis; while it is away each process
 * counts for itself. The ephemeral store sees digests, no address and no name.
 * Does not: survive the loss of the ephemeral store; counts start again then.
 */
import { type Caller, DeputizeError } from "@deputize/core";
import type { Ephemeral, SlidingWindow } from "@deputize/store";
import { mac } from "../credentials/derive-key.ts";

const MINUTE_SECONDS = 60;
const HOUR_SECONDS = 3600;
/** How long a key is known at an address where it signed in. */
const KNOWN_MS = 24 * 3600 * 1000;

interface Limit {
  readonly points: number;
  readonly windowSeconds: number;
}

/** The limits unless the installation sets others. */
export const AGENT_LIMITS = {
  /** Sign-ins and refreshes of one key, one agent, all agents of one owner, one address. */
  signInByKey: { points: 60, windowSeconds: MINUTE_SECONDS },
  signInByAgent: { points: 120, windowSeconds: MINUTE_SECONDS },
  signInByOwner: { points: 600, windowSeconds: MINUTE_SECONDS },
  signInByAddress: { points: 600, windowSeconds: MINUTE_SECONDS },
  /** Wrong keys of one address. Keys cannot be guessed; this bounds the work. */
  failedByAddress: { points: 60, windowSeconds: MINUTE_SECONDS },
  /** Failures with one key at one address where it signed in before. */
  failedByKnownKey: { points: 20, windowSeconds: MINUTE_SECONDS },
  /** Requests to an API that asks `request`. */
  requestByKey: { points: 1200, windowSeconds: MINUTE_SECONDS },
  requestByAgent: { points: 1200, windowSeconds: MINUTE_SECONDS },
  requestByOwner: { points: 6000, windowSeconds: MINUTE_SECONDS },
  requestByAddress: { points: 3000, windowSeconds: MINUTE_SECONDS },
  /** Registrations of one address, and of one owner. */
  registerByAddress: { points: 20, windowSeconds: HOUR_SECONDS },
  registerByOwner: { points: 20, windowSeconds: HOUR_SECONDS },
} as const satisfies Record<string, Limit>;

export type AgentLimitName = keyof typeof AGENT_LIMITS;
export type AgentLimits = Partial<Readonly<Record<AgentLimitName, Limit>>>;

/** Every method throws `rate_limited` with the seconds to wait. */
export interface AgentThrottle {
  /** Before a key is looked at. `keyId` is what it says of itself, unproved. */
  arrives(from: { readonly source: string; readonly keyId?: string }): Promise<void>;
  /** After a key turned out wrong. */
  failed(from: { readonly source: string; readonly keyId?: string }): Promise<void>;
  /** After a key turned out right, or a refresh token did. */
  signsIn(who: {
    readonly source: string;
    readonly keyId: string;
    readonly agent: string;
    readonly owner?: string;
  }): Promise<void>;
  registers(who: { readonly source: string; readonly owner: string }): Promise<void>;
  /** One request of a verified caller to a protected API. Key and owner count where the token names them. */
  request(caller: Caller, source: string): Promise<void>;
}

export function createAgentThrottle(options: {
  readonly ephemeral: Ephemeral;
  /** Keys the digests under which is counted. */
  readonly key: Uint8Array;
  readonly limits?: AgentLimits;
}): AgentThrottle {
  const { ephemeral, key } = options;
  const windows = new Map<AgentLimitName, SlidingWindow>();
  for (const name of Object.keys(AGENT_LIMITS) as AgentLimitName[]) {
    const limit = options.limits?.[name] ?? AGENT_LIMITS[name];
    windows.set(name, ephemeral.slidingWindow({ name: `agent-${name}`, ...limit }));
  }
  const digest = (...parts: string[]): string => mac(key, "agent", ...parts).toString("base64url");

  async function ask(mode: "take" | "peek", name: AgentLimitName, ...parts: string[]): Promise<void> {
    const answer = await windows.get(name)?.[mode](digest(name, ...parts));
    if (answer?.allowed) return;
    throw new DeputizeError("rate_limited", "too many requests; wait before the next one", {
      retryAfterSeconds: answer?.retryAfterSeconds ?? 1,
    });
  }

  const knownKey = (keyId: string, source: string): string => `agent-known:${digest("known", keyId, source)}`;

  async function isKnown(from: { source: string; keyId?: string }): Promise<boolean> {
    if (from.keyId === undefined) return false;
    // While the ephemeral store is away nobody is known, and the limit of the address decides alone.
    return (await ephemeral.get(knownKey(from.keyId, from.source)).catch(() => undefined)) !== undefined;
  }

  return {
    async arrives(from) {
      if (from.keyId !== undefined && (await isKnown(from))) {
        await ask("peek", "failedByKnownKey", from.keyId, from.source);
      } else {
        await ask("peek", "failedByAddress", from.source);
      }
    },
    async failed(from) {
      if (from.keyId !== undefined && (await isKnown(from))) {
        await ask("take", "failedByKnownKey", from.keyId, from.source);
      } else {
        await ask("take", "failedByAddress", from.source);
      }
    },
    async signsIn({ source, keyId, agent, owner }) {
      await ask("take", "signInByAddress", source);
      await ask("take", "signInByKey", keyId);
      await ask("take", "signInByAgent", agent);
      if (owner !== undefined) await ask("take", "signInByOwner", owner);
      await ephemeral.set(knownKey(keyId, source), "1", KNOWN_MS).catch(() => undefined);
    },
    async registers({ source, owner }) {
      await ask("take", "registerByAddress", source);
      await ask("take", "registerByOwner", owner);
    },
    async request(caller, source) {
      await ask("take", "requestByAddress", source);
      await ask("take", "requestByAgent", caller.actors[0] ?? caller.subject);
      if (caller.token?.apiKey !== undefined) await ask("take", "requestByKey", caller.token.apiKey);
      if (caller.token?.owner !== undefined) await ask("take", "requestByOwner", caller.token.owner);
    },
  };
}
