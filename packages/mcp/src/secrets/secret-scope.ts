/**
 * A scope of secrets: credentials for the systems behind a tool, held for one call or one run and no longer.
 *
 * Guarantees: a secret is lent to a callback as bytes that are zeroed when the callback is done; the scope's own bytes
 * are zeroed when they expire and when it closes, and nothing is lent after that. Each use is told by name, never by
 * value. Printing, inspecting or serialising a scope shows none of it. `mask` takes the secrets out of what is about
 * to leave: as they are, and in hex, percent encoding, base64 and base64url, also of a longer text that they are within
 * (`user:secret`), in keys and in values.
 * Does not: reach what a callback copies. A string that it makes of the bytes cannot be wiped, in JavaScript by nobody;
 * and a secret of under 8 bytes is not looked for, since it would be found in ordinary text.
 * Attack answered: a model, a log or an error message that is handed a credential of the tool (PR-F34, PR-D47).
 */
import { type Clock, DeputizeError, systemClock } from "@deputize/core";

export interface SecretScopeOptions {
  /** How long a secret may be used after it was put in; an hour at most. */
  readonly ttlMs: number;
  readonly clock?: Clock;
  /** Hears of each use, before it happens; throwing refuses it. */
  readonly onUse?: (use: SecretUse) => void | Promise<void>;
}

export interface SecretUse {
  readonly name: string;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** What a handler may do with secrets: use them. */
export interface Secrets {
  /**
   * Lends the secret to `work`; the bytes are zeroed when it is done. Throws `not_found` for a name that is not there, or
   * whose time is over.
   */
  use<T>(name: string, work: (secret: Buffer) => T | Promise<T>): Promise<T>;
}

export interface SecretScope extends Secrets, Disposable {
  /** Puts a copy of a secret in; one of the same name is zeroed. Throws `config_invalid` for a bad name or an empty value. */
  set(name: string, secret: string | Uint8Array): void;
  /** The names that can be used now. */
  names(): readonly string[];
  /** The value with every secret of this scope in it replaced by `[secret NAME]`. */
  mask<T>(value: T): T;
  /** Zeroes everything. Nothing can be put in or used afterwards. */
  close(): void;
}

const MAX_TTL_MS = 60 * 60_000;
const MAX_BYTES = 64 * 1024;
const NAME = /^[A-Za-z0-9._-]{1,64}$/;
/** Shorter ones would be found in ordinary text. */
const SHORTEST_MASKED = 8;

interface Held {
  readonly bytes: Buffer;
  readonly until: number;
}

/** An empty scope. Throws `config_invalid` for a lifetime that is none. */
export function createSecretScope(options: SecretScopeOptions): SecretScope {
  const { ttlMs, clock = systemClock, onUse } = options;
  if (!Number.isInteger(ttlMs) || ttlMs < 1 || ttlMs > MAX_TTL_MS)
    throw new DeputizeError("config_invalid", "a secret lives between 1 ms and an hour");
  const held = new Map<string, Held>();
  let closed = false;

  function drop(name: string): void {
    held.get(name)?.bytes.fill(0);
    held.delete(name);
  }

  function dropExpired(): void {
    for (const [name, { until }] of held) if (until <= clock.monotonicMs()) drop(name);
  }

  const scope: SecretScope = {
    set(name, secret) {
      if (closed) throw new DeputizeError("config_invalid", "the scope is closed");
      if (!NAME.test(name))
        throw new DeputizeError(
          "config_invalid",
          "a secret's name is 1 to 64 letters, digits, `.`, `_` and `-`",
        );
      const length = typeof secret === "string" ? Buffer.byteLength(secret) : secret.byteLength;
      if (length === 0 || length > MAX_BYTES)
        throw new DeputizeError("config_invalid", `secret \`${name}\` is empty or larger than 64 KiB`);
      drop(name);
      // Memory of its own: bytes of Node's shared pool would lie beside those of others.
      const bytes = Buffer.allocUnsafeSlow(length);
      if (typeof secret === "string") bytes.write(secret);
      else bytes.set(secret);
      held.set(name, { bytes, until: clock.monotonicMs() + ttlMs });
    },
    async use(name, work) {
      dropExpired();
      if (closed || !held.has(name)) throw gone(name);
      await onUse?.({ name, at: clock.nowMs() });
      dropExpired();
      const found = held.get(name);
      if (!found) throw gone(name);
      const lent = Buffer.allocUnsafeSlow(found.bytes.length);
      found.bytes.copy(lent);
      try {
        return await work(lent);
      } finally {
        lent.fill(0);
      }
    },
    names: () => {
      dropExpired();
      return [...held.keys()];
    },
    mask: (value) => maskIn(value, needles(held)),
    close() {
      closed = true;
      for (const name of held.keys()) drop(name);
    },
    [Symbol.dispose]: () => scope.close(),
  };
  return Object.freeze(scope);
}

function gone(name: string): DeputizeError {
  const named = NAME.test(name) ? ` \`${name}\`` : "";
  return new DeputizeError("not_found", `there is no secret${named} to use here, or its time is over`);
}

interface Needle {
  readonly text: string;
  readonly mark: string;
}

/** Every spelling of every secret, the longest first, so that no spelling hides in the rest of another. */
function needles(held: ReadonlyMap<string, Held>): readonly Needle[] {
  const found: Needle[] = [];
  for (const [name, { bytes }] of held) {
    if (bytes.length < SHORTEST_MASKED) continue;
    const plain = bytes.toString("utf8");
    const spellings = [
      plain,
      JSON.stringify(plain).slice(1, -1),
      encodeURIComponent(plain.toWellFormed()),
      bytes.toString("base64"),
      ...withinBase64(bytes),
      bytes.toString("hex"),
      bytes.toString("hex").toUpperCase(),
    ];
    for (const text of new Set(spellings)) found.push({ text, mark: `[secret ${name}]` });
  }
  return found.toSorted((a, b) => b.text.length - a.text.length);
}

/**
 * What the bytes look like in the base64 of a longer text that they stand in, for each of the three ways in which they can
 * fall into its groups: the characters that no neighbour has a part in.
 */
function withinBase64(bytes: Buffer): string[] {
  return [0, 1, 2].flatMap((before) => {
    const [from, to] = [Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6)];
    const padded = Buffer.concat([Buffer.alloc(before), bytes]);
    return (["base64", "base64url"] as const).map((encoding) => padded.toString(encoding).slice(from, to));
  });
}

function maskIn<T>(value: T, secrets: readonly Needle[]): T {
  if (secrets.length === 0) return value;
  const visit = (one: unknown): unknown => {
    if (typeof one === "string")
      return secrets.reduce((text, { text: secret, mark }) => text.replaceAll(secret, mark), one);
    if (Array.isArray(one)) return one.map(visit);
    if (typeof one !== "object" || one === null) return one;
    if ("toJSON" in one && typeof one.toJSON === "function") return visit(one.toJSON());
    return Object.fromEntries(Object.entries(one).map(([key, inner]) => [visit(key), visit(inner)]));
  };
  return visit(value) as T;
}
