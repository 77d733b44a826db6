/** The whole `deputize` command; each subcommand is a file in commands/. */
import { Command } from "commander";
import manifest from "../package.json" with { type: "json" };
import { agentCommand } from "./commands/agent.ts";
import { appCommand } from "./commands/app.ts";
import { auditCommand } from "./commands/audit.ts";
import { buildCommand } from "./commands/build.ts";
import { demoCommand } from "./commands/demo.ts";
import { devCommand } from "./commands/dev.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { grantCommand } from "./commands/grant.ts";
import { guardCommand } from "./commands/guard.ts";
import { initCommand } from "./commands/init.ts";
import { keysCommand } from "./commands/keys.ts";
import { launchTokenCommand } from "./commands/launch-token.ts";
import { operatorCommand } from "./commands/operator.ts";
import { personCommand } from "./commands/person.ts";
import { restoreCommand } from "./commands/restore.ts";
import { revocationsCommand } from "./commands/revocations.ts";
import { revokeCommand } from "./commands/revoke.ts";
import { serveCommand } from "./commands/serve.ts";
import { startCommand } from "./commands/start.ts";
import { statusCommand } from "./commands/status.ts";
import { testCommand } from "./commands/test.ts";
import { tokenCommand } from "./commands/token.ts";
import { toolsCommand } from "./commands/tools.ts";

/** A fresh command tree; nothing runs yet. */
export function createProgram(): Command {
  return new Command("deputize")
    .description(manifest.description)
    .version(manifest.version)
    .showHelpAfterError("(add --help to see what there is)")
    .addCommand(initCommand())
    .addCommand(devCommand())
    .addCommand(startCommand())
    .addCommand(testCommand())
    .addCommand(buildCommand())
    .addCommand(doctorCommand())
    .addCommand(serveCommand())
    .addCommand(statusCommand())
    .addCommand(appCommand())
    .addCommand(operatorCommand())
    .addCommand(launchTokenCommand())
    .addCommand(agentCommand())
    .addCommand(tokenCommand())
    .addCommand(grantCommand())
    .addCommand(revokeCommand())
    .addCommand(revocationsCommand())
    .addCommand(keysCommand())
    .addCommand(auditCommand())
    .addCommand(restoreCommand())
    .addCommand(personCommand())
    .addCommand(toolsCommand())
    .addCommand(guardCommand())
    .addCommand(demoCommand());
}
