/**
 * `ctx.session`: small state of one conversation with one client, such as a search history.
 *
 * Guarantees: keyed by tenant, subject, client and session together, each length-prefixed before hashing, so
 * no two callers share a key on one transport (PR-D24, PR-D35); bounded in size and lifetime.
 * Does not: last. It lives in the ephemeral store and may be gone at any time; two replicas writing one
 * session at once keep the later write.
 */
import { createHash } from "node:crypto";
import { type Caller, DeputizeError } from "@deputize/core";
import type { Ephemeral } from "@deputize/store";

export interface SessionState {
  get<T>(key: string): Promise<T | undefined>;
  get<T>(key: string, fallback: T): Promise<T>;
  set(key: string, value: unknown): Promise<void>;
  delete(key: string): Promise<void>;
}

/** One conversation's notes; anything larger belongs in the database. */
const MAX_BYTES = 64 * 1024;
const DEFAULT_TTL_MS = 60 * 60_000;

export interface SessionStateOptions {
  readonly ephemeral: () => Promise<Ephemeral>;
  readonly server: string;
  readonly caller: Caller;
  /** The client's session or conversation id. */
  readonly session: string;
  readonly ttlMs?: number;
}

/** The state of one caller's session. */
export function sessionState(options: SessionStateOptions): SessionState {
  const { caller, ttlMs = DEFAULT_TTL_MS } = options;
  const key = `mcp-session:${hashParts([
    options.server,
    caller.tenant,
    caller.subject,
    caller.clientId,
    options.session,
  ])}`;

  async function load(): Promise<Map<string, unknown>> {
    const text = await (await options.ephemeral()).get(key);
    return new Map(text === undefined ? [] : Object.entries(JSON.parse(text) as Record<string, unknown>));
  }

  async function save(state: Map<string, unknown>): Promise<void> {
    const text = JSON.stringify(Object.fromEntries(state));
    if (Buffer.byteLength(text) > MAX_BYTES) {
      throw new DeputizeError("limit_exceeded", "session state is full; keep at most 64 KiB in it");
    }
    await (await options.ephemeral()).set(key, text, ttlMs);
  }

  return {
    get: async <T>(name: string, fallback?: T) =>
      ((await load()).get(name) as T | undefined) ?? (fallback as T),
    set: async (name, value) => save((await load()).set(name, value)),
    delete: async (name) => {
      const state = await load();
      if (state.delete(name)) await save(state);
    },
  };
}

/** A key that two different lists of parts never share. */
export function hashParts(parts: readonly string[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:${part}`);
  return hash.digest("hex");
}
