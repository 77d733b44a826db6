/**
 * The log: durable appends (grouped, each caller hears that its entry is committed), and verifying a whole log.
 * The log to verify has 20,000 entries; `--full` makes it 1,000,000, which takes minutes. The same for a log in a file.
 */
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type AuditEvent,
  type LogReport,
  auditLog,
  auditMigrations,
  createAuditLog,
  verifyDump,
  verifyLog,
} from "@deputize/audit";
import { type GrantId, type PrincipalId, newId } from "@deputize/core";
import { openTestStore } from "@deputize/store/testing";
import { measure, report } from "./harness.ts";

export async function run(options: { readonly full: boolean }): Promise<void> {
  const wanted = options.full ? 1_000_000 : 20_000;
  const store = await openTestStore([auditMigrations]);
  const signingKey = String(
    generateKeyPairSync("ed25519").privateKey.export({ format: "pem", type: "pkcs8" }),
  );
  const audit = createAuditLog({ store, signingKey, origin: "bench/audit" });
  const subject = newId() as PrincipalId;
  const grant = newId() as GrantId;
  let n = 0;
  const event = (): AuditEvent => ({
    action: "tool.call",
    outcome: "allowed",
    tenant: "default",
    subject,
    grant,
    grants: [grant],
    resource: "tool:list_orders",
    args: { n: (n += 1) },
    durationMs: 4,
  });
  try {
    // Appending and sequencing share the process and its database, as they do in service.
    await audit.start();
    const measured = await measure(
      [{ name: "append, resolved once committed", run: () => audit.append(event()) }],
      { inFlight: 256 },
    );
    report(`audit append, 256 in flight (${store.kind}; budget 5,000/s on Postgres)`, measured);

    const { entries, pending } = await audit.counts();
    const began = performance.now();
    for (let left = pending; left > 0; left = (await audit.counts()).pending) await audit.flush();
    const signing = (performance.now() - began) / 1000;
    console.log(
      `  of ${entries + pending} entries ${pending} were not signed yet; signed after ${signing.toFixed(2)} s more`,
    );

    for (let size = (await audit.counts()).entries; size < wanted; size += 10_000) {
      await Promise.all(Array.from({ length: Math.min(10_000, wanted - size) }, () => audit.append(event())));
      await audit.flush();
    }
    await timeVerify(store.kind, options.full, () => verifyLog({ store, publicKey: audit.publicKey }));
  } finally {
    await audit.close();
    await store.close();
  }
  await runFile(wanted, options.full, event);
}

async function runFile(wanted: number, full: boolean, event: () => AuditEvent): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "deputize-bench-"));
  const file = join(folder, "audit.jsonl");
  const secret = "a secret of the measurements, longer than 32 bytes";
  const audit = auditLog({ secret, file });
  try {
    const measured = await measure(
      [{ name: "append to a file, resolved once flushed and signed", run: () => audit.append(event()) }],
      { inFlight: 256 },
    );
    report("audit append to a file, 256 in flight (budget 5,000/s)", measured);
    const size = async () => (await audit.checkpoint())?.note.split("\n")[1];
    for (let have = Number(await size()); have < wanted; have += 10_000) {
      await Promise.all(Array.from({ length: Math.min(10_000, wanted - have) }, () => audit.append(event())));
    }
    console.log(`  the file has ${(statSync(file).size / 1e6).toFixed(0)} MB`);
    const { publicKey } = audit;
    await timeVerify("file, codes too", full, () => verifyDump(file, { publicKey, secrets: [secret] }));
  } finally {
    await audit.close();
    rmSync(folder, { recursive: true });
  }
}

async function timeVerify(what: string, full: boolean, verify: () => Promise<LogReport>): Promise<void> {
  console.log(`\nverifying a whole log (${what}; budget 1,000,000 entries < 30 s)`);
  const seconds: number[] = [];
  let size = 0;
  let memory = 0;
  const watch = setInterval(() => (memory = Math.max(memory, process.memoryUsage.rss())), 100);
  const before = process.memoryUsage.rss();
  for (let i = 0; i < (full ? 1 : 3); i += 1) {
    const began = performance.now();
    const result = await verify();
    seconds.push((performance.now() - began) / 1000);
    if (!result.ok) throw new Error(`the log does not verify: ${JSON.stringify(result.problems[0])}`);
    size = result.size;
  }
  clearInterval(watch);
  const sorted = seconds.toSorted((a, b) => a - b);
  const median = sorted[sorted.length >> 1] ?? Number.NaN;
  const million = full ? "" : `; at this rate ${((median * 1e6) / size).toFixed(1)} s for 1,000,000`;
  console.log(
    `  ${size} entries in ${median.toFixed(2)} s (${sorted.map((s) => s.toFixed(2)).join(", ")}): ${Math.round(size / median)}/s${million}`,
  );
  console.log(
    `  resident memory ${(before / 1e6).toFixed(0)} MB before, ${(memory / 1e6).toFixed(0)} MB at most`,
  );
}
