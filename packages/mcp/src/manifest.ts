/**
 * `manifest: true`: the resource `deputize://manifest`, which tells a caller what it may do on this server, and what of that
 * may have to wait for a person.
 *
 * Guarantees: made for each caller by the guards themselves, so it names nothing that its lists would not; read like any
 * resource, with one audit entry. Does not: grant anything, or say why something is missing.
 */
import { type Asker, type Catalogue, visible } from "./admission.ts";
import { type Definition, mayAsk } from "./definition.ts";
import { publicTool } from "./guards.ts";
import type { ResourceContent, ResourceOptions } from "./options.ts";

/** What the manifest says of one thing. */
export interface ManifestEntry {
  readonly name: string;
  readonly title?: string;
  readonly description: string;
  readonly tags?: readonly string[];
  readonly effect: Definition["effect"];
  /** Whether a call may have to wait for a person's yes. */
  readonly may_wait_for_approval: boolean;
  /** Of a resource: its address, or the template of it. */
  readonly uri?: string;
}

export const MANIFEST: ResourceOptions = {
  uri: "deputize://manifest",
  title: "Manifest",
  description: "What you may use on this server, with effects, and what may have to wait for approval",
  mimeType: "application/json",
  guards: [publicTool()],
  reads: "own",
};

/** What `asker` may use, the manifest itself apart. */
export async function manifestOf(
  server: { readonly name: string; readonly version: string },
  catalogue: Catalogue,
  asker: Asker,
): Promise<ResourceContent> {
  const may = await visible(catalogue.all(), asker);
  const listed = (kind: Definition["kind"]): ManifestEntry[] =>
    may.filter((one) => one.kind === kind && one.resource?.uri !== MANIFEST.uri).map(entryOf);
  return {
    text: JSON.stringify({
      server,
      tools: listed("tool"),
      resources: listed("resource"),
      prompts: listed("prompt"),
    }),
  };
}

function entryOf(definition: Definition): ManifestEntry {
  const { name, title, description, tags, effect, resource } = definition;
  return {
    name,
    ...(title !== undefined && { title }),
    description,
    ...(tags.length > 0 && { tags }),
    effect,
    may_wait_for_approval: mayAsk(definition),
    ...(resource && { uri: resource.uri }),
  };
}
