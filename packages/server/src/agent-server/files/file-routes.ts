/**
 * Files: uploaded, listed, downloaded, removed, by their owner.
 *
 * Guarantees: what is downloaded is saved and not shown: always an attachment, of the kind that its bytes are, in a sandbox, never
 * guessed at [AF-D11]. One bound holds for the request and for the file in it [AF-D13].
 */
import { DeputizeError } from "@deputize/core";
import { z } from "zod";
import { ApiError } from "../errors.ts";
import { type AgentRoute, route } from "../route.ts";
import type { FileInfo, FileStore } from "./file-store.ts";
import { KNOWN_TYPES, TEXT, textOf, typeOf } from "./sniff.ts";

export interface FileRoutesOptions {
  readonly files: FileStore;
  /** Of one file. 10 MiB unless set. */
  readonly maxBytes?: number;
}

export const FILE_BYTES = 10 * 1_048_576;
/** Beside the file: boundaries, names, headers. */
const FORM_BYTES = 16_384;
const TEXT_CHARS = 20_000;
const GROUP = "Files";

const FilePath = z.strictObject({ id: z.string().min(1).max(128) });
const FileView = z.object({
  file_id: z.string(),
  filename: z.string(),
  mime_type: z.string(),
  size: z.number(),
  created_at: z.string(),
  url: z.string(),
});

const fileView = ({ id, name, type, size, created }: FileInfo) => ({
  file_id: id,
  filename: name,
  mime_type: type,
  size,
  created_at: created,
  url: `/v1/files/${id}`,
});

/** A name that no file system and no header takes for anything else. */
export function safeName(name: string): string {
  const last = name.split(/[/\\]/).at(-1) ?? "";
  const clean = last
    .toWellFormed()
    .replaceAll(/[\p{Cc}\p{Bidi_Control}"<>|:*?;%]/gu, "_")
    .replace(/^\.+/, "")
    .trim();
  return clean.slice(0, 200) || "file";
}

export function fileRoutes({ files, maxBytes = FILE_BYTES }: FileRoutesOptions): readonly AgentRoute[] {
  return [
    route({
      method: "POST",
      path: "/v1/files/upload",
      group: GROUP,
      summary: "Keeps a file: the part `file` of a form. What it is, is read from its bytes.",
      scope: "files:upload",
      upload: { types: ["multipart/form-data"] },
      maxBytes: maxBytes + FORM_BYTES,
      status: 201,
      answer: FileView.extend({ text: z.string().optional() }),
      handler: async ({ caller, request, upload }) => {
        const { name, bytes } = await fileOf(await upload(), request.headers.get("content-type") ?? "");
        if (bytes.length > maxBytes)
          throw new DeputizeError("payload_too_large", `a file may hold ${maxBytes} bytes`);
        const type = typeOf(bytes);
        const text = type === TEXT ? textOf(bytes)?.slice(0, TEXT_CHARS).toWellFormed() : undefined;
        const info = await files.add(caller, { name: safeName(name), type, bytes });
        return { ...fileView(info), ...(text !== undefined && { text }) };
      },
    }),
    route({
      method: "GET",
      path: "/v1/files",
      group: GROUP,
      summary: "Your newest files.",
      scope: "files:read",
      answer: z.object({ files: z.array(FileView) }),
      handler: async ({ caller }) => ({ files: (await files.list(caller)).map(fileView) }),
    }),
    route({
      method: "GET",
      path: "/v1/files/{id}",
      group: GROUP,
      summary: "The file, to be saved.",
      scope: "files:read",
      params: FilePath,
      type: "application/octet-stream",
      handler: async ({ caller, params }) => {
        const { name, type, size, bytes } = await files.read(caller, params.id);
        const plain = name.replaceAll(/[^\x20-\x7E]/g, "_");
        return new Response(Buffer.from(bytes), {
          headers: {
            "Content-Type": type === TEXT ? `${TEXT}; charset=utf-8` : type,
            "Content-Length": String(size),
            "Content-Disposition": `attachment; filename="${plain}"; filename*=UTF-8''${encodeURIComponent(name).replaceAll("'", "%27")}`,
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cache-Control": "private, no-store",
          },
        });
      },
    }),
    route({
      method: "GET",
      path: "/v1/files/{id}/info",
      group: GROUP,
      summary: "What a file is.",
      scope: "files:read",
      params: FilePath,
      answer: FileView,
      handler: async ({ caller, params }) => fileView(await files.info(caller, params.id)),
    }),
    route({
      method: "GET",
      path: "/v1/files/{id}/url",
      group: GROUP,
      summary:
        "Where the file is downloaded, with the credential of its owner; no address opens it by itself.",
      scope: "files:read",
      params: FilePath,
      answer: z.object({ file_id: z.string(), url: z.string() }),
      handler: async ({ caller, params }) => {
        const { file_id, url } = fileView(await files.info(caller, params.id));
        return { file_id, url };
      },
    }),
    route({
      method: "DELETE",
      path: "/v1/files/{id}",
      group: GROUP,
      summary: "Removes a file.",
      scope: "files:delete",
      params: FilePath,
      answer: z.object({ file_id: z.string(), deleted: z.literal(true) }),
      handler: async ({ caller, params }) => {
        await files.delete(caller, params.id);
        return { file_id: params.id, deleted: true };
      },
    }),
    route({
      method: "GET",
      path: "/v1/config/multimodal",
      group: GROUP,
      summary: "What may be uploaded.",
      scope: "config:read",
      answer: z.object({ max_size_bytes: z.number(), mime_types: z.array(z.string()) }),
      handler: async () => ({ max_size_bytes: maxBytes, mime_types: KNOWN_TYPES }),
    }),
  ];
}

/** The part `file` of a form, and no other. Throws `invalid_request`. */
async function fileOf(
  form: Uint8Array,
  type: string,
): Promise<{ readonly name: string; readonly bytes: Uint8Array }> {
  let data: FormData;
  try {
    data = await new Response(Buffer.from(form), { headers: { "content-type": type } }).formData();
  } catch {
    throw new DeputizeError("invalid_request", "the form cannot be read");
  }
  const parts = data.getAll("file");
  const [file] = parts;
  if (parts.length !== 1 || !(file instanceof File))
    throw new ApiError("UNSUPPORTED_MEDIA_TYPE", "invalid_request", "send one file, as the part `file`");
  return { name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) };
}
