import { randomHex } from "@deputize/core";
import { afterEach, expect, it, vi } from "vitest";
import { createProgram } from "../program.ts";
import { runCommand } from "./run.ts";

afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = 0;
});

/** Everything that a command says when it is run here. */
async function said(args: readonly string[]): Promise<string> {
  let told = "";
  const hear = (chunk: unknown): boolean => {
    told += String(chunk);
    return true;
  };
  vi.spyOn(process.stdout, "write").mockImplementation(hear);
  vi.spyOn(process.stderr, "write").mockImplementation(hear);
  vi.spyOn(console, "error").mockImplementation(hear);
  await runCommand(createProgram(), args);
  expect(process.exitCode, args.join(" ")).toBeGreaterThan(0);
  return told;
}

const half = randomHex(20);
const SECRETS = [
  `eyJhbGciOiJFZERTQSJ9.eyJ${half}.${half}`,
  `eyJ${half}`,
  `Bearer eyJhbGciOiJFZERTQSJ9.${half}.${half}`,
  `dpk_${randomHex(16)}_${randomHex(32)}`,
  randomHex(32),
  `a secret that an operator chose: ${half}`,
  `correct-horse-${half}`,
];

it("no message of a command repeats a secret that was given as an argument, whatever its form", async () => {
  for (const secret of SECRETS) {
    for (const args of [
      ["token", "validate", secret],
      ["token", "validate", `${secret}…`],
      ["token", secret],
      [secret],
      ["token", "validate", "--token-file", secret],
      ["app", "list", "--secret-file", secret],
      ["token", "validate", `--tokens=${secret}`],
      ["keys", "rotate", "--after", secret],
      ["audit", "events", "--since", secret],
      ["token", "release", secret, "--json"],
    ]) {
      const told = await said(args);
      expect(told, args.join(" ")).not.toContain(half);
      expect(told, args.join(" ")).not.toContain(secret);
      expect(told, args.join(" ")).not.toBe("");
    }
  }
});

it("a word that is no command is still repeated, so that its slip can be seen", async () => {
  expect(await said(["token", "valdate"])).toContain("valdate");
});
