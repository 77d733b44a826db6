/**
 * Builds the agent server's playground into one page: packages/server/src/playground/page.html, which is kept with the sources, so that
 * whoever installs the server builds nothing.
 *
 * Guarantees: the same sources make the same page (a test compares); it fails when the page is heavy, or could not be inlined.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const PAGE = join(ROOT, "packages/server/src/playground/page.html");

/** Bytes after gzip. */
const LIMIT = 30_000;

/** The page. Throws when the build fails. */
export async function buildPlayground(): Promise<string> {
  const { build } = await import("vite");
  const before = process.env["NODE_ENV"];
  process.env["NODE_ENV"] = "production";
  let result;
  try {
    result = await build({
      configFile: false,
      logLevel: "silent",
      root: join(ROOT, "packages/server/playground"),
      mode: "production",
      build: {
        write: false,
        target: "es2024",
        cssTarget: ["chrome123", "firefox128", "safari17.5"],
        lib: { entry: "main.ts", formats: ["es"], fileName: "page" },
        minify: true,
        cssMinify: true,
      },
    });
  } finally {
    if (before === undefined) delete process.env["NODE_ENV"];
    else process.env["NODE_ENV"] = before;
  }
  const [output] = [result].flat();
  if (!output || !("output" in output)) throw new Error("vite made no page");
  let script = "";
  let style = "";
  for (const part of output.output) {
    if (part.type === "chunk") script += part.code;
    else if (part.fileName.endsWith(".css")) style += String(part.source);
  }
  if (script === "" || style === "") throw new Error("the page has no script or no style");
  if (/<\/(script|style)/i.test(script + style))
    throw new Error("the page's script or style would end early");
  const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>Playground</title>
<link rel="icon" href="data:,">
<style>${style.trim()}</style>
</head>
<body>
<noscript>The playground needs JavaScript. The API itself is documented at /docs.</noscript>
<script type="module">${script.trim()}</script>
</body>
</html>
`;
  const bytes = gzipSync(page, { level: 9 }).length;
  if (bytes > LIMIT)
    throw new Error(`the playground weighs ${bytes} bytes gzipped, over the limit of ${LIMIT}`);
  return page;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const page = await buildPlayground();
  writeFileSync(PAGE, page);
  console.log(`playground built: ${(gzipSync(page).length / 1000).toFixed(1)} kB gzipped`);
}
