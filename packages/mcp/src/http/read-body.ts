/** Reads a request's body as text, bounded. */
import { readRequestBody } from "@modelcontextprotocol/server";

export type BodyRead = { readonly tooLarge: true } | { readonly tooLarge: false; readonly text: string };

/**
 * Reads at most `maxBytes`. A body whose host ends it at its declared length (RFC 9112 §6.3) is read in one piece, which costs
 * a tenth of what a web stream costs; one that comes in chunks or in another encoding is counted as it comes.
 */
export async function readBody(request: Request, maxBytes: number): Promise<BodyRead> {
  const { headers } = request;
  const declared = Number(headers.get("content-length") ?? Number.NaN);
  const bounded =
    declared <= maxBytes && !headers.has("transfer-encoding") && !headers.has("content-encoding");
  if (!bounded) return readRequestBody(request, maxBytes);
  const text = await request.text();
  return Buffer.byteLength(text) > maxBytes ? { tooLarge: true } : { tooLarge: false, text };
}
