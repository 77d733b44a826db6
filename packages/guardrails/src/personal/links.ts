/** Addresses of pages: whole links, and hosts by themselves. A host with nothing behind it is a `DOMAIN_NAME`, else it is a `URL`. */
import tlds from "tlds/index.json" with { type: "json" };
import type { Finding } from "../detector.ts";

const TOP_LEVEL: ReadonlySet<string> = new Set(tlds);
/** Names of files end so as well, and words of programs. */
const FILE_ENDINGS = new Set(
  "py md sh rs pl ps cc so zip mov app java js ts tsx jsx json css html htm csv txt pdf doc docx xls xlsx png jpg jpeg gif svg mp mp3 mp4 name id is it in at to be no me us do my as am so st".split(
    " ",
  ),
);

const LINK = /(?<![\p{L}\p{N}@])(?:https?|ftp|wss?):\/\/[^\s<>"'`“”‘’{}|\\^[\]]{3,2048}/giu;
const HOST =
  /(?<![\p{L}\p{N}@._/=-])(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?\.){1,6}[\p{L}]{2,24}(?:\/[^\s<>"'`“”‘’{}|\\^[\]]*)?(?![\p{L}\p{N}@])/gu;

/** The links of a text, without what the sentence around them put behind. */
export function linksOf(
  text: string,
): { readonly url: string; readonly start: number; readonly end: number }[] {
  return [...text.matchAll(LINK)].map((match) => {
    const url = withoutSentence(match[0]);
    return { url, start: match.index, end: match.index + url.length };
  });
}

export function findLinks(text: string): Finding[] {
  const found: Finding[] = [];
  for (const { url, start, end } of linksOf(text)) {
    const host = /^[a-z]+:\/\/(?:[^/?#@]*@)?([^/?#:]*)/i.exec(url)?.[1] ?? "";
    if (!host.includes(".") && host !== "localhost" && !host.startsWith("[")) continue;
    const bare = /^[a-z]+:\/\/[^/?#]+\/?$/i.test(url);
    found.push({ type: bare ? "DOMAIN_NAME" : "URL", start, end, score: 0.95 });
  }
  for (const match of text.matchAll(HOST)) {
    const link = withoutSentence(match[0]);
    const [host = ""] = link.split("/");
    const ending = host.slice(host.lastIndexOf(".") + 1).toLowerCase();
    const isWww = /^www\./i.test(host);
    if (!TOP_LEVEL.has(ending) || (!isWww && FILE_ENDINGS.has(ending) && !link.includes("/"))) continue;
    // The end of a sentence and the beginning of the next, where a space was forgotten.
    if (!isWww && /\.\p{Lu}\p{Ll}+$/u.test(host)) continue;
    const [start, end] = [match.index, match.index + link.length];
    if (found.some((other) => other.start <= start && end <= other.end)) continue;
    found.push({ type: link === host ? "DOMAIN_NAME" : "URL", start, end, score: isWww ? 0.9 : 0.7 });
  }
  return found;
}

function withoutSentence(link: string): string {
  const cut = link.replace(/[.,;:!?*_~]+$/, "");
  // A closing bracket belongs to the sentence where none was opened.
  return cut.endsWith(")") && !cut.includes("(") ? withoutSentence(cut.slice(0, -1)) : cut;
}
