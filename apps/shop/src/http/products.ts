/**
 * `GET /api/products`, `GET /api/products/{id}` and its reviews: the public catalogue, for visitors too.
 *
 * Guarantees: read as the caller when there is one, otherwise unsealed, where only public rows exist; prices are cents;
 * inactive and unknown products answer the same 404 (SH-D48).
 */
import { currentCaller } from "@deputize/core";
import type { Store, Tx } from "@deputize/store";
import { Hono } from "hono";
import { z } from "zod";
import { findProduct, listReviews, searchProducts } from "../domain/products.ts";
import { Category, ProductSort } from "../shapes.ts";
import { centsParameter, cursorParameter, limitParameter, parseQuery } from "./list-query.ts";

const ListQuery = z.strictObject({
  category: Category.optional(),
  search: z.string().max(200).optional(),
  min_price: centsParameter.optional(),
  max_price: centsParameter.optional(),
  min_rating: z.coerce.number().min(0).max(5).optional(),
  sort: ProductSort.optional(),
  limit: limitParameter.optional(),
  cursor: cursorParameter.optional(),
});
const ReviewQuery = z.strictObject({ limit: limitParameter.optional(), cursor: cursorParameter.optional() });

/** Mount at `/api/products`. Authentication is welcome and not required. */
export function productRoutes({ store }: { readonly store: Store }): Hono {
  const routes = new Hono();

  function read<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    const caller = currentCaller();
    return caller ? store.asCaller(caller, work) : store.transaction("app", work, { readOnly: true });
  }

  routes.get("/", async (c) => {
    const { category, search, min_price, max_price, min_rating, sort, limit, cursor } = parseQuery(
      c.req.url,
      ListQuery,
    );
    const { products, total, categories, next } = await read((tx) =>
      searchProducts(tx, {
        ...(search !== undefined && { query: search }),
        ...(category && { category }),
        ...(min_price !== undefined && { minPrice: min_price }),
        ...(max_price !== undefined && { maxPrice: max_price }),
        ...(min_rating !== undefined && { minRating: min_rating }),
        ...(sort && { sort }),
        ...(limit !== undefined && { limit }),
        ...(cursor !== undefined && { cursor }),
      }),
    );
    return c.json({ products, total, categories, ...(next !== undefined && { next }) });
  });

  routes.get("/:id", async (c) => c.json(await read((tx) => findProduct(tx, c.req.param("id")))));

  routes.get("/:id/reviews", async (c) => {
    const { limit, cursor } = parseQuery(c.req.url, ReviewQuery);
    const page = await read((tx) =>
      listReviews(tx, c.req.param("id"), {
        ...(limit !== undefined && { limit }),
        ...(cursor !== undefined && { cursor }),
      }),
    );
    return c.json(page);
  });

  return routes;
}
