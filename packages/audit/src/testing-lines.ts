/** For tests: a log's lines as a server's file has them, made in memory. */
import { newId } from "@deputize/core";
import { formatCheckpoint } from "./checkpoint.ts";
import { headerLine } from "./file-tail.ts";
import { makeEntry } from "./leaf.ts";
import { formatLine } from "./log-lines.ts";
import { entryMac } from "./mac.ts";
import { noteSigner } from "./signer.ts";
import { TEST_ORIGIN, testEvent } from "./testing.ts";
import { growTree, leafHash } from "./tree.ts";

export const TEST_SECRET = "a secret of the tests that has more than 32 bytes";

export interface TestLines {
  readonly lines: string[];
  readonly publicKey: string;
  /** The newest checkpoint. */
  readonly held: string;
}

/** A log whose groups have these sizes. Without a secret its entries have no codes. */
export function testLines(
  groups: readonly number[],
  options: { readonly signingKey: string; readonly secret?: string | undefined; readonly tenant?: string },
): TestLines {
  const signer = noteSigner(TEST_ORIGIN, options.signingKey);
  const mac = options.secret === undefined ? undefined : entryMac(options.secret, signer.verifierKey);
  const tree = growTree();
  const lines = [headerLine(signer.verifierKey)];
  let held = "";
  let prev = "0".repeat(64);
  for (const size of groups) {
    for (let i = 0; i < size; i += 1) {
      const seq = tree.size;
      const event = JSON.stringify(testEvent({ tenant: options.tenant ?? "default", args: { seq } }));
      const submission = { id: newId(), event, sealed: false, at: "2026-01-01T00:00:00.000Z" };
      const { leaf } = makeEntry(submission, { seq, prev }, mac);
      const hash = leafHash(Buffer.from(leaf));
      tree.append(hash);
      prev = hash.toString("hex");
      lines.push(formatLine({ seq, leaf }));
    }
    held = signer.sign(formatCheckpoint(TEST_ORIGIN, tree.size, tree.root()));
    lines.push(formatLine({ checkpoint: held, peaks: tree.peaks().map((peak) => peak.toString("hex")) }));
  }
  return { lines, publicKey: signer.verifierKey, held };
}
