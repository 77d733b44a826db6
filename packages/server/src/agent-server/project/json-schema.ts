/**
 * The JSON Schema of `deputize.json`, for editors: made from what checks it, so that the two cannot differ. Rules that span several
 * keys are checked at the start only.
 */
import { z } from "zod";
import { ProjectConfig } from "./project-config.ts";

/** As text, the way `deputize.schema.json` holds it. */
export function configSchemaText(): string {
  const schema = z.toJSONSchema(ProjectConfig, { io: "input" });
  return `${JSON.stringify({ ...schema, title: "deputize.json" }, null, 2)}\n`;
}

if (import.meta.main) {
  const { writeFileSync } = await import("node:fs");
  writeFileSync(new URL("../../../../deputize/deputize.schema.json", import.meta.url), configSchemaText());
}
