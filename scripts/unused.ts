/**
 * Finds what nothing uses: files that no entry reaches, exported names that no other file mentions, and
 * dependencies that their package never imports. Reads the sources as text, so it errs towards silence.
 */
import { dirname, join, normalize } from "node:path";
import { type SourceFile, sourceFiles } from "./files.ts";

/** Files that somebody starts or imports from outside. */
const ENTRIES =
  /(^|\/)(index|testing|main|cli)\.tsx?$|\.(test|bench)\.tsx?$|^scripts\/|^bench\/|^test\/|\/test\/|\/e2e\/|\/dev\/|\.config\.ts$|\/bin\/|^packages\/deputize\/src\/[a-z]+\.ts$|\.d\.ts$/;

const IMPORT = /(?:from|import|new URL)\s*\(?\s*["']([^"']+)["']/g;
const EXPORT = /^export (?:async )?(?:abstract )?(?:const|let|function\*?|class) (\w+)/gm;

/** Needed though no source names them: runtimes, types, peers and tools started by path. */
const SILENT_DEPENDENCIES =
  /^(@types\/.*|node|oxlint|prettier|typescript|vitest|vite|@modelcontextprotocol\/conformance|react-dom)$/;

function imports(file: SourceFile): string[] {
  return [...file.text.matchAll(IMPORT)].map((m) => m[1] ?? "");
}

function exportsOf(manifest: { exports?: Record<string, string> }): string[] {
  return Object.values(manifest.exports ?? {}).map((path) => normalize(path));
}

/** One line for each thing that nothing uses. */
export function checkUnused(root: string): string[] {
  const files = sourceFiles(root, /^(packages|apps|scripts|bench|examples|test)\/.*\.(tsx?|mjs)$/);
  const byPath = new Map(files.map((f) => [f.path, f]));
  const packages = sourceFiles(root, /^(packages|apps)\/[a-z]+\/package\.json$/).map((f) => ({
    folder: dirname(f.path),
    manifest: JSON.parse(f.text) as {
      exports?: Record<string, string>;
      dependencies?: Record<string, string>;
    },
  }));
  const problems: string[] = [];

  const published = new Set(
    packages.flatMap((p) => exportsOf(p.manifest).map((path) => join(p.folder, path))),
  );
  const reached = new Set<string>();
  const queue = files.filter((f) => ENTRIES.test(f.path) || published.has(f.path)).map((f) => f.path);
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (reached.has(path)) continue;
    reached.add(path);
    const file = byPath.get(path);
    if (!file) continue;
    for (const target of imports(file))
      if (target.startsWith(".")) queue.push(join(dirname(path), target.split("?")[0] ?? ""));
  }
  for (const { path } of files) if (!reached.has(path)) problems.push(`${path}: nothing imports it`);

  const words = new Map<string, number>();
  for (const file of files) {
    for (const word of new Set(file.text.match(/\b[A-Za-z_]\w+\b/g)))
      words.set(word, (words.get(word) ?? 0) + 1);
  }
  for (const file of files) {
    if (ENTRIES.test(file.path) || published.has(file.path)) continue;
    for (const [, name = ""] of file.text.matchAll(EXPORT)) {
      const own = file.text.match(new RegExp(`\\b${name}\\b`, "g"))?.length ?? 0;
      if ((words.get(name) ?? 0) <= 1) {
        problems.push(`${file.path}: ${name} is exported and ${own > 1 ? "used only here" : "used nowhere"}`);
      }
    }
  }

  for (const { folder, manifest } of packages) {
    const used = new Set(
      files
        .filter((f) => f.path.startsWith(`${folder}/`))
        .flatMap(imports)
        .map((target) =>
          target
            .split("/")
            .slice(0, target.startsWith("@") ? 2 : 1)
            .join("/"),
        ),
    );
    const styles = readStyles(root, folder);
    for (const name of Object.keys(manifest.dependencies ?? {})) {
      if (!used.has(name) && !styles.includes(name) && !SILENT_DEPENDENCIES.test(name)) {
        problems.push(`${folder}/package.json: ${name} is never imported`);
      }
    }
  }
  return problems;
}

function readStyles(root: string, folder: string): string {
  return sourceFiles(root, new RegExp(`^${folder}/.*\\.css$`))
    .map((f) => f.text)
    .join("\n");
}
