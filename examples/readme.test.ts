import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const readme = readFileSync(join(root, "README.md"), "utf8");

it("the README shows the guarded tool that runs, in under 25 lines", () => {
  const example = readFileSync(new URL("./guarded-tool.ts", import.meta.url), "utf8");
  expect(readme).toContain(example.trim());
  expect(example.trim().split("\n").length).toBeLessThan(25);
});

interface Snippet {
  readonly line: number;
  readonly code: string;
  /** The output that the page shows right under it. Given for those marked `ts run`. */
  readonly output: string | undefined;
}

/** TypeScript blocks of a page. One marked `ts run` is followed by a block with what it prints. */
function snippetsOf(page: string): Snippet[] {
  const text = readFileSync(join(root, page), "utf8");
  const blocks = text.matchAll(/^```ts( run)?\n([^]*?)^```\n(?:\n```\n([^]*?)^```$)?/gm);
  return [...blocks].map(({ index, 1: run, 2: code = "", 3: output }) => {
    const line = text.slice(0, index).split("\n").length;
    if (run && output === undefined) throw new Error(`${page}:${line} is marked to run, but shows no output`);
    return { line, code, output: run ? output : undefined };
  });
}

describe.each([
  "docs/tool-servers.md",
  "docs/agents.md",
  "docs/authenticators.md",
  "docs/agent-server.md",
  "docs/a2a.md",
  "docs/agent-server-project.md",
])("the snippets of %s", (page) => {
  const snippets = snippetsOf(page);
  // A folder of its own, where nothing is found but what the packages of this project export.
  const folder = mkdtempSync(join(tmpdir(), "deputize-snippets-"));
  const fileOf = ({ line }: Snippet) => `line-${line}.ts`;

  beforeAll(() => {
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
    writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
    const config = { extends: join(root, "tsconfig.json"), include: ["*.ts"], exclude: [] };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
    for (const snippet of snippets) writeFileSync(join(folder, fileOf(snippet)), snippet.code);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it("compile, as strictly as the project does [PR-D01]", { timeout: 300_000 }, async () => {
    expect(snippets.length).toBeGreaterThan(0);
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    const { stdout } = await promisify(execFile)(process.execPath, [tsc, "-p", folder]).catch(
      (failed: { stdout: string }) => failed,
    );
    expect(stdout).toBe("");
  });

  const marked = snippets.filter(({ output }) => output !== undefined);
  it.each(marked)(
    "at line $line prints what the page shows [PR-D01]",
    { timeout: 120_000 },
    async (snippet) => {
      const { stdout } = await promisify(execFile)(process.execPath, [join(folder, fileOf(snippet))]);
      expect(stdout.trimEnd()).toBe(snippet.output?.trimEnd());
    },
  );
});
