/** `docs/commands.md`, made from what `--help` says, so that the two cannot differ. */
import type { Command } from "commander";

const INTRO = `# The \`deputize\` command

Made from \`--help\` by \`node packages/deputize/src/commands-page.ts\`; a test compares it.

- **Where the server is:** \`--url\`, or \`DEPUTIZE_URL\`; \`http://127.0.0.1:8080\` unless told.
- **Secrets are never arguments**, which other users of the machine can read and the shell remembers. The admin secret comes from
  \`DEPUTIZE_ADMIN_SECRET\`, from a file of mode 0600 (\`--secret-file\`; \`-\` reads stdin), or from a hidden prompt; a token likewise
  from \`DEPUTIZE_TOKEN\` or \`--token-file\`. A flag such as \`--secret\` is refused.
- **What is shown once** (client secrets, launch tokens, API keys) goes to a new private file with \`--out FILE\`.
- **\`--json\`** prints one JSON document with the names of the HTTP API; errors are one JSON line on stderr.
- **Exit codes:** 0 done, 1 refused or failed, 2 not a command that can work, 3 a tool call that waits for a person.
- Names of another broker's command and SDK are read too: [moving from AgentWrit](moving-from-agentwrit.md).
`;

const HELP_WIDTH = 110;

/** What `--help` prints, as wide everywhere. */
function helpOf(command: Command): string {
  let text = "";
  command.configureHelp({ helpWidth: HELP_WIDTH }).configureOutput({ writeOut: (part) => (text += part) });
  command.outputHelp();
  return text.trim();
}

function section(command: Command, path: string): string[] {
  const name = `${path} ${command.name()}`;
  const children = command.commands.flatMap((child) => section(child, name));
  // A group says nothing that its commands do not.
  const own = command.commands.length > 0 ? command.description() : `\`\`\`text\n${helpOf(command)}\n\`\`\``;
  return [`${path.includes(" ") ? "###" : "##"} ${name}`, own, ...children];
}

/** The whole page, for a fresh program. */
export function commandsPage(program: Command): string {
  const sections = program.commands.flatMap((command) => section(command, program.name()));
  return `${[INTRO.trim(), ...sections].join("\n\n")}\n`;
}

if (import.meta.main) {
  const { writeFileSync } = await import("node:fs");
  const { createProgram } = await import("./program.ts");
  writeFileSync(new URL("../../../docs/commands.md", import.meta.url), commandsPage(createProgram()));
}
