/**
 * The built page: files from one folder, with the headers that keep it to itself.
 *
 * Guarantees: only files that were in the folder at start are served, looked up in a map, so no path can leave it.
 * Scripts run only from our own files or when their hash is in the policy; nothing may frame the page, and it may
 * load from and talk to nobody else (SH-D10). Addresses of the API are never answered with the page.
 * Attack answered: injected script, clickjacking, path traversal.
 */
import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { extname, join, relative, sep } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import type { MiddlewareHandler } from "hono";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".json": "application/json",
  ".webmanifest": "application/manifest+json",
  ".woff2": "font/woff2",
  ".png": "image/png",
  ".jpg": "image/jpeg",
  ".webp": "image/webp",
  ".ico": "image/x-icon",
  ".txt": "text/plain; charset=utf-8",
};
const COMPRESSIBLE = /^(text\/|image\/svg|application\/(json|manifest))/;

/** Paths that are never the page's. */
const API = /^\/(api|agents|mcp|oauth|auth|authority|\.well-known|health|docs|openapi\.json)(\/|$)/;

/** On every answer, whatever it is. HSTS only where the public address is https. */
export function securityHeaders(publicUrl: string): MiddlewareHandler {
  const secure = publicUrl.startsWith("https://");
  return async function securityHeaders(c, next) {
    await next();
    const set = (name: string, value: string): void => {
      if (!c.res.headers.has(name)) c.res.headers.set(name, value);
    };
    set("X-Content-Type-Options", "nosniff");
    set("X-Frame-Options", "DENY");
    set("Referrer-Policy", "same-origin");
    set("Cross-Origin-Opener-Policy", "same-origin");
    set("Cross-Origin-Resource-Policy", "same-origin");
    set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=()");
    set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'");
    if (secure) set("Strict-Transport-Security", "max-age=31536000; includeSubDomains");
  };
}

/** The policy of a page: own files, and inline scripts and styles by their hash. */
export function pagePolicy(html: string): string {
  const hashes = (tag: "script" | "style"): string =>
    [...html.matchAll(new RegExp(`<${tag}(?![^>]*\\ssrc=)[^>]*>([\\s\\S]*?)</${tag}>`, "g"))]
      .map(
        ([, body]) =>
          ` 'sha256-${createHash("sha256")
            .update(body ?? "")
            .digest("base64")}'`,
      )
      .join("");
  return [
    "default-src 'none'",
    `script-src 'self'${hashes("script")}`,
    `style-src 'self'${hashes("style")}`,
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "manifest-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}

interface PageFile {
  readonly body: Buffer<ArrayBuffer>;
  readonly type: string;
  readonly etag: string;
  readonly immutable: boolean;
  readonly encoded: Map<string, Buffer<ArrayBuffer>>;
}

/** Reads the folder once. An absent one gives no files. */
function readFolder(root: string): Map<string, PageFile> {
  let entries: { parentPath: string; name: string; isFile(): boolean }[];
  try {
    entries = readdirSync(root, { recursive: true, withFileTypes: true });
  } catch {
    return new Map();
  }
  return new Map(
    entries
      .filter((entry) => entry.isFile() && TYPES[extname(entry.name)] !== undefined)
      .map((entry) => {
        const file = join(entry.parentPath, entry.name);
        const body = readFileSync(file);
        const path = `/${relative(root, file).split(sep).join("/")}`;
        return [
          path,
          {
            body,
            type: TYPES[extname(entry.name)] ?? "application/octet-stream",
            etag: `"${createHash("sha256").update(body).digest("base64url").slice(0, 27)}"`,
            // The bundler puts a digest of the content into these names.
            immutable: path.startsWith("/assets/"),
            encoded: new Map(),
          },
        ];
      }),
  );
}

function encode(file: PageFile, accepted: string): { body: Buffer<ArrayBuffer>; encoding?: "br" | "gzip" } {
  if (!COMPRESSIBLE.test(file.type) || file.body.length < 1024) return { body: file.body };
  const encoding = /\bbr\b/.test(accepted) ? "br" : /\bgzip\b/.test(accepted) ? "gzip" : undefined;
  if (!encoding) return { body: file.body };
  let body = file.encoded.get(encoding);
  if (!body) {
    body =
      encoding === "br"
        ? brotliCompressSync(file.body, { params: { [constants.BROTLI_PARAM_QUALITY]: 6 } })
        : gzipSync(file.body);
    file.encoded.set(encoding, body);
  }
  return { body, encoding };
}

const NOT_BUILT = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Deputize</title>
<p>The page is not built. Run <code>npm run build:web</code> and start again. The API is described at <a href="/docs">/docs</a>.</p></html>`;

/** Answers GETs of the page and its files; all else goes on to the API. */
export function staticFiles(root: string | undefined): MiddlewareHandler {
  const files = root === undefined ? new Map<string, PageFile>() : readFolder(root);
  const index = files.get("/index.html");
  const policy = pagePolicy(index?.body.toString("utf8") ?? NOT_BUILT);
  return async function staticFiles(c, next) {
    const { path, method } = c.req;
    if ((method !== "GET" && method !== "HEAD") || API.test(path)) return next();
    const named = path === "/" ? index : files.get(path);
    const isPage = extname(path) === "" && (c.req.header("accept") ?? "").includes("text/html");
    const file = named ?? (isPage ? index : undefined);
    if (!file) {
      if (path !== "/" || index) return next();
      return c.html(NOT_BUILT, 200, { "Content-Security-Policy": policy });
    }
    const headers = new Headers({
      "Content-Type": file.type,
      ETag: file.etag,
      "Cache-Control": file.immutable ? "public, max-age=31536000, immutable" : "no-cache",
      Vary: "Accept-Encoding",
      "Content-Security-Policy":
        file === index ? policy : "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    });
    if (c.req.header("if-none-match") === file.etag) return new Response(null, { status: 304, headers });
    const { body, encoding } = encode(file, c.req.header("accept-encoding") ?? "");
    if (encoding) headers.set("Content-Encoding", encoding);
    return new Response(method === "HEAD" ? null : body, { headers });
  };
}
