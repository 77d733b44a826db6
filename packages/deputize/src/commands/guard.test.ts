import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { runDeputize } from "../testing-command.ts";

const lines = (...values: readonly unknown[]): string =>
  values.map((value) => `${JSON.stringify(value)}\n`).join("");
const answers = (stdout: string): Record<string, unknown>[] =>
  stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);

it("scans a line each, in all directions, and counts places in code points [PR-F44]", async () => {
  const input = lines(
    { id: "a", text: "😀 mail me@example.com", direction: "input" },
    { id: "b", text: "card 4111 1111 1111 1111, order 123456789", direction: "output" },
    { id: "c", text: "key AKIAIOSFODNN7EXAMPLE", direction: "tool_result" },
    { id: "d", text: "Where is my order?", direction: "input" },
  );
  const { code, stdout, stderr } = await runDeputize(["guard", "scan", "--jsonl"], { input });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(answers(stdout)).toEqual([
    {
      id: "a",
      blocked: false,
      findings: [{ type: "EMAIL_ADDRESS", start: 7, end: 21, score: expect.any(Number) }],
      redacted: "😀 mail [EMAIL_1]",
    },
    {
      id: "b",
      blocked: false,
      findings: [{ type: "CREDIT_CARD", start: 5, end: 24, score: expect.any(Number) }],
      redacted: "card [CREDIT_CARD_1], order 123456789",
    },
    {
      id: "c",
      blocked: false,
      findings: [{ type: "AWS_ACCESS_KEY", start: 4, end: 24, score: expect.any(Number) }],
      redacted: "key [AWS_ACCESS_KEY_1]",
    },
    { id: "d", blocked: false, findings: [], redacted: "Where is my order?" },
  ]);
});

it("tells of bad lines by number and without their words, and scans the others", async () => {
  const folder = mkdtempSync(join(tmpdir(), "deputize-guard-"));
  try {
    const file = join(folder, "texts.jsonl");
    writeFileSync(
      file,
      `{"id":1,"text":"hunter2-secret\n\n${lines({ id: 2, text: "ok" }, { id: 3, text: 4 }, { id: 5, text: "x", direction: "up" })}\xff`,
      "latin1",
    );
    const { code, stdout, stderr } = await runDeputize(["guard", "scan", "--jsonl", file]);
    expect(code).toBe(1);
    expect(answers(stdout)).toEqual([{ id: 2, blocked: false, findings: [], redacted: "ok" }]);
    expect(stderr.trim().split("\n")).toEqual([
      "deputize: line 1: no JSON",
      "deputize: line 4: `text` is missing or not as it should be",
      "deputize: line 5: `direction` is missing or not as it should be",
      expect.stringMatching(/^deputize: line 6: no UTF-8/),
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it("says that a file is not there", async () => {
  const { code, stdout, stderr } = await runDeputize(["guard", "scan", "--jsonl", "/nowhere/at.all"]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toMatch(/cannot read/);
});
