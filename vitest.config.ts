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
    testTimeout: 30_000,
    hookTimeout: 60_000,
    pool: "forks",
    maxWorkers: 2,
  },
});
