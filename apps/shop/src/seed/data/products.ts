/** The fifty products in catalogue order: the first 25 belong to the first seller, the rest to the second. */
import { books } from "./books.ts";
import { clothing } from "./clothing.ts";
import { electronics } from "./electronics.ts";
import { home } from "./home.ts";
import type { SeedProduct } from "./product.ts";
import { sports } from "./sports.ts";

export const products: readonly SeedProduct[] = [...electronics, ...clothing, ...home, ...sports, ...books];
