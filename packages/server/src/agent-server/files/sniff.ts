/**
 * What a file is, by its bytes; what a client says of it counts for nothing.
 *
 * Guarantees: only kinds that no browser runs are named; everything else, HTML, SVG and XML among it, is bytes [AF-D11].
 */

interface Signature {
  readonly type: string;
  readonly at: number;
  readonly bytes: string;
  readonly also?: { readonly at: number; readonly bytes: string };
}

const SIGNATURES: readonly Signature[] = [
  { type: "image/png", at: 0, bytes: "\x89PNG\r\n\x1a\n" },
  { type: "image/jpeg", at: 0, bytes: "\xff\xd8\xff" },
  { type: "image/gif", at: 0, bytes: "GIF87a" },
  { type: "image/gif", at: 0, bytes: "GIF89a" },
  { type: "image/webp", at: 0, bytes: "RIFF", also: { at: 8, bytes: "WEBP" } },
  { type: "audio/wav", at: 0, bytes: "RIFF", also: { at: 8, bytes: "WAVE" } },
  { type: "application/pdf", at: 0, bytes: "%PDF-" },
  { type: "audio/mpeg", at: 0, bytes: "ID3" },
  { type: "audio/ogg", at: 0, bytes: "OggS" },
  { type: "audio/flac", at: 0, bytes: "fLaC" },
  { type: "video/mp4", at: 4, bytes: "ftyp" },
  { type: "video/webm", at: 0, bytes: "\x1aE\xdf\xa3" },
  { type: "application/zip", at: 0, bytes: "PK\x03\x04" },
];

export const BYTES = "application/octet-stream";
export const TEXT = "text/plain";

/** Every kind that is told. */
export const KNOWN_TYPES: readonly string[] = [...new Set(SIGNATURES.map(({ type }) => type)), TEXT, BYTES];

const decoder = new TextDecoder("utf-8", { fatal: true });
/** Something that a browser would take for a document, were it told to guess. */
const MARKUP = /^[\s\uFEFF]*<(!doctype|\?xml|[a-z!/])/i;

/** The text of a file that is nothing but text. */
export function textOf(bytes: Uint8Array): string | undefined {
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    return undefined;
  }
  // Control characters other than of layout are in no text.
  return /[^\P{Cc}\t\n\v\f\r]/u.test(text) ? undefined : text;
}

export function typeOf(bytes: Uint8Array): string {
  const head = Buffer.from(bytes.subarray(0, 32)).toString("latin1");
  const holds = ({ at, bytes: wanted }: { readonly at: number; readonly bytes: string }): boolean =>
    head.startsWith(wanted, at);
  const found = SIGNATURES.find((one) => holds(one) && (!one.also || holds(one.also)));
  if (found) return found.type;
  const text = textOf(bytes);
  return text === undefined || MARKUP.test(text) ? BYTES : TEXT;
}
