import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import type { LogProblemKind } from "./log-report.ts";
import { verifyDump } from "./log-source.ts";
import { witness } from "./signer.ts";
import { TEST_SECRET, type TestLines, testLines } from "./testing-lines.ts";
import { newSigningKey } from "./testing.ts";
import type { VerifyLogOptions } from "./verify-log.ts";

const folder = mkdtempSync(join(tmpdir(), "deputize-verify-file-"));
afterAll(() => rmSync(folder, { recursive: true }));

const signingKey = newSigningKey();
const otherKey = newSigningKey();
const secret = TEST_SECRET;
/** Entries 0–3 stand in lines 2–5, their checkpoint in 6; 4–7 in 7–10, 11; 8–11 in 12–15, 16. */
const log = testLines([4, 4, 4], { signingKey, secret });
const SIZE = 12;

function check(content: readonly string[] | Buffer, options: Partial<VerifyLogOptions> = {}) {
  const file = join(folder, "log.jsonl");
  writeFileSync(file, Buffer.isBuffer(content) ? content : `${content.join("\n")}\n`);
  return verifyDump(file, { publicKey: log.publicKey, held: [log.held], secrets: [secret], ...options });
}

/** Line numbers as the report counts them. */
const without = (number: number) => log.lines.filter((_, i) => i !== number - 1);
const withLine = (number: number, line: string) => log.lines.toSpliced(number - 1, 0, line);
const replaced = (number: number, line: string) => log.lines.toSpliced(number - 1, 1, line);
const line = (number: number): string => log.lines[number - 1] ?? "";
const swapped = (a: number, b: number) =>
  log.lines.map((text, i) => (i === a - 1 ? line(b) : i === b - 1 ? line(a) : text));

const elsewhere = testLines([4, 4, 4], { signingKey, secret, tenant: "elsewhere" });
const rebuilt = testLines([4, 4, 4], { signingKey: otherKey, secret });

interface Case {
  readonly lines: readonly string[];
  readonly first: { readonly kind: LogProblemKind; readonly seq: number; readonly line?: number };
  readonly options?: Partial<VerifyLogOptions>;
}

