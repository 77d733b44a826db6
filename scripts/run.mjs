// Runs one of our TypeScript files on the pinned Node: node scripts/run.mjs FILE [arguments]
import { pathToFileURL } from "node:url";
import { resolve } from "node:path";
import { runOnPinnedNode } from "../packages/deputize/bin/pinned-node.mjs";

const [file, ...args] = process.argv.slice(2);
if (!file) {
  console.error("usage: node scripts/run.mjs FILE [arguments]");
  process.exit(2);
}
await runOnPinnedNode(pathToFileURL(resolve(file)), args);
