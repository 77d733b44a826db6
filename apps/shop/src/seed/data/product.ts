/**
 * What one seeded product says about itself. Names and prices are fixed by the catalogue; descriptions, specs
 * and search words are the seed's own. `motif` names the drawing in src/art.
 */
import type { Motif } from "../../art/motifs.ts";
import type { Category } from "../../shapes.ts";

export interface SeedProduct {
  readonly name: string;
  readonly brand: string;
  readonly category: Category;
  /** Cents. */
  readonly price: number;
  /** Cents; present when the product is on sale. */
  readonly listPrice?: number;
  readonly motif: Motif;
  readonly description: string;
  readonly specs: Readonly<Record<string, string>>;
  /** Words people use for this thing that its name and description lack; searched, not shown. */
  readonly keywords: string;
}

/** `Levi's 501` → `levis-501`, the last part of the product's address. */
export function slugOf(name: string): string {
  return name
    .toLowerCase()
    .replaceAll(/['’]/g, "")
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-|-$/g, "");
}
