/**
 * base64url without padding (RFC 4648 §5), the same on Node, in browsers and at the edge.
 *
 * Guarantees: one sequence of bytes is one text. Padding, white space, another alphabet and left-over bits are refused.
 */

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const NO_DIGIT = 255;
const VALUE = new Uint8Array(256).fill(NO_DIGIT);
for (let i = 0; i < ALPHABET.length; i += 1) VALUE[ALPHABET.charCodeAt(i)] = i;

/** Six bits of the digit at `i`, or more than 63 when there is none. */
function digit(text: string, i: number): number {
  const code = text.charCodeAt(i);
  return code < 256 ? (VALUE[code] ?? NO_DIGIT) : NO_DIGIT;
}

/** The bytes, or undefined when the text is not the one spelling of any. */
export function decodeBase64url(text: string): Uint8Array<ArrayBuffer> | undefined {
  const rest = text.length % 4;
  if (rest === 1) return undefined;
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4));
  const whole = text.length - rest;
  let at = 0;
  for (let i = 0; i < whole; i += 4) {
    const a = digit(text, i);
    const b = digit(text, i + 1);
    const c = digit(text, i + 2);
    const d = digit(text, i + 3);
    if ((a | b | c | d) > 63) return undefined;
    bytes[at] = (a << 2) | (b >> 4);
    bytes[at + 1] = (b << 4) | (c >> 2);
    bytes[at + 2] = (c << 6) | d;
    at += 3;
  }
  if (rest === 0) return bytes;
  const a = digit(text, whole);
  const b = digit(text, whole + 1);
  const c = rest === 3 ? digit(text, whole + 2) : 0;
  // Bits that no byte takes must be zero, or a second text would mean the same bytes.
  if ((a | b | c) > 63 || (rest === 2 ? b & 15 : c & 3) !== 0) return undefined;
  bytes[at] = (a << 2) | (b >> 4);
  if (rest === 3) bytes[at + 1] = (b << 4) | (c >> 2);
  return bytes;
}

export function encodeBase64url(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 3) {
    const [a = 0, b = 0, c = 0] = [bytes[i], bytes[i + 1], bytes[i + 2]];
    const group = (a << 16) | (b << 8) | c;
    const digits = Math.min(4, bytes.length - i + 1);
    for (let digit = 0; digit < digits; digit += 1) text += ALPHABET[(group >> (18 - 6 * digit)) & 63];
  }
  return text;
}
