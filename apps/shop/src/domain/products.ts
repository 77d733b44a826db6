/**
 * The catalogue: search with filters, detail with stock, reviews. Public, so it needs no caller.
 *
 * Guarantees: typed filters become parameters, never SQL (SH-F34); inactive products do not exist (SH-D48); when nothing
 * fits all filters the search says so and offers the nearest, marked as such.
 * Does not: trust what it returns. Descriptions are written by sellers and reviews by anybody (SR-07).
 */
import { DeputizeError, isUuid } from "@deputize/core";
import type { Queryable } from "@deputize/store";
import { z } from "zod";
import { Category, Product, ProductDetail, type ProductSort, Review } from "../shapes.ts";
import { decodeCursor, encodeCursor } from "./cursor.ts";
import { nearestWord, searchWords } from "./search-words.ts";

const PRODUCT_LIMITS = { default: 24, max: 100 } as const;

export interface SearchProducts {
  readonly query?: string;
  readonly category?: Category;
  /** Cents. */
  readonly minPrice?: number;
  /** Cents. */
  readonly maxPrice?: number;
  readonly minRating?: number;
  readonly sort?: ProductSort;
  readonly limit?: number;
  readonly cursor?: string;
}

export interface FoundProducts {
  readonly products: Product[];
  /** How many fit, on all pages. */
  readonly total: number;
  /** How many fit the other filters, by category. */
  readonly categories: { name: Category; count: number }[];
  readonly next?: string;
  /** The query that was searched instead of a misspelt one. */
  readonly corrected?: string;
}

interface ProductRow {
  id: string;
  name: string;
  slug: string;
  category: string;
  brand: string;
  price: number;
  list_price: number | null;
  rating: number;
  review_count: number;
  image_url: string;
}

const COLUMNS = `p.id, p.name, p.slug, p.category, p.brand, p.price, p.list_price, p.rating::float8 as rating,
  p.review_count, p.image_url`;

/** Each order as one whole number that rises, so that one cursor serves them all. */
const SORT_KEYS: Readonly<Record<ProductSort, string>> = {
  relevance: "-(ts_rank_cd(p.search, q.query) * 1000000)::bigint",
  price_asc: "p.price",
  price_desc: "-p.price",
  rating: "-(p.rating * 10000 + least(p.review_count, 9999))::bigint",
  newest: "-(extract(epoch from p.created_at))::bigint",
};

const Position = z.strictObject({ sort: z.string(), key: z.number().int(), id: z.uuid() });

/** Searches the catalogue. Throws `validation_failed` for a foreign cursor. */
export async function searchProducts(tx: Queryable, request: SearchProducts): Promise<FoundProducts> {
  const words = searchWords(request.query ?? "");
  if (words.length === 0) return searchWith(tx, request, undefined);
  // All the words, then what a misspelt one meant, then any of the words.
  const exact = await searchWith(tx, request, words.join(" "));
  if (exact.total > 0) return exact;
  const corrected = await correct(tx, words);
  if (corrected) {
    const meant = await searchWith(tx, request, corrected.join(" "));
    if (meant.total > 0) return { ...meant, corrected: corrected.join(" ") };
  }
  return searchWith(tx, request, (corrected ?? words).join(" or "));
}

async function searchWith(
  tx: Queryable,
  request: SearchProducts,
  text: string | undefined,
): Promise<FoundProducts> {
  const { category, minPrice, maxPrice, minRating, limit = PRODUCT_LIMITS.default, cursor } = request;
  const sort = request.sort === "relevance" || !request.sort ? (text ? "relevance" : "rating") : request.sort;
  const after = cursor === undefined ? undefined : decodeCursor(cursor, Position);
  if (after && after.sort !== sort) {
    throw new DeputizeError(
      "validation_failed",
      "the cursor belongs to another sort; start again without it",
      {
        detail: { field: "cursor" },
      },
    );
  }
  const filters = `
    from shop.products p
    cross join (select websearch_to_tsquery('pg_catalog.english'::regconfig, $1::text) as query) q
    where ($1::text is null or p.search @@ q.query)
      and ($2::bigint is null or p.price >= $2)
      and ($3::bigint is null or p.price <= $3)
      and ($4::numeric is null or p.rating >= $4)`;
  const parameters = [text ?? null, minPrice ?? null, maxPrice ?? null, minRating ?? null];
  const counts = await tx.query<{ name: string; count: number }>(
    `select p.category as name, count(*)::int as count ${filters} group by p.category order by p.category`,
    parameters,
  );
  const { rows } = await tx.query<ProductRow & { key: number }>(
    `select * from (
       select ${COLUMNS}, coalesce(${SORT_KEYS[sort]}, 0)::bigint as key ${filters}
         and ($5::text is null or p.category = $5)
     ) found
     where $6::bigint is null or (found.key, found.id) > ($6::bigint, $7::uuid)
     order by found.key, found.id limit $8`,
    [...parameters, category ?? null, after?.key ?? null, after?.id ?? null, limit + 1],
  );
  const categories = counts.rows.map(({ name, count }) => ({ name: Category.parse(name), count }));
  const total = categories
    .filter((c) => category === undefined || c.name === category)
    .reduce((sum, c) => sum + c.count, 0);
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return {
    products: page.map(productOf),
    total,
    categories,
    ...(rows.length > limit && last && { next: encodeCursor({ sort, key: last.key, id: last.id }) }),
  };
}

