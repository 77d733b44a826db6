/**
 * The project's checks, one after another, each with its time; ends with `N passed, N failed`.
 *
 *   checks.ts                 the fast set: types, lint, layers, tidy, unused, promises, tests on the embedded database
 *   checks.ts --all           the fast set, then the rest
 *   checks.ts --rest          tests on Postgres and Redis; browser, conformance, replicas, crashes
 *   checks.ts --only a,b      some of them by name
 *
 * What the machine does not have is said plainly; with DEPUTIZE_TEST_STRICT=1 it is a failure.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { checkLayers } from "./layers.ts";
import { checkPromises } from "./promises.ts";
import { checkTidy } from "./tidy.ts";
import { checkUnused } from "./unused.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const bin = (name: string, path: string): string => join(root, "node_modules", name, path);
const strict = process.env["DEPUTIZE_TEST_STRICT"] === "1";

interface Outcome {
  readonly passed: number;
  readonly failed: number;
  /** What failed, repeated at the very end, where it is found in a long output. */
  readonly names?: readonly string[];
  /** What was left out, and why. */
  readonly missing?: string;
}

interface Check {
  readonly name: string;
  readonly set: "fast" | "rest";
  run(): Promise<Outcome>;
}

function program(file: string, args: readonly string[], env: Record<string, string> = {}): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [file, ...args], {
      cwd: root,
      stdio: "inherit",
      env: { ...process.env, NO_COLOR: "1", ...env },
    });
    child.on("exit", (code) => resolve(code ?? 1));
  });
}

const ok = (code: number): Outcome => (code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 });
const findings = (found: readonly string[]): Outcome => {
  for (const line of found) console.log(`  ${line}`);
  return { ...ok(found.length), names: found };
};

