/** The `deputize` command: what bin/deputize.mjs runs. */
import { runCommand } from "./cli/run.ts";
import { createProgram } from "./program.ts";

await runCommand(createProgram(), process.argv.slice(2));
