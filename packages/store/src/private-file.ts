/**
 * Files that hold secrets: written so that nobody else ever reads them and a crash never leaves half of one, and read only
 * where nobody else can.
 *
 * Guarantees: mode 0600 from the first byte; the text is on the disk before the name points to it; a symbolic link is never
 * written through, since whoever may plant one would choose where our secrets go. Does not: encrypt.
 */
import {
  closeSync,
  fstatSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { DeputizeError, randomHex } from "@deputize/core";

/** What is at `file` now. Throws `config_invalid` for a symbolic link or anything else that is no plain file. */
function whatIsAt(file: string): "file" | "nothing" {
  const found = lstatSync(file, { throwIfNoEntry: false });
  if (!found) return "nothing";
  if (found.isFile()) return "file";
  throw new DeputizeError(
    "config_invalid",
    `${file} is ${found.isSymbolicLink() ? "a symbolic link" : "not a plain file"}; name the file itself`,
  );
}

/** Throws `config_invalid` when a private file cannot go there: see `writePrivateFile`. */
export function assertPrivateTarget(file: string, how: "new" | "replace"): void {
  if (whatIsAt(file) === "file" && how === "new") {
    throw new DeputizeError(
      "config_invalid",
      `${file} exists; name another file (\`deputize init\` replaces it with --force)`,
    );
  }
}

/** Makes the name last through a power loss; not every file system can. */
function flushFolder(folder: string): void {
  const handle = openSync(folder, "r");
  try {
    fsyncSync(handle);
  } catch (error) {
    if (!["EINVAL", "EPERM", "EISDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  } finally {
    closeSync(handle);
  }
}

/**
 * Writes `text`. `new`: the file must not exist, also when two processes try at once. `replace`: whatever plain file is
 * there gives way in one step. Throws `config_invalid` with the fix.
 */
export function writePrivateFile(file: string, text: string, how: "new" | "replace"): void {
  const draft = `${file}.${randomHex(6)}`;
  try {
    assertPrivateTarget(file, how);
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    const handle = openSync(draft, "wx", 0o600);
    try {
      writeSync(handle, text);
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    // Neither follows a link at `file`: one fails on it, the other replaces it.
    if (how === "new") linkSync(draft, file);
    else renameSync(draft, file);
    flushFolder(dirname(file));
  } catch (error) {
    if (error instanceof DeputizeError) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
    if (code === "EEXIST") {
      throw new DeputizeError(
        "config_invalid",
        `${file} exists; name another file (\`deputize init\` replaces it with --force)`,
        {
          cause: error,
        },
      );
    }
    const fix =
      code === "ENOSPC"
        ? "the disk is full; free some space"
        : "make the folder writable, or name another one";
    throw new DeputizeError("config_invalid", `cannot write ${file} (${code}): ${fix}`, { cause: error });
  } finally {
    rmSync(draft, { force: true });
  }
}

/**
 * The one secret in an open file, without blanks around it. A pipe, such as `<(pass show deputize)`, belongs to whoever made it.
 * Throws `config_invalid` with the fix, for a file that others can read too.
 */
export function readPrivateText(handle: number, name: string): string {
  const stat = fstatSync(handle);
  if (stat.isFile() && (stat.mode & 0o077) !== 0 && process.platform !== "win32") {
    throw new DeputizeError("config_invalid", `${name} can be read by others; run chmod 600 ${name}`);
  }
  if (stat.isDirectory()) {
    throw new DeputizeError("config_invalid", `${name} is a folder; name the file with the secret`);
  }
  const secret = readFileSync(handle, "utf8").trim();
  if (secret === "") throw new DeputizeError("config_invalid", `${name} holds no secret`);
  return secret;
}

/** As `readPrivateText`, of a file by its name. */
export function readPrivateFile(file: string): string {
  let handle: number;
  try {
    handle = openSync(file, "r");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
    throw new DeputizeError("config_invalid", `cannot read ${file} (${code})`, { cause: error });
  }
  try {
    return readPrivateText(handle, file);
  } finally {
    closeSync(handle);
  }
}
