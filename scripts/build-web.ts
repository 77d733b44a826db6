/**
 * Builds the page into apps/web/dist.
 *
 * Guarantees: nothing is done when no input changed since the last build (a digest of all inputs is kept beside
 * the output); the build fails when the first page, its largest route included, passes 200 kB gzipped of
 * scripts and styles, or when the page would need an inline script or style, which the policy of the server
 * forbids. Does not: install anything.
 */
import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const WEB = join(ROOT, "apps/web");
const DIST = join(WEB, "dist");
const STAMP = join(DIST, ".inputs");

/** What a first visit may weigh, in bytes after gzip. */
const FIRST_PAGE_LIMIT = 200_000;

/** The screens on which a visit begins. */
const FIRST_SCREENS = ["src/features/auth/sign-in.tsx", "src/features/chat/chat-screen.tsx"];

/** Everything that the output depends on. The checks of receipts come from the audit package, the reader of events from the client. */
const INPUTS = [
  "apps/web/src",
  "apps/web/public",
  "apps/web/index.html",
  "apps/web/vite.config.ts",
  "apps/web/package.json",
  "packages/audit/src",
  "packages/client/src/sdk",
  "packages/client/src/server",
  "packages/core/src",
  "package-lock.json",
  "scripts/build-web.ts",
];

interface ManifestEntry {
  file: string;
  imports?: string[];
  css?: string[];
  isEntry?: boolean;
}

function filesUnder(path: string): string[] {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.includes(".test."))
    .map((entry) => join(entry.parentPath, entry.name));
}

/** One digest over the names and contents of all inputs. */
function inputsDigest(): string {
  const hash = createHash("sha256");
  for (const input of INPUTS) {
    const path = join(ROOT, input);
    const files = input.includes(".") ? [path] : filesUnder(path);
    for (const file of files.toSorted()) {
      if (!existsSync(file)) continue;
      const content = readFileSync(file);
      hash.update(`${relative(ROOT, file)}\0${content.length}\0`).update(content);
    }
  }
  return hash.digest("hex");
}

/** The files that a visit to one screen loads before it can be used. */
function filesFor(manifest: Record<string, ManifestEntry>, names: readonly string[]): Set<string> {
  const files = new Set<string>();
  const visit = (name: string): void => {
    const entry = manifest[name];
    if (entry === undefined) throw new Error(`the page has no part ${name}`);
    if (files.has(entry.file)) return;
    files.add(entry.file);
    for (const css of entry.css ?? []) files.add(css);
    for (const imported of entry.imports ?? []) visit(imported);
  };
  for (const name of names) visit(name);
  return files;
}

const gzippedBytes = (files: Iterable<string>): number =>
  [...files]
    .filter((file) => /\.(js|css)$/.test(file))
    .reduce((sum, file) => sum + gzipSync(readFileSync(join(DIST, file)), { level: 9 }).length, 0);

/** Throws if the page would break under `script-src 'self'; style-src 'self'`. */
function refuseInlineCode(): void {
  const html = readFileSync(join(DIST, "index.html"), "utf8");
  if (/<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)/i.test(html)) {
    throw new Error("index.html holds an inline script or style, which the content security policy forbids");
  }
}

export interface WebBuild {
  /** False when the last build was still right. */
  built: boolean;
  /** Gzipped scripts and styles of the heaviest first screen. */
  firstPageBytes: number;
  dist: string;
}

/** Builds if needed. Throws when the build fails or is too heavy; then no output is left that could be served. */
export async function buildWeb(options: { force?: boolean } = {}): Promise<WebBuild> {
  const digest = inputsDigest();
  const kept = existsSync(STAMP) ? readFileSync(STAMP, "utf8").split("\n") : [];
  if (!options.force && kept[0] === digest)
    return { built: false, firstPageBytes: Number(kept[1]), dist: DIST };

  rmSync(STAMP, { force: true });
  const { build } = await import("vite");
  const before = process.env["NODE_ENV"];
  // A test runner sets its own, with which React would be built for development.
  process.env["NODE_ENV"] = "production";
  try {
    await build({ configFile: join(WEB, "vite.config.ts"), mode: "production", logLevel: "warn" });
  } finally {
    if (before === undefined) delete process.env["NODE_ENV"];
    else process.env["NODE_ENV"] = before;
  }
  refuseInlineCode();

  const manifest = JSON.parse(readFileSync(join(DIST, ".vite/manifest.json"), "utf8")) as Record<
    string,
    ManifestEntry
  >;
  const entry = Object.keys(manifest).find((name) => manifest[name]?.isEntry);
  if (entry === undefined) throw new Error("the build made no entry");
  const firstPageBytes = Math.max(
    ...FIRST_SCREENS.map((screen) => gzippedBytes(filesFor(manifest, [entry, screen]))),
  );
  if (firstPageBytes > FIRST_PAGE_LIMIT) {
    throw new Error(
      `the first page weighs ${kilobytes(firstPageBytes)} gzipped, over the limit of ${kilobytes(FIRST_PAGE_LIMIT)}; load something later`,
    );
  }
  // The manifest served its purpose, and whatever stays in the folder is served.
  rmSync(join(DIST, ".vite"), { recursive: true });
  writeFileSync(STAMP, `${digest}\n${firstPageBytes}\n`);
  return { built: true, firstPageBytes, dist: DIST };
}

const kilobytes = (bytes: number): string => `${(bytes / 1000).toFixed(1)} kB`;

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const started = performance.now();
  try {
    const { built, firstPageBytes } = await buildWeb({ force: process.argv.includes("--force") });
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(
      `page ${built ? `built in ${seconds} s` : "is up to date"}; first page ${kilobytes(firstPageBytes)} gzipped`,
    );
  } catch (error) {
    console.error(`the page could not be built: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
