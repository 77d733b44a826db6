/**
 * The process that serves code while somebody writes it: started anew for each change, so that nothing of the old code stays.
 * It tells its parent which files were loaded, and ends with it.
 */
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";
import type { ChildMessage } from "./reload.ts";

/** Of the parent. Call it before anything of the author's is imported. */
export function orderOfParent<Order, Started>(): {
  readonly order: Order;
  readonly tell: (message: ChildMessage<Started>) => void;
  /** How the process ends once it serves. */
  readonly onEnd: (end: () => void) => void;
} {
  const tell = (message: ChildMessage<Started>): void => void process.send?.(message);
  const seen = (url: string): void => {
    if (url.startsWith("file:") && !url.includes("/node_modules/")) tell({ loaded: fileURLToPath(url) });
  };
  registerHooks({
    resolve: (specifier, context, next) => {
      try {
        return next(specifier, context);
      } catch (error) {
        // A file that is missing may be what is saved next.
        if (/^[./]/.test(specifier) && context.parentURL) seen(new URL(specifier, context.parentURL).href);
        throw error;
      }
    },
    load: (url, context, next) => {
      seen(url);
      return next(url, context);
    },
  });
  let end = (): void => process.exit(0);
  process.on("disconnect", () => end());
  process.on("SIGTERM", () => end());
  // The terminal tells both; the parent decides.
  process.on("SIGINT", () => {});
  return {
    order: JSON.parse(process.argv[2] ?? "{}") as Order,
    tell,
    onEnd: (how) => {
      end = how;
    },
  };
}
