/**
 * Holds the layers: a package imports packages above it, never below, and only packages that its own
 * package.json names. Examples import what a user installs.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { sourceFiles } from "./files.ts";

/** From the top down; a name may import only names before it. */
const ORDER = [
  "core",
  "store",
  "audit",
  "client",
  "authority",
  "guardrails",
  "mcp",
  "agent",
  "server",
  "deputize",
  "shop",
  "web",
];

/** The demo command shows the shop, so this one file looks down, at run time only. */
const EXCEPTIONS = new Set(["packages/deputize/src/commands/demo.ts → shop"]);

const IMPORT = /(?:from\s+|import\s*\(\s*|import\s+)["'](?:@deputize\/([a-z]+)|(deputize))(?:\/[^"']*)?["']/g;

/** One line for each import that points the wrong way or is not declared. */
export function checkLayers(root: string): string[] {
  const problems: string[] = [];
  const declared = new Map<string, Set<string>>();
  for (const file of sourceFiles(root, /^(packages|apps)\/[a-z]+\/.*\.(ts|tsx|mts)$/)) {
    const [group, own] = file.path.split("/") as [string, string];
    if (!declared.has(own)) {
      const manifest = JSON.parse(readFileSync(join(root, group, own, "package.json"), "utf8")) as Record<
        string,
        Record<string, string> | undefined
      >;
      declared.set(
        own,
        new Set([
          ...Object.keys(manifest["dependencies"] ?? {}),
          ...Object.keys(manifest["devDependencies"] ?? {}),
        ]),
      );
    }
    for (const match of file.text.matchAll(IMPORT)) {
      const target = match[1] ?? match[2] ?? "";
      const arrow = `${file.path} → ${target}`;
      if (target === own || EXCEPTIONS.has(arrow)) continue;
      const name = target === "deputize" ? "deputize" : `@deputize/${target}`;
      if (!ORDER.includes(target)) problems.push(`${arrow}: no such package`);
      else if (ORDER.indexOf(target) >= ORDER.indexOf(own))
        problems.push(`${arrow}: ${own} may not import ${target}, which is below it`);
      else if (!declared.get(own)?.has(name))
        problems.push(`${arrow}: ${name} is missing in ${group}/${own}/package.json`);
    }
  }
  // Newcomers copy the examples, and what they install is `deputize`.
  for (const file of sourceFiles(root, /^examples\/[^/]+\/main\.ts$/)) {
    for (const match of file.text.matchAll(IMPORT)) {
      if (match[1]) problems.push(`${file.path} → @deputize/${match[1]}: import it as deputize/${match[1]}`);
    }
  }
  return problems;
}
