/**
 * A project that has not installed this package runs on the command's own copy: what it imports as `deputize`, `deputize/…` or `zod`
 * and does not have is taken from here. What it has installed counts first.
 */
import { registerHooks } from "node:module";

const OURS = /^(?:deputize|zod)(?:\/|$)/;

/** From now on, in this process. */
export function lendOwnCopy(): void {
  registerHooks({
    resolve: (specifier, context, next) => {
      if (!OURS.test(specifier)) return next(specifier, context);
      try {
        return next(specifier, context);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw error;
        return next(specifier, { ...context, parentURL: import.meta.url });
      }
    },
  });
}

// `node --import` of this file: for the project's own tests.
if (process.env["DEPUTIZE_LEND"] === "1") lendOwnCopy();
