#!/usr/bin/env node
// Plain JavaScript for Node >= 18: finds the pinned Node and runs the command there.
import { runOnPinnedNode } from "./pinned-node.mjs";

await runOnPinnedNode(new URL("../src/cli.ts", import.meta.url), process.argv.slice(2));
