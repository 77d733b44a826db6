/**
 * `auditLog({ secret })`: a tool server's log in one line, each entry with a code that only the secret makes, chained to the
 * one before, on top of the Merkle tree and its signed checkpoints. One log, in one of two places: the server's store, where
 * an entry commits with the rows that it is about, or a file, for servers that write to no database.
 */
import { systemClock } from "@deputize/core";
import type { AuditLog, AuditLogOptions } from "./audit-log.ts";
import { type FileAuditLog, createFileLog } from "./file-log.ts";
import { readOrMakeKey } from "./key-file.ts";
import { createAuditLog } from "./log.ts";
import { checkSecret } from "./mac.ts";
import { auditSecretFrom } from "./secret-setting.ts";

const DEFAULTS = { file: "data/audit.jsonl", keyFile: "data/audit.key", origin: "deputize/audit" } as const;

interface KeyedOptions extends Pick<AuditLogOptions, "clock"> {
  /** 32 bytes or more; DEPUTIZE_AUDIT_SECRET, or the file of DEPUTIZE_AUDIT_SECRET_FILE, unless given. There is no default. */
  readonly secret?: string;
  /** Ed25519 private key: PKCS#8 PEM or a JWK as JSON text. Unless given, the one in `keyFile`. */
  readonly signingKey?: string;
  /** Made at first use, readable by its owner only. With a file, `<file>.key` unless given; else `data/audit.key`. Replicas on
   * several machines share a `signingKey` instead. */
  readonly keyFile?: string;
  /** Names the log in its checkpoints and never changes; `deputize/audit` unless given. */
  readonly origin?: string;
}

export interface KeyedFileLogOptions extends KeyedOptions {
  /** `data/audit.jsonl` unless given. What it says of persons is in `<file>.openings`, which `erase` can shorten. */
  readonly file?: string;
  readonly store?: undefined;
}

export interface KeyedStoreLogOptions
  extends KeyedOptions, Omit<AuditLogOptions, "signingKey" | "origin" | "secret" | "clock"> {
  readonly file?: undefined;
}

/**
 * Makes the log of a tool server: `new MCPServer({ audit: auditLog({ secret }) })`; with tools that write,
 * `auditLog({ secret, store })`, which starts by itself with the first entry. Close it after the server.
 * Throws `config_invalid` for a secret that is short or missing, and for a key that is none.
 */
export function auditLog(options: KeyedStoreLogOptions): AuditLog;
export function auditLog(options?: KeyedFileLogOptions): FileAuditLog;
export function auditLog(options: KeyedStoreLogOptions | KeyedFileLogOptions = {}): AuditLog | FileAuditLog {
  const secret = checkSecret(options.secret ?? auditSecretFrom(process.env));
  const origin = options.origin ?? DEFAULTS.origin;
  if (options.store) {
    const signingKey = options.signingKey ?? readOrMakeKey(options.keyFile ?? DEFAULTS.keyFile);
    return startedByUse(createAuditLog({ ...options, secret, origin, signingKey }), options.onError);
  }
  const { file = DEFAULTS.file, clock = systemClock } = options;
  const signingKey = options.signingKey ?? readOrMakeKey(options.keyFile ?? `${file}.key`);
  return createFileLog({ file, secret, origin, signingKey, clock });
}

/** The log's sequencer starts with its first entry, so that a server's author need not think of it. */
function startedByUse(log: AuditLog, onError: AuditLogOptions["onError"]): AuditLog {
  let started: Promise<void> | undefined;
  const start = (): Promise<void> => {
    started ??= log.start().catch((error: unknown) => {
      started = undefined;
      throw error;
    });
    return started;
  };
  return {
    ...log,
    start,
    append: async (event) => {
      await start();
      return log.append(event);
    },
    record: async (tx, event) => {
      // Not awaited: on the embedded database the start would wait for this very transaction.
      start().catch((error: unknown) => onError?.(error, false));
      return log.record(tx, event);
    },
  };
}
