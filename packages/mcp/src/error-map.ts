/**
 * `server.onError(Type, fn)`: how errors of a handler's own libraries are told to callers.
 *
 * Guarantees: what nobody mapped, and what a mapper makes wrong, stays a generic `internal` with nothing of the original
 * in it (PR-F28); our own errors are never mapped.
 */
import { DeputizeError, isDeputizeError } from "@deputize/core";

/** A class of errors, whatever its constructor takes. */
export type ErrorType<E extends Error> = abstract new (...args: never[]) => E;

export class ErrorMap {
  readonly #mappers: { readonly type: ErrorType<Error>; readonly map: (error: Error) => DeputizeError }[] =
    [];

  /** The first declared whose type fits is used, so declare the special ones first. */
  add<E extends Error>(type: ErrorType<E>, map: (error: E) => DeputizeError): void {
    this.#mappers.push({ type, map: map as (error: Error) => DeputizeError });
  }

  /** Anything thrown, as an error that may be shown. */
  safe(error: unknown): DeputizeError {
    if (isDeputizeError(error)) return error;
    const fitting = this.#mappers.find(({ type }) => error instanceof type);
    const generic = new DeputizeError("internal", "something went wrong on our side", { cause: error });
    if (!fitting) return generic;
    try {
      const mapped: unknown = fitting.map(error as Error);
      if (!isDeputizeError(mapped)) return generic;
      const { code, message, detail, retryAfterSeconds } = mapped;
      return new DeputizeError(code, message, {
        cause: error,
        ...(detail && { detail }),
        ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
      });
    } catch {
      return generic;
    }
  }
}
