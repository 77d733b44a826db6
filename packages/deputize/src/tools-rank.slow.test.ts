/** `deputize tools rank` as a process of its own. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { runDeputize } from "./testing-command.ts";

vi.setConfig({ testTimeout: 120_000 });

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "deputize-rank-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function catalogue(content: unknown): string {
  const file = join(folder, "tools.json");
  writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content));
  return file;
}
const rank = (file: string, input: string, env = {}) =>
  runDeputize(["tools", "rank", "--catalog", file, "--k", "2"], { input, env });

const TOOLS = [
  { name: "dice", description: "Rolls dice.", tags: ["games"] },
  { name: "weather", description: "Says what the weather is at a place." },
  { name: "mail", description: "Sends an e-mail.", parameters: { properties: { to: { type: "string" } } } },
];

describe("deputize tools rank", () => {
  it("answers each line with names, the best first, and writes nothing else [PR-F37]", async () => {
    const lines = [
      { id: "a", query: "will it rain in Rome?" },
      { id: 7, query: "throw a die" },
    ];
    const result = await rank(
      catalogue(TOOLS),
      `${lines.map((line) => JSON.stringify(line)).join("\n\n")}\n`,
    );
    expect(result).toMatchObject({ code: 0, stderr: "" });
    const answers = result.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { id: unknown; tools: string[] });
    expect(answers.map(({ id, tools }) => [id, tools[0], tools.length])).toEqual([
      ["a", "weather", 2],
      [7, "dice", 2],
    ]);
  });

  it("names the line or the catalogue that it cannot read, and exits with 2", async () => {
    const good = '{"id":"a","query":"mail"}\n';
    const bad = await rank(catalogue(TOOLS), `${good}{"id":"b"}\n`, { DEPUTIZE_EMBEDDER: "hashed" });
    expect(bad).toMatchObject({ code: 2, stderr: expect.stringContaining("line 2: query") });
    expect(JSON.parse(bad.stdout)).toMatchObject({ id: "a" });
    expect(await rank(catalogue("[{"), good)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("no JSON"),
    });
    const twice = await rank(catalogue([...TOOLS, TOOLS[0]]), good);
    expect(twice).toMatchObject({ code: 2, stderr: expect.stringContaining("two tools are called dice") });
    expect(await rank(join(folder, "none.json"), good)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("ENOENT"),
    });
  });
});
