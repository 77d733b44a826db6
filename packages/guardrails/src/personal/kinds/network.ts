/** Addresses of machines, devices and pages. Addresses of pages are found by `links.ts`. */
import { isAddress4, isImei, luhn } from "../checks.ts";
import { type PersonalKind, kind } from "../kind.ts";

const HEX4 = "[0-9a-fA-F]{1,4}";

export const NETWORK: readonly PersonalKind[] = [
  kind(
    "network",
    "IP_ADDRESS",
    String.raw`(?<!\d\.)\d{1,3}(?:\.\d{1,3}){3}(?:/(?:3[0-2]|[12]?\d)(?!\d))?(?!\.\d)`,
    {
      check: (text) => isAddress4(text.replace(/\/.*/, "")),
      alone: true,
      context: ["ip", "address", "host", "server"],
    },
  ),
  kind(
    "network",
    "IP_ADDRESS",
    `(?:${HEX4}:){7}${HEX4}|(?:${HEX4}:){1,6}(?::${HEX4}){1,6}|(?:${HEX4}:){2,7}:`,
    { check: (text) => text.split(":").length <= 8 && /\d/.test(text), alone: true, context: ["ip", "ipv6"] },
  ),
  kind(
    "network",
    "MAC_ADDRESS",
    "(?:[0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}|(?:[0-9a-fA-F]{4}\\.){2}[0-9a-fA-F]{4}",
    {
      alone: true,
      context: ["mac"],
    },
  ),
  kind("network", "IMEI_NUMBER", String.raw`\d{2}[ -]?\d{6}[ -]?\d{6}[ -]?\d`, {
    check: isImei,
    context: ["imei", "handset"],
  }),
  kind("network", "IMSI_NUMBER", String.raw`\d{14,15}`, { context: ["imsi"] }),
  kind("network", "ICCID_NUMBER", String.raw`89\d{16,18}`, {
    check: luhn,
    context: ["iccid", "sim", "sim card"],
  }),
  kind("network", "MEID_NUMBER", "[0-9A-Fa-f]{14}", { context: ["meid"] }),
  kind("network", "ADVERTISING_ID", "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", {
    context: ["idfa", "gaid", "aaid", "advertising id", "device id"],
  }),
  kind(
    "network",
    "GEO_COORDINATES",
    String.raw`-?(?:[1-8]?\d|90)\.\d{4,},\s?-?(?:1[0-7]\d|\d{1,2}|180)\.\d{4,}`,
    {
      alone: true,
      context: ["gps", "lat", "latitude", "longitude", "coordinates", "location"],
    },
  ),
  kind("network", "SOCIAL_HANDLE", String.raw`@[A-Za-z_][\w.]{2,29}`, {
    context: [
      "twitter",
      "instagram",
      "tiktok",
      "telegram",
      "snapchat",
      "mastodon",
      "threads",
      "x handle",
      "insta",
    ],
  }),
  kind(
    "network",
    "USER_NAME",
    String.raw`(?<=\b(?:[Uu]ser ?name|[Ll]ogin)(?: is|:|=) ?['"]?)[A-Za-z][\w.-]{1,30}\w`,
    {
      check: (text) => /[\d._-]/.test(text),
      alone: true,
    },
  ),
];
