/**
 * `GET /art/{slug}.svg`: product pictures, public and cacheable.
 *
 * Guarantees: only products that the public may see have one; an SVG is sent with a policy that lets it run nothing,
 * should somebody open it by itself.
 */
import { DeputizeError } from "@deputize/core";
import type { Store } from "@deputize/store";
import { Hono } from "hono";
import { Category } from "../shapes.ts";
import { productArt } from "./product-art.ts";

/** Mount at `/art`. */
export function artRoutes({ store }: { readonly store: Store }): Hono {
  return new Hono().get("/:file", async (c) => {
    const slug = /^([a-z0-9-]{1,200})\.svg$/.exec(c.req.param("file"))?.[1];
    const product = slug === undefined ? undefined : await find(store, slug);
    if (!product) throw new DeputizeError("not_found", "there is no such picture");
    return c.body(productArt(product), 200, {
      "content-type": "image/svg+xml; charset=utf-8",
      "cache-control": "public, max-age=86400",
      "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
      "x-content-type-options": "nosniff",
    });
  });
}

async function find(
  store: Store,
  slug: string,
): Promise<{ slug: string; name: string; category: Category } | undefined> {
  const { rows } = await store.transaction(
    "app",
    (tx) =>
      tx.query<{ slug: string; name: string; category: string }>(
        "select p.slug, p.name, p.category from shop.products p where p.slug = $1",
        [slug],
      ),
    { readOnly: true },
  );
  return rows[0] && { ...rows[0], category: Category.parse(rows[0].category) };
}
