/**
 * How the page is built: static files with hashed names, no inline script or style, so that the strict
 * content security policy of the server (`script-src 'self'; style-src 'self'`) holds without exceptions.
 */
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { type Plugin, defineConfig } from "vite";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const api = process.env["DEPUTIZE_WEB_PROXY"] ?? "http://localhost:3000";

/** Starts the download of the one font file that every page needs, so that text settles early. */
function preloadFont(): Plugin {
  return {
    name: "preload-font",
    transformIndexHtml: {
      order: "post",
      handler(_html, { bundle }) {
        const font = Object.keys(bundle ?? {}).find((name) => /inter-latin-wght-normal.*\.woff2$/.test(name));
        if (font === undefined) return [];
        const attrs = { rel: "preload", href: `/${font}`, as: "font", type: "font/woff2", crossorigin: "" };
        return [{ tag: "link", attrs, injectTo: "head" }];
      },
    },
  };
}

export default defineConfig({
  root: here("."),
  plugins: [react(), preloadFont()],
  resolve: {
    alias: [
      // The original RemoveScroll adds <style> elements while running, which the policy forbids.
      {
        find: "react-remove-scroll",
        replacement: fileURLToPath(new URL("./src/ui/scroll-lock.tsx", import.meta.url)),
      },
    ],
  },
  build: {
    outDir: here("./dist"),
    emptyOutDir: true,
    target: "es2024",
    cssTarget: ["chrome123", "firefox128", "safari17.5"],
    assetsInlineLimit: 0,
    manifest: true,
    sourcemap: false,
    rolldownOptions: {
      onwarn(warning, warn) {
        if (warning.code !== "MODULE_LEVEL_DIRECTIVE") warn(warning);
      },
    },
  },
  server: {
    port: 5173,
    proxy: Object.fromEntries(
      ["/api", "/art", "/docs", "/openapi.json", "/health"].map((path) => [
        path,
        { target: api, changeOrigin: false },
      ]),
    ),
  },
});
