// Completes package-lock.json with the optional binaries of other platforms.
//
// Some registries hand npm a package's optional dependencies only for the platform that asks, npm
// then leaves the rest out of the lock, and `npm ci` refuses a lock that does not name them all.
// Run after each change of dependencies: node scripts/complete-lock.mjs
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";

const path = new URL("../package-lock.json", import.meta.url);
const lock = JSON.parse(readFileSync(path, "utf8"));
const packages = lock.packages;

/** What the registry says of a package, or undefined where it does not carry it. */
function describe(name, version) {
  try {
    const fields = ["dist.integrity", "os", "cpu", "libc", "license"];
    const found = JSON.parse(
      execFileSync("npm", ["view", `${name}@${version}`, ...fields, "--json"], {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      }),
    );
    return {
      integrity: found["dist.integrity"],
      ...(found.cpu && { cpu: [found.cpu].flat() }),
      ...(found.libc && { libc: [found.libc].flat() }),
      ...(found.license && { license: found.license }),
      ...(found.os && { os: [found.os].flat() }),
    };
  } catch {
    return undefined;
  }
}

/** Platform limits read from the usual `…-<os>-<cpu>` name, so that no other platform tries it. */
function platformOf(name) {
  const words = name.split(/[-/]/);
  const os = words.find((w) => /^(android|darwin|freebsd|linux|openharmony|win32)$/.test(w));
  const cpu = words.find((w) => /^(arm|arm64|x64|ia32|ppc64|riscv64|s390x)$/.test(w));
  if (!os || !cpu) throw new Error(`cannot tell the platform of ${name}`);
  return { cpu: [cpu], os: [os] };
}

let added = 0;
for (const [parent, entry] of Object.entries(packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const place = `node_modules/${name}`;
    if (packages[place] || packages[`${parent}/${place}`]) continue;
    packages[place] = {
      version,
      ...(describe(name, version) ?? platformOf(name)),
      ...(entry.dev && { dev: true }),
      optional: true,
    };
    added += 1;
  }
}
lock.packages = Object.fromEntries(Object.entries(packages).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`package-lock.json: ${added} optional packages added`);
