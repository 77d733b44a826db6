/**
 * The command's own copy of the packages, for an image: sources, migrations and a lock, without tests and without what only those need.
 *
 * Guarantees: an image runs what made it, and nothing of that name from a registry; third-party packages come by the lock, each with its
 * hash.
 */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DeputizeError } from "@deputize/core";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));
const LEFT_OUT =
  /(?:\/|^)(?:node_modules|README\.md|CHANGELOG\.md)(?:\/|$)|\.(?:test|bench)\.ts$|\.fixture\.ts$/;

interface Locked {
  readonly resolved?: string;
  readonly link?: boolean;
  readonly dev?: boolean;
  readonly devDependencies?: unknown;
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly devDependencies?: unknown;
  readonly [key: string]: unknown;
}

/** Writes it into `folder`, which is new. Throws `config_invalid` where this command was not installed with its lock. */
export function writeOwnCopy(folder: string): void {
  let manifest: Manifest;
  let lock: { readonly packages: Readonly<Record<string, Locked>>; readonly lockfileVersion: number };
  try {
    manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as Manifest;
    lock = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8")) as typeof lock;
  } catch (cause) {
    throw new DeputizeError(
      "config_invalid",
      "an image is built from a checkout of this command with its package-lock.json; there is none beside it",
      { cause },
    );
  }
  const root = {
    name: manifest.name,
    version: manifest.version,
    private: true,
    type: "module",
    workspaces: ["packages/*"],
  };
  const entries = Object.entries(lock.packages).filter(([path, { dev, resolved }]) => {
    const place = resolved !== undefined && !resolved.includes(":") ? resolved : path;
    return path !== "" && dev !== true && !place.startsWith("apps/");
  });
  const packages = Object.fromEntries(entries.map(([path, entry]) => [path, withoutDev(entry)]));
  mkdirSync(folder, { recursive: true });
  write(join(folder, "package.json"), root);
  const { type: _type, private: _private, ...locked } = root;
  write(join(folder, "package-lock.json"), {
    name: root.name,
    version: root.version,
    lockfileVersion: lock.lockfileVersion,
    requires: true,
    packages: { "": locked, ...packages },
  });
  for (const path of Object.keys(packages).filter((one) => /^packages\/[a-z]+$/.test(one))) {
    cpSync(join(ROOT, path), join(folder, path), {
      recursive: true,
      filter: (source) => !LEFT_OUT.test(source.slice(ROOT.length).replaceAll("\\", "/")),
    });
    write(
      join(folder, path, "package.json"),
      withoutDev(JSON.parse(readFileSync(join(ROOT, path, "package.json"), "utf8")) as Manifest),
    );
  }
}

function withoutDev<T extends { readonly devDependencies?: unknown }>({ devDependencies: _dev, ...rest }: T) {
  return rest;
}

function write(file: string, value: unknown): void {
  writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`);
}
