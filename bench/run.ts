/**
 * `npm run bench [-- NAME … --full]`: runs the measurements, one after another, and says how loaded the machine was.
 * Each ends by itself. Figures and method: bench/README.md.
 */
import { readdirSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { testDatabaseUrl } from "@deputize/store/testing";

const names = readdirSync(new URL(".", import.meta.url))
  .filter((file) => file.endsWith(".bench.ts"))
  .map((file) => file.replace(/\.bench\.ts$/, ""))
  .toSorted();
const { values, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: { full: { type: "boolean", default: false } },
});
const unknown = wanted.filter((name) => !names.includes(name));
if (unknown.length > 0) {
  console.error(`no such measurement: ${unknown.join(", ")}; there are ${names.join(", ")}`);
  process.exit(2);
}
const load = (): string =>
  loadavg()
    .map((value) => value.toFixed(1))
    .join(" ");
console.log(
  `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model.trim()}; load at the start ${load()}`,
);
if (testDatabaseUrl === undefined) {
  console.log(
    "DEPUTIZE_TEST_DATABASE_URL is not set: the embedded database is measured, in memory, where nothing is flushed.\n" +
      "The budgets for Postgres are not comparable. Set it to postgres://user@host:port/database to measure them.",
  );
}
for (const name of wanted.length > 0 ? wanted : names) {
  const { run } = (await import(`./${name}.bench.ts`)) as {
    run: (options: { full: boolean }) => Promise<void>;
  };
  await run({ full: values.full });
  console.log(`  load after it ${load()}`);
}
