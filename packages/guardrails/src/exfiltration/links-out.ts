/**
 * Data that would leave by a link: an image is fetched by whoever shows it, so its address tells its host whatever was written into
 * it; a link does when somebody follows it.
 *
 * With `allowHosts`, links and images elsewhere are findings. Without it, those that carry what could be data: long values, values
 * that are encoded or random, a name of a host made of them. Only what goes out is looked at.
 */
import { DeputizeError } from "@deputize/core";
import type { Detector, Finding } from "../detector.ts";
import { linksOf } from "../personal/links.ts";

export interface ExfiltrationOptions {
  /** Hosts to which links and images may lead, without port; `*.example.com` is every host under it. Any host unless set. */
  readonly allowHosts?: readonly string[];
}

/** Bounded, and no part can take signs of the one before it: an answer full of beginnings costs no more than its length. An image in Markdown, by its address or as a whole, and in HTML; what else a page fetches by itself. */
const IMAGES = [
  /!\[[^\]\n]{0,200}\]\(\s{0,3}<?([^\s)>]{1,2048})(?:[>\s][^)\n]{0,200})?\)/g,
  /<(?:img|iframe|source|video|audio|embed|object|link|script|input|image)\b[^>]{0,400}?\s(?:src|href|data|srcset|poster)\s{0,3}=\s{0,3}["']?([^\s"'>]{1,2048})[^>]{0,400}>?/gi,
  /\burl\(\s{0,3}["']?([^\s"')]{1,2048})["']?\s{0,3}\)/gi,
] as const;
/** Values of a picture's own, such as its size. */
const PLAIN_VALUE = /^(?:[\d.x,-]{1,12}|[a-z-]{1,15}|)$/i;
const ENCODED =
  /^(?=.*\d)(?=.*[A-Za-z])[A-Za-z0-9+/_=-]{24,}$|^[0-9a-f]{24,}$|^(?:[A-Za-z]{1,40}[+_]|[^%]{0,40}%20){3,}/i;
/** Letters of both cases and digits, longer than the names that files are kept under. */
const MIXED = /^(?=.*\d)(?=.*[A-Z])(?=.*[a-z])[A-Za-z0-9+/_=-]{40,}$/;

/** Finds links and images that could carry data away: `EXFILTRATION_IMAGE`, `EXFILTRATION_LINK`. Throws `config_invalid`. */
export function exfiltrationDetector({ allowHosts }: ExfiltrationOptions = {}): Detector {
  const allowed = allowHosts?.map(hostRule);

  function suspicion(address: string, isImage: boolean): number {
    const url = URL.parse(address.startsWith("//") ? `https:${address}` : address);
    // Without a host of its own it leads to whoever shows it; `data:` leads nowhere.
    if (!url || url.protocol === "data:" || url.host === "") return 0;
    if (allowed) return allowed.some((may) => may(url.hostname)) ? 0 : 0.9;
    return carriesData(url, isImage) ? (isImage ? 0.9 : 0.8) : 0;
  }

  return {
    name: "exfiltration",
    scan(text, direction) {
      if (direction !== "output") return [];
      const found: Finding[] = [];
      for (const pattern of IMAGES) {
        for (const match of text.matchAll(pattern)) {
          const score = suspicion(match[1] ?? "", true);
          const [start, end] = [match.index, match.index + match[0].length];
          if (score > 0) found.push({ type: "EXFILTRATION_IMAGE", start, end, score });
        }
      }
      for (const { url, start, end } of linksOf(text)) {
        if (found.some((image) => image.start <= start && end <= image.end)) continue;
        const score = suspicion(url, false);
        if (score > 0) found.push({ type: "EXFILTRATION_LINK", start, end, score });
      }
      return found;
    },
  };
}

function carriesData(url: URL, isImage: boolean): boolean {
  const values = [...url.searchParams.values(), url.hash.slice(1)];
  const longest = isImage ? 40 : 120;
  if (values.some((value) => (!PLAIN_VALUE.test(value) && value.length > longest) || ENCODED.test(value)))
    return true;
  if (isImage && values.some((value) => /\s/.test(value.trim()) || value.includes("@"))) return true;
  if (url.search.length > (isImage ? 150 : 400)) return true;
  const parts = url.pathname.split("/").map((part) => decoded(part).replace(/\.\w{1,5}$/, ""));
  if (isImage && parts.some((part) => MIXED.test(part))) return true;
  if (parts.some((part) => part.length > (isImage ? 80 : 160) || /^(?=.*\d)[A-Za-z0-9+/_=]{64,}$/.test(part)))
    return true;
  // Data as names under a host that its owner answers for.
  return url.hostname
    .split(".")
    .some((label) => label.length > 40 || /^(?=.*\d)(?=.*[a-z])[a-z0-9]{28,}$/.test(label));
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function hostRule(rule: string): (host: string) => boolean {
  if (!/^(?:\*\.)?[a-z0-9.-]{1,253}$/.test(rule)) {
    throw new DeputizeError(
      "config_invalid",
      `\`${rule}\` is no host; write it like \`example.com\` or \`*.example.com\``,
    );
  }
  return rule.startsWith("*.") ? (host) => host.endsWith(rule.slice(1)) : (host) => host === rule;
}