/**
 * What comes closest when nothing fits: the same search without price and rating, nearest price first. Empty when
 * the thing itself is not in the catalogue.
 */
export async function nearestProducts(tx: Queryable, request: SearchProducts): Promise<Product[]> {
  const { query, category, minPrice, maxPrice } = request;
  const relaxed = await searchProducts(tx, {
    ...(query !== undefined && { query }),
    ...(category !== undefined && { category }),
    limit: 10,
  });
  const distance = (p: Product): number =>
    maxPrice !== undefined && p.price > maxPrice
      ? p.price - maxPrice
      : minPrice !== undefined && p.price < minPrice
        ? minPrice - p.price
        : 0;
  return relaxed.products.toSorted((a, b) => distance(a) - distance(b)).slice(0, 5);
}

/** The query with each unknown word replaced by its nearest known one, or undefined when nothing was replaced. */
async function correct(tx: Queryable, words: readonly string[]): Promise<string[] | undefined> {
  const { rows } = await tx.query<{ text: string }>(
    "select p.name || ' ' || p.brand || ' ' || p.category || ' ' || p.keywords || ' ' || p.description as text from shop.products p limit 2000",
  );
  const vocabulary = new Set(rows.flatMap(({ text }) => text.toLowerCase().match(/\p{L}{4,}/gu) ?? []));
  const corrected = words.map((word) =>
    vocabulary.has(word) ? word : (nearestWord(word, vocabulary) ?? word),
  );
  return corrected.some((word, i) => word !== words[i]) ? corrected : undefined;
}

/** One product by id, slug or exact name. Throws `not_found`. */
export async function findProduct(tx: Queryable, key: string): Promise<ProductDetail> {
  // A NUL is no part of any name, and Postgres refuses text that holds one.
  if (key.includes("\0")) throw noSuchProduct();
  const { rows } = await tx.query<ProductRow & { description: string; specs: Record<string, string> }>(
    `select ${COLUMNS}, p.description, p.specs from shop.products p
     where p.id = $1::uuid or p.slug = $2 or lower(p.name) = lower($2) limit 1`,
    [isUuid(key) ? key : null, key.trim().slice(0, 200)],
  );
  const row = rows[0];
  if (!row) throw noSuchProduct();
  const stock = await tx.query<{ warehouse: string; quantity: number }>(
    `select w.name as warehouse, i.quantity from shop.warehouse_inventory i
     join shop.warehouses w on w.id = i.warehouse_id where i.product_id = $1 order by w.code`,
    [row.id],
  );
  return ProductDetail.parse({
    ...productOf(row),
    description: row.description,
    specs: row.specs,
    stock: stock.rows,
  });
}

const ReviewPosition = z.strictObject({ at: z.iso.datetime(), id: z.uuid() });

/** Published reviews, newest first. Throws `not_found` for an unknown product. */
export async function listReviews(
  tx: Queryable,
  productKey: string,
  { limit = 10, cursor }: { readonly limit?: number; readonly cursor?: string },
): Promise<{ reviews: Review[]; next?: string }> {
  const product = await findProduct(tx, productKey);
  const after = cursor === undefined ? undefined : decodeCursor(cursor, ReviewPosition);
  const { rows } = await tx.query<
    Omit<Review, "author" | "date"> & { author_name: string; created_at: Date }
  >(
    `select r.id, r.rating, r.title, r.body, r.author_name, r.verified_purchase, r.created_at from shop.reviews r
     where r.product_id = $1
       and ($2::timestamptz is null or (r.created_at, r.id) < ($2::timestamptz, $3::uuid))
     order by r.created_at desc, r.id desc limit $4`,
    [product.id, after?.at ?? null, after?.id ?? null, limit + 1],
  );
  const reviews = rows
    .slice(0, limit)
    .map(({ author_name, created_at, ...rest }) =>
      Review.parse({ ...rest, author: author_name, date: created_at.toISOString() }),
    );
  const last = reviews.at(-1);
  return rows.length > limit && last
    ? { reviews, next: encodeCursor({ at: last.date, id: last.id }) }
    : { reviews };
}

function noSuchProduct(): DeputizeError {
  return new DeputizeError("not_found", "there is no such product");
}

function productOf(row: ProductRow): Product {
  return {
    id: row.id,
    name: row.name,
    slug: row.slug,
    category: Category.parse(row.category),
    brand: row.brand,
    price: row.price,
    ...(row.list_price !== null && row.list_price > row.price && { original_price: row.list_price }),
    rating: row.rating,
    review_count: row.review_count,
    image_url: row.image_url,
    on_sale: row.list_price !== null && row.list_price > row.price,
  };
}
