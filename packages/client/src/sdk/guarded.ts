/** A function that runs only while an agent holds the scope that the call needs: for tools of any framework. */
import type { Agent } from "./agent.ts";

type Needed<Args extends unknown[]> =
  string | readonly string[] | ((...args: Args) => string | readonly string[]);

/**
 * Wraps `work`. `scope` is fixed, or made from the call's arguments: `guarded(agent, (id) => `read:data:${id}`, readRow)`.
 * The wrapped function throws as `agent.enforce` does, before `work` runs. It guards against a mistaken caller in this
 * process; a service that acts on the token verifies it itself.
 */
export function guarded<Args extends unknown[], Result>(
  agent: Pick<Agent, "enforce">,
  scope: Needed<Args>,
  work: (...args: Args) => Result | Promise<Result>,
): (...args: Args) => Promise<Result> {
  return async (...args) => {
    agent.enforce(typeof scope === "function" ? scope(...args) : scope);
    return work(...args);
  };
}
