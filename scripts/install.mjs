// Installs what is missing, once: plain JavaScript for Node >= 18, used by `npm start` and `npm test`.
import { createHash } from "node:crypto";
import { spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { findPinnedNode } from "../packages/deputize/bin/pinned-node.mjs";

export const root = fileURLToPath(new URL("..", import.meta.url));
const stamp = new URL("../node_modules/.deputize-installed", import.meta.url);

function lockDigest() {
  return createHash("sha256")
    .update(readFileSync(new URL("../package-lock.json", import.meta.url)))
    .digest("hex");
}

function isInstalled() {
  if (findPinnedNode() === undefined) return false;
  if (existsSync(stamp)) return readFileSync(stamp, "utf8") === lockDigest();
  // Somebody ran npm themselves: npm's own record of what it installed is newer or absent.
  return existsSync(new URL("../node_modules/.package-lock.json", import.meta.url));
}

/** Runs `npm ci` when the lock asks for it. Returns false, having said why, when that failed. */
export async function installWhatIsMissing(say) {
  if (isInstalled()) return true;
  say("installing, about 500 MB, once (npm ci) …");
  const started = Date.now();
  const { code, text } = await new Promise((resolve) => {
    const npm = spawn("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
      shell: process.platform === "win32",
    });
    let text = "";
    const keep = (chunk) => (text = (text + chunk).slice(-8000));
    npm.stdout.on("data", keep);
    npm.stderr.on("data", keep);
    const beat = setInterval(
      () => say(`still installing, ${Math.round((Date.now() - started) / 1000)} s …`),
      15_000,
    );
    const stop = (signal) => npm.kill(signal);
    process.once("SIGINT", stop);
    process.once("SIGTERM", stop);
    const end = (code) => {
      clearInterval(beat);
      process.off("SIGINT", stop);
      process.off("SIGTERM", stop);
      resolve({ code, text });
    };
    npm.on("error", () => end(127));
    npm.on("exit", (code) => end(code ?? 130));
  });
  if (code === 0) {
    writeFileSync(stamp, lockDigest());
    say(`installed in ${((Date.now() - started) / 1000).toFixed(1)} s`);
    return true;
  }
  say(`installing failed: ${reason(code, text)}`);
  return false;
}

function reason(code, text) {
  if (code === 127) return "npm is not on the PATH; install Node.js with npm and run this again";
  if (code === 130) return "interrupted; run this again to go on";
  if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH|ERR_SOCKET_TIMEOUT/.test(text)) {
    return "the npm registry cannot be reached; connect to a network (or set npm's proxy) and run this again";
  }
  if (/ENOSPC/.test(text)) return "the disk is full; free about 1 GB and run this again";
  if (/EACCES|EPERM/.test(text))
    return `${root} is not writable for you; change its owner and run this again`;
  const line = text.split("\n").find((l) => l.includes("npm error")) ?? text.trim().split("\n").at(-1) ?? "";
  return `${line.replace("npm error", "").trim() || `npm ended with code ${code}`}; \`npm ci\` shows all of it`;
}
