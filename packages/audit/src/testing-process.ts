/** For tests: a process of its own that keeps appending to a log, and says each entry that is committed. */
import { type OpenStoreOptions, openStore } from "@deputize/store";
import { auditMigrations } from "./audit-log.ts";
import { createAuditLog } from "./log.ts";
import { TEST_ORIGIN, testEvent } from "./testing.ts";

export interface ProcessInput {
  readonly store: Pick<OpenStoreOptions, "url" | "secrets" | "rolePrefix">;
  readonly signingKey: string;
  readonly name: string;
}

const input = JSON.parse(process.env["AUDIT_PROCESS"] ?? "") as ProcessInput;
const store = await openStore({ ...input.store, migrations: [auditMigrations] } as OpenStoreOptions);
const log = createAuditLog({
  store,
  signingKey: input.signingKey,
  origin: TEST_ORIGIN,
  leaseMs: 300,
  pollMs: 10,
  batchSize: 20,
});
await log.start();
for (let n = 0; ; n += 1) {
  const ids = await Promise.all(
    Array.from({ length: 5 }, (_, i) => log.append(testEvent({ detail: { by: input.name, n, i } }))),
  );
  process.stdout.write(`${ids.join("\n")}\n`);
}
