// `npm start`: says what it does, installs what is missing, and serves the shop. Plain JavaScript for Node >= 18.
import { findPinnedNode, runToItsEnd } from "../packages/deputize/bin/pinned-node.mjs";
import { fileURLToPath } from "node:url";
import { installWhatIsMissing, root } from "./install.mjs";

const HELP = `Usage: npm start -- [options]

Installs what is missing, then serves the shop and its agents from one process:
no key, no server and no Docker needed.

  --port N     the port to serve on (3000, or PORT)
  --host H     the address to bind (127.0.0.1)
  --data DIR   where the database and the secrets live (./data)
  --reset      delete the data folder first; asks unless --yes is given
  --yes        do not ask
  --help       this text

Settings: DATABASE_URL, REDIS_URL, DEPUTIZE_MODEL (see docs/settings.md).`;

const args = process.argv.slice(2);
if (args.includes("--help") || args.includes("-h")) {
  console.log(HELP);
  process.exit(0);
}
console.log(
  "Deputize: getting the shop ready. First start installs, makes secrets, migrates, seeds and builds the page.",
);
if (!(await installWhatIsMissing((line) => console.log(`  ${line}`)))) process.exit(1);
const serve = fileURLToPath(new URL("./serve.ts", import.meta.url));
process.exit(await runToItsEnd(findPinnedNode(), [serve, ...args], { cwd: root }));
