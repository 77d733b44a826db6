/**
 * The process in which `deputize tools dev` serves a file: started anew for each change, so that nothing of the old code stays.
 * Tells its parent which files were loaded, where it listens, or why it cannot.
 */
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";
import { isDeputizeError } from "@deputize/core";
import type { DevMessage, DevOrder } from "./tool-dev.ts";

const order = JSON.parse(process.argv[2] ?? "{}") as DevOrder;
const tell = (message: DevMessage): void => void process.send?.(message);

function seen(url: string): void {
  if (url.startsWith("file:") && !url.includes("/node_modules/")) tell({ loaded: fileURLToPath(url) });
}

registerHooks({
  resolve: (specifier, context, next) => {
    try {
      return next(specifier, context);
    } catch (error) {
      // A file that is missing may be what is saved next.
      if (/^[./]/.test(specifier) && context.parentURL) seen(new URL(specifier, context.parentURL).href);
      throw error;
    }
  },
  load: (url, context, next) => {
    seen(url);
    return next(url, context);
  },
});

let end = (): void => process.exit(0);
process.on("disconnect", () => end());
process.on("SIGTERM", () => end());
// The terminal tells both; the parent decides.
process.on("SIGINT", () => {});

try {
  // After the hooks, so that they see what it imports.
  const { loadToolServer } = await import("./tool-file.ts");
  const server = await loadToolServer(order.file);
  const { url } = await server.listen({ port: order.port, host: order.host });
  end = () => void server.close().finally(() => process.exit(0));
  const token = order.token && (await server.devToken(order.token));
  tell({ listening: { url, name: server.name, tools: server.explain(), ...(token && { token }) } });
} catch (error) {
  const taken = (error as NodeJS.ErrnoException).code === "EADDRINUSE";
  const why = taken
    ? `port ${order.port} is taken; name another with --port`
    : isDeputizeError(error)
      ? error.message
      : String(error).split("\n", 1)[0];
  tell({ failed: why ?? "it does not start" });
}
