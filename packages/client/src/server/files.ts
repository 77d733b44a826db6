/** Files that messages refer to. */
import { type Json, idOf, numberOf, record, textOf } from "./guards.ts";
import { type Answer, type ServerHttp, path } from "./http.ts";
import type { CallOptions } from "./threads.ts";

export interface FileInfo {
  readonly file_id: string;
  readonly filename: string | null;
  readonly mime_type: string;
  readonly size_bytes: number;
  /** The text of a document, where the server takes it out. */
  readonly extracted_text: string | null;
  readonly url: string | null;
}

export interface FileAccessUrl {
  readonly url: string;
  /** Seconds since 1970, or null when it does not end. */
  readonly expires_at: number | null;
}

export interface MultimodalConfig {
  readonly media_storage_type: string;
  readonly media_max_size_mb: number;
  readonly document_handling: string;
}

/** A file, or bytes with a name. */
export type Upload = Blob | { readonly data: Blob; readonly filename: string };

export interface FileCalls {
  uploadFile(file: Upload, options?: CallOptions): Promise<Answer<FileInfo>>;
  /** The bytes, as the type that the server found them to be. */
  getFile(fileId: string, options?: CallOptions): Promise<Blob>;
  getFileInfo(fileId: string, options?: CallOptions): Promise<Answer<FileInfo>>;
  getFileAccessUrl(fileId: string, options?: CallOptions): Promise<Answer<FileAccessUrl>>;
  /** What may be uploaded. */
  getMultimodalConfig(options?: CallOptions): Promise<Answer<MultimodalConfig>>;
}

function readFile(data: unknown): FileInfo {
  const value: Json = record(data, "file");
  return {
    file_id: idOf(value, "file_id"),
    filename: textOf(value["filename"]) ?? null,
    mime_type: textOf(value["mime_type"]) ?? "application/octet-stream",
    size_bytes: numberOf(value["size_bytes"]) ?? numberOf(value["size"]) ?? 0,
    extracted_text: textOf(value["extracted_text"]) ?? null,
    url: textOf(value["url"]) ?? null,
  };
}

export function fileCalls(http: ServerHttp): FileCalls {
  return {
    uploadFile: (file, options = {}) => {
      const body = new FormData();
      if (file instanceof Blob) body.append("file", file, file instanceof File ? file.name : "file");
      else body.append("file", file.data, file.filename);
      return http.call({ method: "POST", path: "/v1/files/upload", body, ...options }, readFile);
    },
    async getFile(id, options = {}) {
      const response = await http.open({
        method: "GET",
        path: path`/v1/files/${id}`,
        headers: { Accept: "*/*" },
        ...options,
      });
      return new Blob([await http.bytes(response)], { type: response.headers.get("content-type") ?? "" });
    },
    getFileInfo: (id, options = {}) =>
      http.call({ method: "GET", path: path`/v1/files/${id}/info`, ...options }, readFile),
    getFileAccessUrl: (id, options = {}) =>
      http.call({ method: "GET", path: path`/v1/files/${id}/url`, ...options }, (data) => {
        const value = record(data, "url");
        return { url: idOf(value, "url"), expires_at: numberOf(value["expires_at"]) ?? null };
      }),
    getMultimodalConfig: (options = {}) =>
      http.call({ method: "GET", path: "/v1/config/multimodal", ...options }, (data) => {
        const value = record(data, "limits");
        return {
          media_storage_type: textOf(value["media_storage_type"]) ?? "",
          media_max_size_mb:
            numberOf(value["media_max_size_mb"]) ?? (numberOf(value["max_size_bytes"]) ?? 0) / 1_048_576,
          document_handling: textOf(value["document_handling"]) ?? "",
        };
      }),
  };
}
