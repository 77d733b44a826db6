/** One request speaks of one thread. */
import { threadNotFound } from "./thread-keeper.ts";

/**
 * Throws `not_found` when a `config` names another thread than the path: what was checked is what is used, so a second id could only
 * be one that nobody checked [AF-D07].
 */
export function assertSameThread(id: string, config: Readonly<Record<string, unknown>> | undefined): void {
  const named = config?.["thread_id"];
  if (named !== undefined && named !== null && String(named) !== id) throw threadNotFound();
}