const CASES: Readonly<Record<string, Case>> = {
  "an edited entry": {
    lines: replaced(7, line(7).replace("allowed", "refused")),
    first: { kind: "edited", seq: 4, line: 7 },
  },
  "an inserted entry": {
    lines: withLine(8, line(8).replace("default", "forged")),
    first: { kind: "inserted", seq: 5, line: 8 },
  },
  "a deleted entry in the middle": { lines: without(8), first: { kind: "missing", seq: 5, line: 8 } },
  "a deleted entry at the start": { lines: without(2), first: { kind: "missing_start", seq: 0, line: 2 } },
  "two entries that changed places": {
    lines: swapped(8, 9),
    first: { kind: "reordered", seq: 5, line: 8 },
  },
  "a repeated entry": { lines: withLine(9, line(8)), first: { kind: "duplicate", seq: 6, line: 9 } },
  "an entry repeated later": { lines: withLine(13, line(4)), first: { kind: "duplicate", seq: 9, line: 13 } },
  "a repeated checkpoint": { lines: withLine(12, line(11)), first: { kind: "duplicate", seq: 7, line: 12 } },
  "a moved checkpoint": { lines: swapped(10, 11), first: { kind: "reordered", seq: 7 } },
  "a cut-off end, against a held checkpoint": {
    lines: log.lines.slice(0, 11),
    first: { kind: "truncated", seq: 8 },
  },
  "everything cut off, against a held checkpoint": {
    lines: log.lines.slice(0, 1),
    first: { kind: "truncated", seq: 0 },
  },
  "another history signed with the same key, against a held checkpoint": {
    lines: elsewhere.lines,
    first: { kind: "forked", seq: 11 },
  },
  "two trees of one size, both signed": {
    lines: withLine(12, elsewhere.lines[10] ?? ""),
    first: { kind: "forked", seq: 7 },
  },
  "a log rebuilt whole with another key": { lines: rebuilt.lines, first: { kind: "rebuilt", seq: 0 } },
  "a log rebuilt whole, with a held checkpoint and the forger's own public key": {
    lines: rebuilt.lines,
    options: { publicKey: rebuilt.publicKey },
    first: { kind: "wrong_key", seq: SIZE },
  },
  "checkpoints of another key": {
    lines: replaced(16, rebuilt.lines[15] ?? ""),
    first: { kind: "wrong_key", seq: 0 },
  },
  "a first line that names another key": {
    lines: replaced(1, rebuilt.lines[0] ?? ""),
    first: { kind: "wrong_key", seq: 0 },
  },
  "a bad signature": {
    lines: replaced(11, line(11).replace("\\n8\\n", "\\n9\\n")),
    first: { kind: "bad_signature", seq: 7 },
  },
  "a checkpoint without a signature": {
    lines: replaced(16, line(16).replace(/\\n\\n— [^"]*/, "\\n")),
    first: { kind: "checkpoint_wrong", seq: 11 },
  },
  "entries that nobody signed": { lines: without(16), first: { kind: "unsigned", seq: 8 } },
  "hashes beside a checkpoint that are not the tree's": {
    lines: replaced(11, line(11).replace(/"peaks":\["./, '"peaks":["x')),
    first: { kind: "node_wrong", seq: 7 },
  },
  "a malformed line": { lines: replaced(8, "{"), first: { kind: "malformed", seq: 5, line: 8 } },
  "an empty line": { lines: withLine(8, ""), first: { kind: "malformed", seq: 5, line: 8 } },
  "an older piece of the log added at its end": {
    lines: [...log.lines, ...log.lines.slice(1, 6)],
    first: { kind: "spliced", seq: 12, line: 17 },
  },
  "an older log of the same key added at its end": {
    lines: [...log.lines, ...elsewhere.lines],
    first: { kind: "spliced", seq: 12 },
  },
  "an older log put in between": {
    lines: [...log.lines.slice(0, 6), ...elsewhere.lines.slice(1, 6), ...log.lines.slice(6)],
    first: { kind: "spliced", seq: 4, line: 7 },
  },
  "another secret": {
    lines: log.lines,
    options: { secrets: ["another secret of the tests, of more than 32 bytes"] },
    first: { kind: "wrong_key", seq: 0 },
  },
  "codes that were left out": {
    lines: testLines([4, 4, 4], { signingKey }).lines,
    options: { held: [] },
    first: { kind: "unkeyed", seq: 0 },
  },
  "an anchor that is gone": {
    lines: log.lines,
    options: { held: [], anchorMissing: "gone" },
    first: { kind: "anchor_missing", seq: SIZE },
  },
  "a held checkpoint of nobody": {
    lines: log.lines,
    options: { held: ["no note"] },
    first: { kind: "checkpoint_wrong", seq: SIZE },
  },
};

describe("what was done to a log's file is found, by its name and place [PR-F32] [SR-20]", () => {
  it("is nothing when nothing was done", async () => {
    expect(await check(log.lines)).toMatchObject({ ok: true, size: SIZE, anchored: true, warnings: [] });
  });

  it.each(Object.entries(CASES))("%s", async (_name, { lines, first, options }) => {
    const report = await check(lines, options);
    expect(report.ok).toBe(false);
    expect(report.problems).toContainEqual(expect.objectContaining(first));
    // Nothing that came before is blamed.
    const before = report.problems.filter(({ seq, kind }) => seq < first.seq && kind !== "unsigned");
    expect(before).toEqual([]);
  });

  it("codes redone from a place on without the secret, though with the signing key [PR-D21]", async () => {
    const keyless = testLines([4, 4, 4], {
      signingKey,
      secret: "a forger's guess that has more than 32 bytes",
    });
    const mixed = [...log.lines.slice(0, 6), ...keyless.lines.slice(6)];
    const report = await check(mixed, { held: [] });
    expect(report.problems.map(({ kind }) => kind)).toEqual(expect.arrayContaining(["bad_mac"]));
  });

  it("is only warned of where it cannot be known", async () => {
    expect(await check(log.lines, { held: [] })).toMatchObject({
      ok: true,
      anchored: false,
      warnings: [{ kind: "unanchored" }],
    });
    const fragment = Buffer.from(`${log.lines.join("\n")}\n{"seq":12,`);
    expect(await check(fragment)).toMatchObject({ ok: true, warnings: [{ kind: "crash_fragment" }] });
  });

  it("needs no checkpoint line but the last: an earlier one that is gone takes nothing with it", async () => {
    expect(await check(without(11))).toMatchObject({ ok: true, size: SIZE });
  });

  it("reads several files as pieces of one log, and several keys and secrets [PR-F32]", async () => {
    const [a, b] = [join(folder, "a.jsonl"), join(folder, "b.jsonl")];
    writeFileSync(a, `${log.lines.slice(0, 8).join("\n")}\n`);
    writeFileSync(b, `${replaced(12, "{").slice(8).join("\n")}\n`);
    const options = {
      publicKey: [rebuilt.publicKey, log.publicKey],
      held: [log.held],
      secrets: ["another secret of the tests, of more than 32 bytes", secret],
    };
    expect((await verifyDump([a, b], options)).problems[0]).toMatchObject({
      kind: "malformed",
      seq: 8,
      file: b,
      line: 4,
    });
    writeFileSync(b, `${log.lines.slice(8).join("\n")}\n`);
    expect(await verifyDump([a, b], options)).toMatchObject({ ok: true, size: SIZE });
    expect((await verifyDump([b, a], options)).ok).toBe(false);
  });

  it("believes a held checkpoint only with a witness's cosignature, when one is named [SR-20]", async () => {
    const seen = witness("witness.test", newSigningKey());
    const options = { witnesses: [seen.verifierKey] };
    expect(await check(log.lines, { ...options, held: [seen.cosign(log.held, 1)] })).toMatchObject({
      ok: true,
    });
    const report = await check(log.lines, options);
    expect(report).toMatchObject({ ok: false, anchored: false, problems: [{ kind: "unwitnessed" }] });
  });
});

describe("any single change of a log is found, given an earlier checkpoint [PR-F31] [SR-20]", () => {
  type Change = (bytes: Buffer, lines: readonly string[], at: number, other: number) => Buffer | undefined;
  const joined = (lines: readonly string[]) => Buffer.from(`${lines.join("\n")}\n`);
  const isEntry = (text: string | undefined) => text?.startsWith('{"seq"') === true;
  const entryAt = (lines: readonly string[], at: number) => {
    const places = lines.flatMap((text, i) => (isEntry(text) ? [i] : []));
    return places[at % places.length] ?? 0;
  };
  const CHANGES: Readonly<Record<string, Change>> = {
    "a flipped bit": (bytes, _lines, at, other) => {
      const changed = Buffer.from(bytes);
      const place = at % bytes.length;
      changed[place] = (changed[place] ?? 0) ^ (1 << (other % 8));
      return changed;
    },
    "a dropped byte": (bytes, _lines, at) => {
      // The newline at the very end holds nothing.
      const place = at % (bytes.length - 1);
      return Buffer.concat([bytes.subarray(0, place), bytes.subarray(place + 1)]);
    },
    "a dropped entry": (_bytes, lines, at) => joined(lines.toSpliced(entryAt(lines, at), 1)),
    "a repeated line": (_bytes, lines, at, other) =>
      joined(lines.toSpliced(other % (lines.length + 1), 0, lines[at % lines.length] ?? "")),
    "two lines that changed places": (_bytes, lines, at, other) => {
      const [a, b] = [at % lines.length, other % lines.length];
      if (a === b) return undefined;
      return joined(lines.map((text, i) => (i === a ? lines[b] : i === b ? lines[a] : text) ?? ""));
    },
    "a cut": (bytes, _lines, at) => bytes.subarray(0, at % (bytes.length - 1)),
  };
  const logs = new Map<string, TestLines>();
  const logOf = (groups: readonly number[], keyed: boolean): TestLines => {
    const name = `${groups.join()} ${keyed}`;
    const made = logs.get(name) ?? testLines(groups, { signingKey, ...(keyed && { secret }) });
    logs.set(name, made);
    return made;
  };

  it.each(Object.entries(CHANGES))("%s", async (_name, change) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 5 }),
        fc.boolean(),
        fc.nat(),
        fc.nat(),
        async (groups, keyed, at, other) => {
          const { lines, held } = logOf(groups, keyed);
          const changed = change(joined(lines), lines, at, other);
          fc.pre(changed !== undefined && !changed.equals(joined(lines)));
          const report = await check(changed as Buffer, { held: [held], secrets: keyed ? [secret] : [] });
          expect(report.ok).toBe(false);
          expect(report.problems.length).toBeGreaterThan(0);
        },
      ),
      { numRuns: 100 },
    );
  });
});
