/**
 * Circuit breakers: while what a tool depends on is down, calls are refused at once instead of each waiting for it.
 *
 * Guarantees: only failures of the work itself count: timeouts and errors that are ours to answer (5xx). A refusal, a bad
 * argument or a client that went away says nothing about an upstream and moves nothing. After `resetMs` one call at a
 * time is let through to try; its success closes the circuit.
 * Does not: know other replicas; each finds out by itself.
 */
import { type Clock, DeputizeError, isDeputizeError, telemetry } from "@deputize/core";

interface Circuit {
  failures: number;
  /** On the monotonic clock; undefined while closed. */
  openedMs: number | undefined;
  probing: boolean;
}

export interface CircuitBreakerMiddleware {
  readonly kind: "circuitBreaker";
  readonly failures: number;
  readonly resetMs: number;
  readonly perTool: boolean;
  readonly counts: (error: unknown) => boolean;
  readonly circuits: Map<string, Circuit>;
}

export interface CircuitBreakerOptions {
  /** Failures in a row that open the circuit; 5 unless told. */
  readonly failures?: number;
  /** How long it stays open before one call may try; 30 s unless told. */
  readonly resetMs?: number;
  /** A circuit for each tool (unless told), or one for all that share an upstream. */
  readonly perTool?: boolean;
  /** Whether an error speaks of the upstream; timeouts and what is no refusal unless told. */
  readonly counts?: (error: unknown) => boolean;
}

/** Throws `config_invalid`. */
export function circuitBreaker(options: CircuitBreakerOptions = {}): CircuitBreakerMiddleware {
  const { failures = 5, resetMs = 30_000, perTool = true, counts = isUpstreamFailure } = options;
  if (![failures, resetMs].every((n) => Number.isInteger(n) && n >= 1))
    throw new DeputizeError(
      "config_invalid",
      "a circuit breaker needs `failures` and `resetMs` of 1 or more",
    );
  return { kind: "circuitBreaker", failures, resetMs, perTool, counts, circuits: new Map() };
}

/** Errors that are no answer: whatever was thrown, and those of ours that say 5xx. Our own set-up is not upstream. */
function isUpstreamFailure(error: unknown): boolean {
  if (!isDeputizeError(error)) return true;
  return error.status >= 500 && error.code !== "config_invalid" && error.code !== "audit_unavailable";
}

export type Ending = "success" | "failure" | "neutral";

interface Pass {
  end(how: Ending): void;
}

function pass(breaker: CircuitBreakerMiddleware, tool: string, clock: Clock): Pass {
  const key = breaker.perTool ? tool : "";
  const circuit = breaker.circuits.get(key) ?? { failures: 0, openedMs: undefined, probing: false };
  breaker.circuits.set(key, circuit);
  const openForMs = circuit.openedMs === undefined ? undefined : clock.monotonicMs() - circuit.openedMs;
  if (openForMs !== undefined && (openForMs < breaker.resetMs || circuit.probing)) {
    throw new DeputizeError("unavailable", "what this needs does not answer now; try again later", {
      retryAfterSeconds: Math.max(1, Math.ceil((breaker.resetMs - openForMs) / 1000)),
      detail: { circuit: "open" },
    });
  }
  const probe = openForMs !== undefined;
  circuit.probing = probe;
  return {
    end(how) {
      if (probe) circuit.probing = false;
      // A call that began before the circuit opened does not speak of now.
      if (how === "neutral" || (!probe && circuit.openedMs !== undefined)) return;
      if (how === "success") {
        circuit.failures = 0;
        circuit.openedMs = undefined;
        return;
      }
      circuit.failures += 1;
      if (!probe && circuit.failures < breaker.failures) return;
      circuit.openedMs = clock.monotonicMs();
      telemetry.count("mcp_circuits_opened", {});
    },
  };
}

/**
 * Runs `work` when every circuit lets it. Throws `unavailable` while one is open. `signal` aborts at the call's deadline,
 * which counts as a failure even if the work never comes back, unless `cancelled` says that it was the client who left.
 */
export async function throughCircuits<T>(
  breakers: readonly CircuitBreakerMiddleware[],
  call: {
    readonly tool: string;
    readonly clock: Clock;
    readonly signal: AbortSignal;
    readonly cancelled: () => boolean;
  },
  work: () => Promise<T>,
): Promise<T> {
  const passes: { breaker: CircuitBreakerMiddleware; pass: Pass }[] = [];
  let ended = false;
  const end = (how: (breaker: CircuitBreakerMiddleware) => Ending) => {
    if (ended) return;
    ended = true;
    for (const one of passes) one.pass.end(how(one.breaker));
  };
  const late = () => end(() => (call.cancelled() ? "neutral" : "failure"));
  try {
    for (const breaker of breakers) passes.push({ breaker, pass: pass(breaker, call.tool, call.clock) });
  } catch (open) {
    end(() => "neutral");
    throw open;
  }
  call.signal.addEventListener("abort", late, { once: true });
  try {
    const value = await work();
    end(() => "success");
    return value;
  } catch (error) {
    end(({ counts }) => (counts(error) ? "failure" : "neutral"));
    throw error;
  } finally {
    call.signal.removeEventListener("abort", late);
  }
}
