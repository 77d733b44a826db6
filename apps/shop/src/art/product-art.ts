/**
 * The picture of a product: an SVG drawn from its slug, the same on every machine.
 *
 * Guarantees: pure; under 6 kB; no script, no link, no remote part; text from the catalogue is escaped, so that a seller's
 * name for a product cannot become markup. Its colours carry on light and on dark pages.
 * Does not: know products outside of the seed; they get the drawing of their category.
 */
import { slugOf } from "../seed/data/product.ts";
import { products } from "../seed/data/products.ts";
import { randomStream } from "../seed/random.ts";
import type { Category } from "../shapes.ts";
import { MOTIFS, type Motif } from "./motifs.ts";

export interface Drawable {
  readonly slug: string;
  readonly name: string;
  readonly category: Category;
}

const KNOWN: ReadonlyMap<string, Motif> = new Map(products.map((p) => [slugOf(p.name), p.motif]));

/** What stands for a category, and the part of the colour wheel that its products share. */
const CATEGORIES: Readonly<Record<Category, { motif: Motif; hue: number }>> = {
  Electronics: { motif: "powerbank", hue: 222 },
  Clothing: { motif: "fleece", hue: 345 },
  Home: { motif: "bulb", hue: 32 },
  Sports: { motif: "bottle", hue: 152 },
  Books: { motif: "book", hue: 268 },
};

/** Draws a product. */
export function productArt({ slug, name, category }: Drawable): string {
  const family = CATEGORIES[category];
  const motif = KNOWN.get(slug) ?? family.motif;
  const random = randomStream(`art:${slug}`);
  const hue = (family.hue + random.int(-22, 22) + 360) % 360;
  const far = (hue + random.int(24, 52)) % 360;
  const ink = `hsl(${hue} 42% 24%)`;
  const [x, y] = [random.int(40, 160), random.int(30, 80)];
  const scene =
    motif === "book" ? MOTIFS.book + cover(randomStream(`cover:${name}`).int(0, 4), name) : MOTIFS[motif];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 400" role="img" aria-label="${escape(name)}">`,
    `<defs><linearGradient id="g" x1="0" y1="0" x2="1" y2="1"><stop stop-color="hsl(${hue} 62% 91%)"/>`,
    `<stop offset="1" stop-color="hsl(${far} 50% 80%)"/></linearGradient>`,
    `<radialGradient id="s"><stop stop-color="#fff" stop-opacity=".85"/><stop offset="1" stop-color="#fff" stop-opacity="0"/></radialGradient></defs>`,
    `<style>.f{fill:hsl(${hue} 70% 97% / .72)}</style>`,
    `<rect width="400" height="400" fill="url(#g)"/>`,
    `<circle cx="${x * 2}" cy="${y * 2}" r="190" fill="url(#s)"/>`,
    `<ellipse cx="200" cy="352" rx="112" ry="12" fill="hsl(${hue} 40% 30% / .14)"/>`,
    `<g transform="translate(40 36) scale(1.6)" fill="none" stroke="${ink}" stroke-width="3" stroke-linecap="round" stroke-linejoin="round">`,
    scene,
    "</g></svg>",
  ].join("");
}

/** A book's cover: one of five ornaments and its title in up to four lines. */
function cover(ornament: number, title: string): string {
  const ornaments = [
    '<path d="M84 118h46M84 126h30"/>',
    '<circle cx="107" cy="118" r="13"/><circle cx="107" cy="118" r="6"/>',
    '<path d="M82 128l12-18 10 12 8-10 20 16Z"/>',
    '<path d="M84 128v-18M94 128v-26M104 128v-12M114 128v-30M124 128v-20"/>',
    '<path d="M82 116c8-12 16 12 25 0s16 12 25 0M82 128c8-12 16 12 25 0s16 12 25 0"/>',
  ];
  const lines: string[] = [];
  for (const word of title.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < 12) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  const spans = lines
    .slice(0, 4)
    .map((line, i) => `<tspan x="107" y="${56 + i * 13}">${escape(line)}</tspan>`)
    .join("");
  return `${ornaments[ornament] ?? ""}<text font-family="Georgia,serif" font-size="11" text-anchor="middle" stroke="none" fill="hsl(268 35% 22%)">${spans}</text>`;
}

function escape(text: string): string {
  return text
    .slice(0, 200)
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}
