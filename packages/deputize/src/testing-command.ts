/** For tests: the real command as a process of its own. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const CLI = fileURLToPath(new URL("./cli.ts", import.meta.url));

// A hundred processes of the same modules: compiled once, they start in half the time.
const COMPILED = mkdtempSync(join(tmpdir(), "deputize-compiled-"));
process.on("exit", () => rmSync(COMPILED, { recursive: true, force: true }));

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** What `--json` printed. Throws when it is not one document. */
  // oxlint-disable-next-line typescript/no-explicit-any -- tests read any member; what is missing fails them
  json(): any;
}

export interface RunOptions {
  /** The whole environment besides PATH: nothing of the tests' own leaks in. */
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly cwd?: string;
  /** Interrupts the command when this says so of what it printed. */
  readonly until?: (stdout: string) => boolean;
}

/** Runs `deputize …args` to its end. */
export function runDeputize(args: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CLI, ...args], {
      env: { PATH: process.env["PATH"] ?? "", NO_COLOR: "1", NODE_COMPILE_CACHE: COMPILED, ...options.env },
      ...(options.cwd !== undefined && { cwd: options.cwd }),
    });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      if (options.until?.(stdout)) child.kill("SIGINT");
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.stdin.on("error", () => {});
    child.stdin.end(options.input ?? "");
    child.on("error", reject);
    child.on("close", (code) =>
      resolve({ code: code ?? -1, stdout, stderr, json: () => JSON.parse(stdout) }),
    );
  });
}
