import {
  appendFileSync,
  copyFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readOpenings } from "./file-openings.ts";
import { auditLog } from "./keyed-log.ts";
import { verifyDump } from "./log-source.ts";
import { newPrincipal, testEvent } from "./testing.ts";

const secret = "a secret of the tests that has more than 32 bytes";
let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "deputize-file-log-"));
  file = join(folder, "audit.jsonl");
});
afterEach(() => rmSync(folder, { recursive: true }));

const lines = () => readFileSync(file, "utf8").trimEnd().split("\n");

async function fill(count: number, more: { file?: string } = {}) {
  const log = auditLog({ secret, file, ...more });
  for (let n = 0; n < count; n += 1) await log.append(testEvent({ args: { n } }));
  const held = (await log.checkpoint())?.note ?? "";
  await log.close();
  return { publicKey: log.publicKey, held };
}

describe("a log in a file", () => {
  it("chains each entry to the one before by number, hash and HMAC, from 64 zeros on [PR-F31]", async () => {
    const { publicKey, held } = await fill(3);
    const leaves = lines().flatMap((line) => {
      const { leaf } = JSON.parse(line) as { leaf?: string };
      return leaf ? [JSON.parse(leaf) as Record<string, string>] : [];
    });
    expect(leaves.map(({ seq }) => seq)).toEqual([0, 1, 2]);
    expect(leaves[0]?.["prev"]).toBe("0".repeat(64));
    for (const leaf of leaves) expect(leaf["mac"]).toMatch(/^[0-9a-f]{64}$/);
    expect(await verifyDump(file, { publicKey, held: [held], secrets: [secret] })).toMatchObject({
      ok: true,
      size: 3,
      anchored: true,
      warnings: [],
    });
  });

  it("needs a secret of 32 bytes, and has none of its own [PR-F31]", () => {
    for (const short of ["", "x".repeat(31), undefined]) {
      expect(() => auditLog({ file, ...(short !== undefined && { secret: short }) })).toThrow(
        expect.objectContaining({ code: "config_invalid" }),
      );
    }
  });

  it("makes its key at first use, for its owner only, and goes on with it", async () => {
    const first = await fill(2);
    expect(statSync(`${file}.key`).mode & 0o777).toBe(0o600);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const second = await fill(2);
    expect(second.publicKey).toBe(first.publicKey);
    expect(
      await verifyDump(file, { publicKey: first.publicKey, held: [first.held, second.held] }),
    ).toMatchObject({
      ok: true,
      size: 4,
    });
  });

  it("keeps persons out of the log, and can forget them while the log still verifies [SR-24]", async () => {
    const log = auditLog({ secret, file });
    const [person, other] = [newPrincipal(), newPrincipal()];
    await log.append(testEvent({ subject: person, args: { city: "Ghent" } }));
    await log.append(testEvent({ subject: other, about: [person], args: { note: "of a person" } }));
    const { publicKey } = log;
    expect(readFileSync(file, "utf8")).not.toMatch(new RegExp(`${person}|Ghent`));
    expect(await log.erase(person)).toBe(2);
    await log.append(testEvent({ subject: other }));
    await log.close();
    expect(readFileSync(`${file}.openings`, "utf8")).not.toMatch(new RegExp(`${person}|Ghent|of a person`));
    const left = [];
    for await (const line of readOpenings(`${file}.openings`)) left.push(line.openings.who?.value);
    expect(left).toEqual([{ subject: other }, { subject: other }]);
    expect(await verifyDump(file, { publicKey, secrets: [secret] })).toMatchObject({ ok: true, size: 3 });
  });

  it("says that entries in a database's transaction need the log in the store", async () => {
    const log = auditLog({ secret, file });
    await expect(log.record()).rejects.toMatchObject({ code: "config_invalid" });
    await log.close();
  });
});

describe("what a crash leaves [PR-D23]", () => {
  it.each(['{"seq":3,"leaf":"{', "\0\0\0\0", '{"seq":3,"leaf":"{}"}\n{"seq":4'])(
    "half a write (%j) is warned of, cut off and said in the log",
    async (fragment) => {
      const { publicKey, held } = await fill(3);
      appendFileSync(file, fragment);
      if (!fragment.includes("\n")) {
        const report = await verifyDump(file, { publicKey, held: [held] });
        expect(report).toMatchObject({ ok: true, size: 3, warnings: [{ kind: "crash_fragment" }] });
      }
      await fill(1);
      const report = await verifyDump(file, { publicKey, held: [held], secrets: [secret] });
      expect(report).toMatchObject({ ok: true, size: 5, warnings: [] });
      expect(readFileSync(file, "utf8")).toContain("log.recovered");
    },
  );

  it("of the very first write is no log yet", async () => {
    const { publicKey } = await fill(0);
    const header = `{"log":"deputize/audit","public_key":"${publicKey}"}\n`;
    writeFileSync(file, header.slice(0, 20));
    await fill(1);
    expect(await verifyDump(file, { publicKey })).toMatchObject({ ok: true, size: 2 });
  });

  it("damage before a signed checkpoint stops the log instead [PR-D20]", async () => {
    await fill(3);
    const log = auditLog({ secret, file });
    await log.append(testEvent());
    // The newest entry is edited while a process runs that has not seen the end.
    const other = auditLog({ secret, file });
    await other.checkpoint();
    await log.append(testEvent({ tenant: "edited" }));
    writeFileSync(file, readFileSync(file, "utf8").replace('"tenant\\":\\"edited', '"tenant\\":\\"editeD'));
    await expect(other.append(testEvent())).rejects.toMatchObject({ code: "audit_unavailable" });
    await expect(other.append(testEvent())).rejects.toMatchObject({ code: "audit_unavailable" });
    await log.close();
    await other.close();
  });

  it("a file that was cut off, exchanged, or is of another key takes no more entries [PR-D20]", async () => {
    await fill(2);
    const log = auditLog({ secret, file });
    await log.append(testEvent());
    const whole = readFileSync(file);
    writeFileSync(file, whole.subarray(0, whole.lastIndexOf("\n", whole.length - 2)));
    await expect(log.append(testEvent())).rejects.toMatchObject({ code: "audit_unavailable" });
    await log.close();
    writeFileSync(file, whole);
    const again = auditLog({ secret, file });
    await again.append(testEvent());
    copyFileSync(file, `${file}.copy`);
    rmSync(file);
    copyFileSync(`${file}.copy`, file);
    await expect(again.append(testEvent())).rejects.toMatchObject({ code: "audit_unavailable" });
    await again.close();
    const stranger = auditLog({ secret, file, keyFile: join(folder, "another.key") });
    await expect(stranger.append(testEvent())).rejects.toMatchObject({ code: "audit_unavailable" });
    await stranger.close();
  });

  it("an entry that cannot be written is not acknowledged [PR-D20]", async () => {
    const log = auditLog({ secret, file: join(folder, "a-file"), keyFile: `${file}.key` });
    writeFileSync(join(folder, "a-file"), "");
    rmSync(join(folder, "a-file"));
    await import("node:fs/promises").then(({ mkdir }) => mkdir(join(folder, "a-file")));
    await expect(log.append(testEvent())).rejects.toMatchObject({ code: "audit_unavailable" });
    await log.close();
  });
});
