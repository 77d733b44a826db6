/**
 * The log of a server without a database: the same leaves, tree, codes and signed checkpoints, in a file of JSON lines.
 *
 * Guarantees: an entry is acknowledged once it, its code and a signed checkpoint over it are on the disk; entries of one moment
 * share a flush. Any number of processes of one machine append to one file. What a crash left half-written is cut off,
 * and an entry says so; whatever else does not fit stops the log, and with it the calls that must be logged [PR-D20] [PR-D23].
 * Does not: commit an entry together with rows of a database: tools that write need the log in their store. Does not
 * notice a file that was cut off while no process ran; hold checkpoints elsewhere for that [SR-20].
 */
import { constants } from "node:fs";
import { type FileHandle, mkdir, open, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { hash } from "node:crypto";
import { type Clock, DeputizeError, type PrincipalId, newId, telemetry } from "@deputize/core";
import { flushFolder } from "./anchor.ts";
import type { SignedCheckpoint } from "./audit-log.ts";
import { formatCheckpoint } from "./checkpoint.ts";
import { type AuditEvent, encodeEvent } from "./event.ts";
import { type FileLock, openFileLock } from "./file-lock.ts";
import { type OpeningLine, appendOpenings, eraseFrom, openingsFile } from "./file-openings.ts";
import { type FileTail, type TailKeys, followTail, headerLine, openTail } from "./file-tail.ts";
import { type GroupItem, groupCommit } from "./group-commit.ts";
import { makeEntry } from "./leaf.ts";
import { formatLine } from "./log-lines.ts";
import { entryMac } from "./mac.ts";
import { LogDamaged, fatal } from "./sequencer.ts";
import { noteSigner } from "./signer.ts";
import { leafHash } from "./tree.ts";
import { loadKeys } from "./verifier-keys.ts";

export interface FileLogOptions {
  readonly file: string;
  readonly secret: string;
  /** Ed25519 private key: PKCS#8 PEM, or a JWK as JSON text. */
  readonly signingKey: string;
  readonly origin: string;
  readonly clock: Clock;
}

export interface FileAuditLog {
  /** C2SP verifier key of the log, to be kept apart from it. */
  readonly publicKey: string;
  /** False: entries are durable by themselves and not together with rows of a database. */
  readonly transactional: false;
  /** Resolves with the entry id once the entry is on the disk and signed. Throws `audit_unavailable`. */
  append(event: AuditEvent): Promise<string>;
  /** Always throws `config_invalid`: an effect in a database needs its entry in the same transaction. */
  record(): Promise<never>;
  /** The newest signed checkpoint, to be kept elsewhere; undefined while the log is empty. */
  checkpoint(): Promise<SignedCheckpoint | undefined>;
  /** Erases what was said of a principal; the log still verifies [SR-24]. Returns how many entries it touched. */
  erase(principal: PrincipalId): Promise<number>;
  close(): Promise<void>;
}

/** Between two groups, so that another process gets its turn; what comes meanwhile shares the next group. */
const TURN_MS = 1;

/** Makes the log. Nothing is written before the first entry. Throws `config_invalid` for a bad key or a short secret. */
export function createFileLog(options: FileLogOptions): FileAuditLog {
  const { file, clock } = options;
  const signer = noteSigner(options.origin, options.signingKey);
  const mac = entryMac(options.secret, signer.verifierKey);
  const appender = groupCommit({ clock, commit, oneByOne: false });
  let opening: Promise<{ lock: FileLock; keys: TailKeys }> | undefined;
  let handle: FileHandle | undefined;
  let tail: FileTail | undefined;
  let damaged: LogDamaged | undefined;
  let lastTurn = Number.NEGATIVE_INFINITY;

  async function openOnce() {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    const [key] = await loadKeys(signer.verifierKey);
    if (!key) throw new DeputizeError("internal", "the log's own verifier key does not parse");
    return { lock: openFileLock(`${file}.lock`, clock), keys: { key, publicKey: signer.verifierKey, mac } };
  }

  function forget(error: unknown): never {
    opening = undefined;
    throw error;
  }

  /** Does `work` as the only writer, with the tail read up to the end of the file. */
  async function alone<T>(
    work: (file: FileHandle, tail: FileTail, fragment: number) => Promise<T>,
  ): Promise<T> {
    if (damaged) throw damaged;
    const { lock, keys } = await (opening ??= openOnce().catch(forget));
    if (clock.monotonicMs() - lastTurn < TURN_MS) await sleep(TURN_MS);
    try {
      return await lock.alone(async () => {
        const opened = (handle ??= await openForWriting(file));
        const known = (tail ??= await openTail(opened, keys));
        if ((await stat(file)).ino !== known.inode) throw fatal("another file is in the audit file's place");
        return work(opened, known, await followTail(opened, known, keys));
      });
    } catch (error) {
      // Whatever we believed about the file may be wrong now; the next turn reads it again. Damage stays.
      tail = undefined;
      if (error instanceof LogDamaged) damaged = error;
      throw error;
    } finally {
      lastTurn = clock.monotonicMs();
    }
  }

  function commit(group: readonly GroupItem[]): Promise<void> {
    const began = clock.monotonicMs();
    return alone(async (opened, known, fragment) => {
      const items = fragment > 0 ? [await recover(opened, known, fragment), ...group] : group;
      const start = known.end;
      try {
        await write(opened, known, items);
      } catch (error) {
        // What was not acknowledged must not stand before what will be.
        await opened.truncate(start).catch(() => {});
        throw error;
      }
    }).finally(() => telemetry.observe("audit_record", (clock.monotonicMs() - began) / 1000, {}));
  }

  /** Cuts off what a crash left and answers the entry that says so. */
  async function recover(opened: FileHandle, known: FileTail, bytes: number): Promise<GroupItem> {
    const { buffer } = await opened.read(Buffer.alloc(bytes), 0, bytes, known.end);
    await opened.truncate(known.end);
    const event: AuditEvent = {
      action: "log.recovered",
      outcome: "info",
      tenant: "default",
      detail: { bytes, sha256: hash("sha256", buffer, "hex") },
    };
    return { id: newId(clock), event: encodeEvent(event) };
  }

  async function write(opened: FileHandle, known: FileTail, items: readonly GroupItem[]): Promise<void> {
    const lines = known.end === 0 ? [headerLine(signer.verifierKey)] : [];
    const openings: OpeningLine[] = [];
    const at = new Date(clock.nowMs()).toISOString();
    for (const { id, event } of items) {
      const place = { seq: known.tree.size, prev: known.lastHash.toString("hex") };
      const entry = makeEntry({ id, event, sealed: false, at }, place, mac);
      known.lastHash = leafHash(Buffer.from(entry.leaf));
      known.tree.append(known.lastHash);
      lines.push(formatLine({ seq: place.seq, leaf: entry.leaf }));
      openings.push({ id, openings: entry.openings });
      telemetry.count("audit_events", { event_type: entry.action });
    }
    const { tree } = known;
    const note = signer.sign(formatCheckpoint(signer.name, tree.size, tree.root()));
    lines.push(formatLine({ checkpoint: note, peaks: tree.peaks().map((peak) => peak.toString("hex")) }));
    const bytes = Buffer.from(`${lines.join("\n")}\n`);
    const isNew = known.end === 0;
    await Promise.all([writeAt(opened, bytes, known.end), appendOpenings(openingsFile(file), openings)]);
    if (isNew) await flushFolder(file);
    Object.assign(known, { end: known.end + bytes.length, signedSize: tree.size, note });
  }

  async function erase(principal: PrincipalId): Promise<number> {
    await appender.settled();
    return alone(() => eraseFrom(openingsFile(file), principal));
  }

  return {
    publicKey: signer.verifierKey,
    transactional: false,
    append: (event) => appender.append(event),
    record: () =>
      Promise.reject(
        new DeputizeError(
          "config_invalid",
          "an entry in a file cannot commit with a database's rows; use `auditLog({ secret, store })`",
        ),
      ),
    checkpoint: async () => {
      await appender.settled();
      return alone(async (_file, { note, tree }) =>
        note === undefined ? undefined : { size: tree.size, root: tree.root().toString("hex"), note },
      );
    },
    erase,
    close: async () => {
      await appender.settled();
      damaged ??= fatal("the audit log of this process is closed");
      const opened = await opening?.catch(() => undefined);
      opened?.lock.close();
      await handle?.close();
      handle = undefined;
    },
  };
}

function openForWriting(file: string): Promise<FileHandle> {
  return open(file, constants.O_RDWR | constants.O_CREAT, 0o600);
}

async function writeAt(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
  await file.datasync();
}
