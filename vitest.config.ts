import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: [
      "packages/*/src/**/*.test.ts",
      "apps/shop/**/*.test.ts",
      "apps/web/src/**/*.test.{ts,tsx}",
      "apps/web/e2e/**/*.test.ts",
      "examples/**/*.test.ts",
      "scripts/**/*.test.ts",
      "test/**/*.test.ts",
    ],
    exclude: [
      "**/node_modules/**",
      "**/dist/**",
      ...(process.env.DEPUTIZE_TEST_SLOW === "1" ? [] : ["**/*.slow.test.ts"]),
    ],
    testTimeout: 60_000,
    // The first to want a migrated database makes it, for all that come later.
    hookTimeout: 120_000,
    pool: "forks",
    // Two cores; many tests wait for a moment to pass.
    maxWorkers: 3,
    // A process serves many files; the set-up gives each of them modules of its own.
    isolate: false,
    setupFiles: ["test/setup/own-modules.ts"],
    unstubEnvs: true,
    unstubGlobals: true,
    // The commands and database threads that tests start need not compile the same sources again.
    env: { NODE_COMPILE_CACHE: fileURLToPath(new URL("node_modules/.cache/node/", import.meta.url)) },
  },
});
