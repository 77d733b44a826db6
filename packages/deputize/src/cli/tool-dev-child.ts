/** The process in which `deputize tools dev` serves a file. */
import { isDeputizeError } from "@deputize/core";
import { orderOfParent } from "./reload-child.ts";
import type { DevOrder, Listening } from "./tool-dev.ts";

const { order, tell, onEnd } = orderOfParent<DevOrder, Listening>();

try {
  // After the hooks, so that they see what it imports.
  const { loadToolServer } = await import("./tool-file.ts");
  const server = await loadToolServer(order.file);
  const { url } = await server.listen({ port: order.port, host: order.host });
  onEnd(() => void server.close().finally(() => process.exit(0)));
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
