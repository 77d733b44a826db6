/**
 * Carries the caller through everything that happens on its behalf, without passing it as an argument
 * where a model could see or set it.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { type Caller, freezeCaller } from "./caller.ts";
import { DeputizeError } from "./errors.ts";

export interface RequestContext {
  readonly caller?: Caller;
  /** Our own id of the request; a client's is kept apart as `clientRequestId`. */
  readonly requestId: string;
  readonly clientRequestId?: string;
  /** W3C trace context of the request, when it came with one. */
  readonly traceparent?: string;
  /** Address that the request came from, as far as proxies can be believed; for the audit log. */
  readonly source?: string;
}

const storage = new AsyncLocalStorage<RequestContext>();

/** Runs `work` within a request's context. */
export function withContext<T>(context: RequestContext, work: () => T): T {
  return storage.run(Object.freeze({ ...context }), work);
}

/** Runs `work` as `caller`, keeping the rest of the present context. */
export function withCaller<T>(caller: Caller, work: () => T): T {
  const outer = storage.getStore();
  return storage.run(Object.freeze({ requestId: "none", ...outer, caller: freezeCaller(caller) }), work);
}

/** The context of the present request, or undefined outside of one. */
export function currentContext(): RequestContext | undefined {
  return storage.getStore();
}

/** The caller, or undefined when nobody is signed in. */
export function currentCaller(): Caller | undefined {
  return storage.getStore()?.caller;
}

/** The caller. Throws `unauthenticated` when there is none. */
export function requireCaller(): Caller {
  const caller = currentCaller();
  if (!caller) throw new DeputizeError("unauthenticated", "sign in first");
  return caller;
}
