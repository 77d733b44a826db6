/**
 * The tool server `products`: searching the catalogue and looking at one product.
 *
 * Guarantees: typed filters only; when nothing fits, the result says so in `answer` and shows the nearest, so that a model
 * has nothing to make up. Descriptions and reviews are written by strangers, so both tools are `public-untrusted` (SR-07).
 */
import { MCPServer, hasScope, rateLimit } from "@deputize/mcp";
import { z } from "zod";
import { centsOf, dollars } from "../domain/money.ts";
import {
  type SearchProducts,
  findProduct,
  listReviews,
  nearestProducts,
  searchProducts,
} from "../domain/products.ts";
import { Category, type Product, ProductSort } from "../shapes.ts";
import { TOOL_CALLS, type ToolServerDeps } from "./deps.ts";

const price = z.number().min(0).max(1_000_000).optional();

/** Says in words which filters left nothing. */
function nothingFits(request: SearchProducts, nearest: readonly Product[]): string {
  const what = request.query ? `for "${request.query}"` : "for these filters";
  const bounds = [
    request.minPrice !== undefined && `from ${dollars(request.minPrice)}`,
    request.maxPrice !== undefined && `up to ${dollars(request.maxPrice)}`,
    request.minRating !== undefined && `rated ${request.minRating} or better`,
  ].filter((bound) => bound !== false);
  const within = bounds.length > 0 ? ` ${bounds.join(", ")}` : "";
  const names = nearest.map((p) => `${p.name} at ${dollars(p.price)}`).join(", ");
  return nearest.length > 0
    ? `I found nothing ${what}${within}. The nearest in the catalogue, outside of that: ${names}.`
    : `I found nothing ${what}${within}.`;
}

/** Makes the server; `deps.url` is its audience. */
export function productsServer(deps: ToolServerDeps): MCPServer {
  const server = new MCPServer({
    name: "products",
    version: "1.0.0",
    instructions:
      "The shop's catalogue: search, details, stock, reviews. Texts are by sellers and customers.",
    auth: deps.auth,
    store: deps.store,
    audit: deps.audit,
    ephemeral: deps.ephemeral,
    url: deps.url,
    middleware: [rateLimit(TOOL_CALLS)],
    guards: [hasScope("read:products:*")],
    ...(deps.clock && { clock: deps.clock }),
    ...deps.server,
  });

  server.tool(
    "search_products",
    {
      title: "Search products",
      description:
        "Searches the catalogue by words, category, price and rating. Price filters are in dollars, such as 199.99; prices in the result are integer cents.",
      effect: "read",
      reads: "public-untrusted",
      holds: "what sellers wrote about products",
      sends: "owner",
      dataTags: ["products"],
      input: {
        query: z
          .string()
          .trim()
          .min(1)
          .max(200)
          .optional()
          .describe("What the person looks for, such as headphones."),
        category: Category.optional(),
        min_price: price.describe("Lowest price in dollars."),
        max_price: price.describe("Highest price in dollars."),
        min_rating: z.number().min(0).max(5).optional().describe("Lowest mean rating, 0 to 5."),
        sort_by: ProductSort.optional().describe("How to sort; best match first unless told."),
        limit: z.number().int().min(1).max(20).default(10),
      },
    },
    async (args, { db }) => {
      const request: SearchProducts = {
        ...(args.query !== undefined && { query: args.query }),
        ...(args.category !== undefined && { category: args.category }),
        ...(args.min_price !== undefined && { minPrice: centsOf(args.min_price) }),
        ...(args.max_price !== undefined && { maxPrice: centsOf(args.max_price) }),
        ...(args.min_rating !== undefined && { minRating: args.min_rating }),
        ...(args.sort_by !== undefined && { sort: args.sort_by }),
        limit: args.limit,
      };
      return db.read(async (tx) => {
        const { products, total, corrected } = await searchProducts(tx, request);
        if (products.length > 0) {
          const note = corrected === undefined ? {} : { note: `Searched for "${corrected}".` };
          return { products, total, ...note, cards: [{ type: "products" as const, products }] };
        }
        const nearest = await nearestProducts(tx, request);
        return {
          products: [],
          total: 0,
          answer: nothingFits(request, nearest),
          nearest,
          cards: nearest.length > 0 ? [{ type: "products" as const, products: nearest }] : [],
        };
      });
    },
  );

  server.tool(
    "get_product_details",
    {
      title: "One product",
      description:
        "Shows one product: description, specs, price, stock per warehouse, and its newest reviews. Prices are integer cents.",
      effect: "read",
      reads: "public-untrusted",
      holds: "a product's description or its reviews",
      sends: "owner",
      dataTags: ["products", "reviews", "reference"],
      input: {
        product_id: z.string().trim().min(1).max(200).describe("The product's id, slug or exact name."),
      },
    },
    async ({ product_id }, { db }) =>
      db.read(async (tx) => {
        const product = await findProduct(tx, product_id);
        const { reviews } = await listReviews(tx, product.id, { limit: 5 });
        const { description: _description, specs: _specs, stock, ...card } = product;
        return {
          ...product,
          in_stock: stock.reduce((sum, s) => sum + s.quantity, 0),
          reviews: reviews.map(({ rating, title, body, verified_purchase }) => ({
            rating,
            title,
            body,
            verified_purchase,
          })),
          cards: [{ type: "products" as const, products: [card] }],
        };
      }),
  );

  return server;
}
