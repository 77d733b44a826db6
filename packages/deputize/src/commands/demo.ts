/**
 * `deputize demo`: the whole story in the terminal. The demonstration belongs to the shop, which stands below this
 * package; it is loaded only when asked for, and its absence is said plainly.
 */
import { Command } from "commander";
import { DeputizeError } from "@deputize/core";

export function demoCommand(): Command {
  return new Command("demo")
    .description("sign-in, question, refused theft, approval, revocation and receipt check, in the terminal")
    .option("--json", "one JSON line a step, for scripts")
    .action(async (options: { json?: boolean }) => {
      let shop: { runDemo: (options: { json: boolean }) => Promise<boolean> };
      try {
        shop = await import("@deputize/shop/demo");
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw error;
        throw new DeputizeError(
          "config_invalid",
          "the demo shop is not installed here; run this in a clone of the repository",
          { cause: error },
        );
      }
      if (!(await shop.runDemo({ json: options.json ?? false }))) process.exitCode = 1;
    });
}
