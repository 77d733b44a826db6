import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const file = new URL("./guarded-tool.ts", import.meta.url);

describe("the guarded tool of the README", () => {
  it("shows an allowed and a refused call, and stays under 25 lines", async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [file.pathname]);
    expect(
      stdout
        .trim()
        .split("\n")
        .map((line) => line.replaceAll(/\s+/g, " ")),
    ).toEqual([
      "ada sees 1 tools: { customer_id: '42', plan: 'pro', asked_by: 'ada' }",
      "eve sees 0 tools: not found",
    ]);
    expect((await readFile(file, "utf8")).trimEnd().split("\n").length).toBeLessThan(25);
  });

  it("is what the package's README shows, word for word", async () => {
    const readme = await readFile(new URL("../packages/mcp/README.md", import.meta.url), "utf8");
    expect(readme).toContain((await readFile(file, "utf8")).trimEnd());
  });
});
