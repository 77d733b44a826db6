// `npm test` and `npm run test:all`: installs what is missing, then runs the checks. Plain JavaScript for Node >= 18.
import { fileURLToPath } from "node:url";
import { findPinnedNode, runToItsEnd } from "../packages/deputize/bin/pinned-node.mjs";
import { installWhatIsMissing, root } from "./install.mjs";

if (!(await installWhatIsMissing((line) => console.log(line)))) process.exit(1);
const checks = fileURLToPath(new URL("./checks.ts", import.meta.url));
process.exit(await runToItsEnd(findPinnedNode(), [checks, ...process.argv.slice(2)], { cwd: root }));
