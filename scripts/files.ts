/** The project's own source files, for the checks that read them as text. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface SourceFile {
  /** Relative to the root, with `/`. */
  readonly path: string;
  readonly text: string;
}

/** Tracked and new (not ignored) files below `root` whose path `pattern` accepts. */
export function sourceFiles(root: string, pattern: RegExp): SourceFile[] {
  const listed = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 1 << 26,
  });
  const found: SourceFile[] = [];
  for (const path of new Set(listed.split("\n"))) {
    if (!pattern.test(path)) continue;
    try {
      found.push({ path, text: readFileSync(join(root, path), "utf8") });
    } catch {
      // Deleted in the working tree, still in the index.
    }
  }
  return found;
}