/** Runs Vitest and counts its tests; a run that executed none has failed. */
async function vitest(args: readonly string[], env: Record<string, string> = {}): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), "deputize-tests-"));
  const report = join(folder, "report.json");
  const code = await program(
    bin("vitest", "vitest.mjs"),
    ["run", "--reporter=default", "--reporter=json", `--outputFile=${report}`, ...args],
    env,
  );
  try {
    const counts = JSON.parse(readFileSync(report, "utf8")) as {
      numPassedTests: number;
      numFailedTests: number;
      numPendingTests: number;
      numTodoTests: number;
      testResults: readonly {
        name: string;
        status: string;
        assertionResults: readonly { fullName: string; status: string }[];
      }[];
    };
    const skipped = counts.numPendingTests + counts.numTodoTests;
    if (skipped > 0) console.log(`  ${skipped} tests were skipped`);
    // A file that does not even load has no failed test of its own.
    const failed = Math.max(
      counts.numFailedTests + (strict ? skipped : 0),
      code === 0 && counts.numPassedTests > 0 ? 0 : 1,
    );
    const names = counts.testResults.flatMap(({ name, status, assertionResults }) => {
      const broken = assertionResults.filter((test) => test.status === "failed");
      const file = relative(root, name);
      if (broken.length === 0) return status === "failed" ? [file] : [];
      return broken.map((test) => `${file}: ${test.fullName}`);
    });
    return { passed: counts.numPassedTests, failed, names };
  } catch {
    return { passed: 0, failed: 1 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const databaseUrl = process.env["DEPUTIZE_TEST_DATABASE_URL"];
const redisUrl = process.env["DEPUTIZE_TEST_REDIS_URL"];
const chromium = process.env["DEPUTIZE_TEST_CHROMIUM"] ?? "/usr/bin/chromium";

/** Run in the fast set alone: what reaches no database, programs whose parts are tested on both, and the sample of a slow test. */
const ONE_DATABASE_IS_ENOUGH = [
  "packages/core/**",
  "packages/guardrails/**",
  "packages/agent/src/{choice,embeddings,models,planner}/**",
  "packages/audit/src/verify-file.test.ts",
  "packages/server/src/agent-server/project/**",
  "examples/*.test.ts",
  "examples/retail-desk/replay/**",
  "examples/weather-api/**",
  "scripts/**",
  "test/hostile/attacks/sample.test.ts",
];

const checks: readonly Check[] = [
  {
    name: "types",
    set: "fast",
    run: async () => {
      const results = [
        await program(bin("typescript", "bin/tsc"), ["-p", root]),
        await program(bin("typescript", "bin/tsc"), ["-p", join(root, "apps/web")]),
      ];
      return { passed: results.filter((r) => r === 0).length, failed: results.filter((r) => r !== 0).length };
    },
  },
  {
    name: "lint",
    set: "fast",
    run: async () =>
      ok(
        await program(bin("oxlint", "bin/oxlint"), [
          "--quiet",
          "packages",
          "apps",
          "scripts",
          "bench",
          "examples",
          "test",
        ]),
      ),
  },
  {
    name: "format",
    set: "fast",
    run: async () =>
      ok(await program(bin("prettier", "bin/prettier.cjs"), ["--check", "--log-level=warn", "."])),
  },
  { name: "layers", set: "fast", run: async () => findings(checkLayers(root)) },
  { name: "tidy", set: "fast", run: async () => findings(checkTidy(root)) },
  { name: "unused", set: "fast", run: async () => findings(checkUnused(root)) },
  { name: "promises", set: "fast", run: async () => findings(checkPromises(root)) },
  {
    name: "tests",
    set: "fast",
    run: () =>
      vitest([], { DEPUTIZE_TEST_DATABASE_URL: "", DEPUTIZE_TEST_REDIS_URL: "", DEPUTIZE_TEST_SLOW: "" }),
  },
  {
    name: "postgres",
    set: "rest",
    run: async () => {
      if (!databaseUrl || !redisUrl) {
        return {
          passed: 0,
          failed: 0,
          missing: "set DEPUTIZE_TEST_DATABASE_URL and DEPUTIZE_TEST_REDIS_URL to run the tests on them",
        };
      }
      return vitest(ONE_DATABASE_IS_ENOUGH.map((files) => `--exclude=${files}`));
    },
  },
  {
    name: "slow",
    set: "rest",
    run: async () => {
      if (!existsSync(chromium)) {
        return {
          passed: 0,
          failed: 0,
          missing: `no browser at ${chromium}; install Chromium or set DEPUTIZE_TEST_CHROMIUM`,
        };
      }
      if (!databaseUrl || !redisUrl) {
        return {
          passed: 0,
          failed: 0,
          missing:
            "the tests of several processes need DEPUTIZE_TEST_DATABASE_URL and DEPUTIZE_TEST_REDIS_URL",
        };
      }
      return vitest([".slow.test."], { DEPUTIZE_TEST_SLOW: "1" });
    },
  },
];

const args = process.argv.slice(2);
const only = args.includes("--only") ? (args[args.indexOf("--only") + 1] ?? "").split(",") : undefined;
const sets = args.includes("--rest") ? ["rest"] : args.includes("--all") ? ["fast", "rest"] : ["fast"];
const chosen = checks.filter((c) => (only ? only.includes(c.name) : sets.includes(c.set)));
if (chosen.length === 0) {
  console.error(`no such check; there are ${checks.map((c) => c.name).join(", ")}`);
  process.exit(2);
}

let passed = 0;
let failed = 0;
const lines: string[] = [];
const broken: string[] = [];
for (const check of chosen) {
  console.log(`\n── ${check.name}`);
  const started = performance.now();
  const outcome = await check.run();
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  passed += outcome.passed;
  failed += outcome.failed + (outcome.missing && strict ? 1 : 0);
  broken.push(...(outcome.names ?? []).map((name) => `failed: ${check.name}: ${name}`));
  const verdict = outcome.missing
    ? `not run: ${outcome.missing}`
    : outcome.failed
      ? `${outcome.failed} failed`
      : "ok";
  lines.push(`${check.name.padEnd(10)} ${seconds.padStart(6)} s  ${verdict}`);
}
console.log(`\n${[...lines, ...broken].join("\n")}\n\n${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
