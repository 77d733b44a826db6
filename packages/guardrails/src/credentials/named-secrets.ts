/**
 * Values that are secret because of what they are called, and strings too random to be words: what no giver's form tells.
 */
import type { Finding } from "../detector.ts";

/** "my password is hunter2", `api_key = "…"`, `CLIENT_SECRET: …`. The value is the finding. */
const CALLED =
  /(?<=\b(?:\w{0,24}[_-])?(?:pass(?:word|wd|phrase|code)|pwd|secret|(?:api|access|private|secret|auth|encryption|signing|client)[ _-]?(?:key|token|secret)|token|credentials?|kennwort|passwort|mot de passe|contraseña|senha|mật khẩu|密码|パスワード)["']?(?:\s{0,3}(?::|=>?|\|)\s{0,3}|\s{1,3}(?:is|was|ist|est|es|è)\s{1,3}:?\s{0,2}))["'`]?([^\s"'`<>{}|,;]{3,256})/giu;
/** What a number is that opens something. */
const PIN =
  /(?<=\b(?:pin(?: code| number)?|passcode|access code|door code|one-time code|otp|2fa code|verification code)\s{0,2}(?::|=|\bis\b)\s{0,2})\d{4,8}(?!\d)/gi;
/** What stands in such a place and is no secret. */
const NO_SECRETS =
  /^(?:(?:a|an|the|my|your|our|this|that|not|no|none|null|undefined|true|false|required|invalid|incorrect|wrong|expired|missing|empty|too|very|reset|lost|stolen|safe|secure|being|set|stored|also|here|there|what|why|how|when|changed|updated|needed|used|await|new|must|should|can|may|add|string|password|secret|token|\[redacted\]|\[[A-Z_]+_\d+\]|redacted)[.!?)]*|[*•x.…_-]+|\$\{?[A-Za-z_][\w.]*\}?|%\w+%|<[^>]*>|process\.env\S*|[\w.]+\([^)]*\)?)$/i;
const LONG = /(?<![A-Za-z0-9+/=_.:@-])[A-Za-z0-9+/_-]{20,512}={0,2}(?![A-Za-z0-9+/_@-])/g;
const KEYISH = /(?:key|secret|token|credential|password|passwd|auth|bearer|signature|cookie|session)/i;
/** How far in front of a random string such a word may stand. */
const REACH = 40;

export function namedSecrets(text: string): Finding[] {
  const found: Finding[] = [];
  for (const match of text.matchAll(CALLED)) {
    const value = (match[1] ?? "").replace(/[.!?)\]]+$/, "");
    if (value.length < 3 || NO_SECRETS.test(value) || !isSecretish(match, value)) continue;
    const start = match.index + match[0].indexOf(match[1] ?? "");
    found.push({ type: "PASSWORD", start, end: start + value.length, score: 0.8 });
  }
  for (const match of text.matchAll(PIN))
    found.push({ type: "PIN_CODE", start: match.index, end: match.index + match[0].length, score: 0.8 });
  for (const match of text.matchAll(LONG)) {
    const [value] = match;
    if (!isRandom(value) || !KEYISH.test(text.slice(Math.max(0, match.index - REACH), match.index))) continue;
    found.push({
      type: "HIGH_ENTROPY_SECRET",
      start: match.index,
      end: match.index + value.length,
      score: 0.75,
    });
  }
  return found;
}

/** Behind "is" a plain word is a remark ("the token is gone"); behind `:` or `=` it may be the value. */
function isSecretish(match: RegExpExecArray, value: string): boolean {
  const before = match.input.slice(Math.max(0, match.index - 8), match.index);
  const spoken = /\b(?:is|was|ist|est|es|è)\s{1,3}:?\s{0,2}$/i.test(before);
  return spoken
    ? /[\d\p{P}\p{S}]/u.test(value) || /\p{Lu}.*\p{Ll}.*\p{Lu}/u.test(value)
    : !/^\w+ing$/.test(value);
}

/** Signs of several sorts, spread as chance spreads them. Shannon entropy in bits a sign. */
function isRandom(value: string): boolean {
  const sorts = [/[a-z]/, /[A-Z]/, /\d/].filter((sort) => sort.test(value)).length;
  const hex = /^[0-9a-f-]+$/i.test(value);
  if (!/\d/.test(value) || (!hex && sorts < 3)) return false;
  return entropy(value) >= (hex ? 3 : 3.8);
}

function entropy(value: string): number {
  const counts = new Map<string, number>();
  for (const sign of value) counts.set(sign, (counts.get(sign) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / value.length) * Math.log2(count / value.length);
  return bits;
}
