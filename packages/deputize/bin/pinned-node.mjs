// Plain JavaScript for Node >= 18. Our code is TypeScript that Node runs by type stripping, which needs
// Node >= 22.18; where the machine's own is older, the pinned one from the npm package `node` takes over.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const NEEDED = [22, 18];

/** True when this very process can run our TypeScript. */
function isRecent() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  return major > NEEDED[0] || (major === NEEDED[0] && minor >= NEEDED[1]);
}

/** The nearest installed pinned Node, looked for from this file upwards, or undefined. */
export function findPinnedNode() {
  const name = process.platform === "win32" ? "node.exe" : "node";
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const found = join(folder, "node_modules", "node", "bin", name);
    if (existsSync(found)) return found;
    if (folder === dirname(folder)) return undefined;
  }
}

/** Runs a program, hands it our signals, and ends with its exit code. */
export function runToItsEnd(program, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: "inherit", ...options });
    const forward = (signal) => child.kill(signal);
    process.on("SIGINT", forward);
    process.on("SIGTERM", forward);
    child.on("error", (error) => {
      console.error(`deputize: ${program} does not start (${error.code ?? error.message})`);
      resolve(1);
    });
    child.on("exit", (code, signal) => resolve(code ?? (signal === "SIGINT" ? 130 : 143)));
  });
}

/** Runs the TypeScript file `script` (a file URL) with `args` on a Node that can, and exits with its code. */
export async function runOnPinnedNode(script, args) {
  const file = fileURLToPath(script);
  if (isRecent()) {
    process.argv = [process.argv[0], file, ...args];
    await import(pathToFileURL(file).href);
    return;
  }
  const node = findPinnedNode();
  if (!node) {
    console.error(
      `deputize: Node ${process.versions.node} is too old (${NEEDED.join(".")} is needed); run \`npm ci\`, which brings one`,
    );
    process.exit(1);
  }
  process.exit(await runToItsEnd(node, [file, ...args]));
}
