/**
 * `ctx.secrets`: the server's credentials for systems behind its tools, loaded when a call first uses one and zeroed when
 * the call ends. Which there are, and for whom, is the server's option `secrets`.
 *
 * Guarantees: each use is in the call's audit entry by name, and in an entry of its own where the call's was written before;
 * a use that cannot be recorded does not happen. What leaves the call goes through `mask`.
 */
import { type Caller, type Clock, DeputizeError } from "@deputize/core";
import { type SecretScope, type Secrets, createSecretScope } from "./secret-scope.ts";

/** Secrets by name; each is asked for this caller's, once in a call. Throwing fails the call with nothing said of why. */
export type SecretSources = Readonly<
  Record<string, (caller: Caller) => string | Uint8Array | Promise<string | Uint8Array>>
>;

/** No call takes longer. */
const TTL_MS = 10 * 60_000;

export class CallSecrets implements Secrets {
  readonly #options: {
    readonly sources: SecretSources;
    readonly caller: Caller;
    readonly clock: Clock;
    readonly onUse: (name: string) => Promise<void>;
  };
  #scope: SecretScope | undefined;
  #stopped = false;
  #closed = false;
  readonly #loading = new Map<string, Promise<void>>();

  constructor(options: {
    readonly sources: SecretSources;
    readonly caller: Caller;
    readonly clock: Clock;
    readonly onUse: (name: string) => Promise<void>;
  }) {
    this.#options = options;
  }

  async use<T>(name: string, work: (secret: Buffer) => T | Promise<T>): Promise<T> {
    const scope = this.#open();
    const { sources } = this.#options;
    const source = Object.hasOwn(sources, name) ? sources[name] : undefined;
    if (source) {
      if (!this.#loading.has(name)) this.#loading.set(name, this.#load(scope, name, source));
      await this.#loading.get(name);
    }
    return scope.use(name, work);
  }

  /** The value without any secret that this call has used. */
  mask<T>(value: T): T {
    return this.#scope ? this.#scope.mask(value) : value;
  }

  /** True once a secret was asked for: what the answer holds may depend on it. */
  get touched(): boolean {
    return this.#scope !== undefined;
  }

  /** Lends nothing more: the handler's time is over, though its answer is still to be masked. */
  stop(): void {
    this.#stopped = true;
  }

  /** True once everything is zeroed: `mask` finds nothing any more. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Zeroes everything. */
  close(): void {
    this.#stopped = true;
    this.#closed = true;
    this.#scope?.close();
  }

  #open(): SecretScope {
    this.#refuseLate();
    const { clock, onUse } = this.#options;
    return (this.#scope ??= createSecretScope({ ttlMs: TTL_MS, clock, onUse: ({ name }) => onUse(name) }));
  }

  #refuseLate(): void {
    if (this.#stopped) throw new DeputizeError("timeout", "the call has ended");
  }

  async #load(scope: SecretScope, name: string, source: SecretSources[string]): Promise<void> {
    let secret: string | Uint8Array;
    try {
      secret = await source(this.#options.caller);
    } catch (cause) {
      throw new DeputizeError("unavailable", "a credential that this tool needs could not be had", { cause });
    }
    this.#refuseLate();
    scope.set(name, secret);
  }
}
