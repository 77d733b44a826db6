import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { describe, expect, it } from "vitest";
import { commandsPage } from "./commands-page.ts";
import { createProgram } from "./program.ts";

const leaves = (command: Command): Command[] =>
  command.commands.length > 0 ? command.commands.flatMap(leaves) : [command];

const nameOf = (command: Command): string =>
  command.parent ? `${nameOf(command.parent)} ${command.name()}` : command.name();

const ALL = leaves(createProgram()).map((command) => [nameOf(command), command] as const);

function helpOf(command: Command): string {
  let text = "";
  command.configureOutput({ writeOut: (part) => (text += part) });
  command.outputHelp();
  return text;
}

describe("docs/commands.md", () => {
  it("says what --help says [AW-F21]", () => {
    const page = readFileSync(new URL("../../../docs/commands.md", import.meta.url), "utf8");
    // Make it anew with: node packages/deputize/src/commands-page.ts
    expect(page).toBe(commandsPage(createProgram()));
  });
});

describe("every command", () => {
  it.each(ALL)("%s shows an example and takes no secret [AW-F21]", (name, command) => {
    const help = helpOf(command);
    if (!["deputize serve", "deputize demo"].includes(name)) expect(help).toContain(`Example:\n  `);
    const flags = command.options.map(({ long }) => long);
    for (const flag of ["--secret", "--token", "--password", "--api-key", "--client-secret"]) {
      expect(flags).not.toContain(flag);
    }
  });

  // What answers in JSON alone needs no flag for it; what a project's tests say is for their runner to say.
  it.each(ALL.filter(([name]) => !/ (prove|export|scan|rank|test)$/.test(name)))(
    "%s answers --json",
    (_name, command) => {
      expect(command.options.map(({ long }) => long)).toContain("--json");
    },
  );
});
