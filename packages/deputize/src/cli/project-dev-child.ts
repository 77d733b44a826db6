/** The process in which `deputize dev` serves a project. */
import { isDeputizeError } from "@deputize/core";
import { lendOwnCopy } from "./own-copy.ts";
import type { ProjectOrder, ServedProject } from "./project-dev.ts";
import { orderOfParent } from "./reload-child.ts";

const { order, tell, onEnd } = orderOfParent<ProjectOrder, ServedProject>();
lendOwnCopy();

try {
  // After the hooks, so that they see what the project imports.
  const { startProject } = await import("@deputize/server/agent-server");
  const { close, ...started } = await startProject(order);
  onEnd(() => void close().finally(() => process.exit(0)));
  tell({ listening: started });
} catch (error) {
  tell({
    failed: isDeputizeError(error) ? error.message : (String(error).split("\n", 1)[0] ?? "it does not start"),
  });
}
