/**
 * The `deputize` command. Each subcommand is a file in commands/; this one turns what they throw into one
 * clear line and an exit code.
 */
import { Command } from "commander";
import { DeputizeError } from "@deputize/core";
import manifest from "../package.json" with { type: "json" };
import { auditCommand } from "./commands/audit.ts";
import { demoCommand } from "./commands/demo.ts";
import { serveCommand } from "./commands/serve.ts";

const program = new Command("deputize")
  .description(manifest.description)
  .version(manifest.version)
  .showHelpAfterError("(deputize --help shows what there is)")
  .addCommand(serveCommand())
  .addCommand(demoCommand())
  .addCommand(auditCommand());

try {
  await program.parseAsync();
} catch (error) {
  // The message of a DeputizeError says the fix; anything else is a fault of ours, shown whole.
  console.error(error instanceof DeputizeError ? `deputize: ${error.message}` : error);
  process.exitCode = 1;
}
