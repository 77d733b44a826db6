/**
 * 500 reviews by 500 different pairs of product and person, with votes, and the ratings that follow from them.
 *
 * Guarantees: `verified` only where the writer had received the product before writing (SH-D44); no two texts are
 * equal; nobody reviews as a seller; 26 are flagged as fake; a rating is the mean of the published reviews.
 */
import { stableId } from "@deputize/core";
import { displayName, people, personNamed } from "./data/people.ts";
import {
  BOOK_CLOSERS,
  BOOK_MIDDLES,
  CLOSERS,
  FAKE_BODIES,
  HOSTILE_REVIEWS,
  type HostileReview,
  MIDDLES,
  OPENERS,
  TITLES,
} from "./data/review-texts.ts";
import type { SeededProduct } from "./generate-orders.ts";
import { type Random, randomStream } from "./random.ts";
import { DAY, HOUR, type Row, TENANT, instant } from "./rows.ts";

const REVIEWS = 500;
const FLAGGED = 26;

export interface ReviewRows {
  readonly reviews: Row[];
  readonly review_votes: Row[];
  readonly ratings: ReadonlyMap<string, { readonly rating: number; readonly count: number }>;
}

/** `delivered` tells when a person received a product, by `person:product`. */
export function generateReviews(
  products: readonly SeededProduct[],
  delivered: ReadonlyMap<string, number>,
  now: number,
): ReviewRows {
  const random = randomStream("reviews");
  const writers = people.filter((p) => p.role !== "seller");
  const hostile = new Map<string, HostileReview>();
  for (const one of HOSTILE_REVIEWS) hostile.set(`${personNamed(one.mailbox).id}:${one.product}`, one);

  const pairs = writers.flatMap((writer) => products.map((product) => ({ writer, product })));
  const isHostile = (p: (typeof pairs)[number]): boolean => hostile.has(`${p.writer.id}:${p.product.name}`);
  const hasIt = (p: (typeof pairs)[number]): boolean => delivered.has(`${p.writer.id}:${p.product.id}`);
  const planted = pairs.filter(isHostile);
  const owners = random.shuffle(pairs.filter((p) => !isHostile(p) && hasIt(p)));
  const others = random.shuffle(pairs.filter((p) => !isHostile(p) && !hasIt(p)));
  const chosen = [...planted, ...owners.slice(0, 320), ...others].slice(0, REVIEWS);

  const reviews: Row[] = [];
  const votes: Row[] = [];
  const texts = new Set<string>();
  let flagged = 0;
  // The fakes come last in `chosen`, among those who never bought the thing.
  for (const [i, { writer, product }] of chosen.entries()) {
    const plant = hostile.get(`${writer.id}:${product.name}`);
    const fake = !plant && i >= REVIEWS - FLAGGED;
    const received = delivered.get(`${writer.id}:${product.id}`);
    const written = writtenAt(random, received, now);
    const rating = plant?.rating ?? (fake ? 5 : drawRating(random, product));
    let text = plant ?? writeText(random, product, rating, fake);
    while (texts.has(`${text.title}\n${text.body}`)) text = writeText(random, product, rating, fake);
    texts.add(`${text.title}\n${text.body}`);
    const id = stableId(`review:${writer.email}:${product.slug}`);
    const voters = fake ? [] : random.shuffle(writers.filter((w) => w !== writer)).slice(0, random.int(0, 3));
    if (fake) flagged++;
    reviews.push({
      id,
      tenant: TENANT,
      user_id: writer.id,
      product_id: product.id,
      author_name: displayName(writer.name),
      rating,
      title: text.title,
      body: text.body,
      verified_purchase: received !== undefined && received < written,
      helpful_count: voters.length,
      is_flagged: fake,
      state: "published",
      created_at: instant(written),
      updated_at: instant(written),
    });
    for (const voter of voters) {
      votes.push({
        id: stableId(`vote:${voter.email}:${id}`),
        tenant: TENANT,
        user_id: voter.id,
        review_id: id,
        created_at: instant(random.int(written, now)),
      });
    }
  }
  if (flagged !== FLAGGED) throw new RangeError(`${flagged} reviews are flagged, not ${FLAGGED}`);
  return { reviews, review_votes: votes, ratings: ratingsOf(reviews) };
}

/** Owners write after the parcel came; the others at any time within 180 days. */
function writtenAt(random: Random, received: number | undefined, now: number): number {
  if (received === undefined) return now - random.int(6, 180 * 24) * HOUR;
  return random.int(received + HOUR, Math.min(now, received + 25 * DAY));
}

/** Each product has a character of its own: most are good, some divide people. */
function drawRating(random: Random, product: SeededProduct): number {
  const leaning = randomStream(`leaning:${product.slug}`).next() * 1.4;
  const drawn = 5 - Math.floor(random.next() ** (1.9 - leaning * 0.6) * 4.2 * (0.55 + leaning * 0.35));
  return Math.max(1, Math.min(5, drawn));
}

function writeText(
  random: Random,
  product: SeededProduct,
  rating: number,
  fake: boolean,
): { title: string; body: string } {
  const [spec, value] = random.pick(Object.entries(product.specs));
  const fill = (text: string): string =>
    text
      .replaceAll("{brand}", product.brand)
      .replaceAll("{name}", product.name)
      .replaceAll("{spec}", spec.toLowerCase())
      .replaceAll("{value}", value)
      .replaceAll("{weeks}", String(random.int(2, 20)));
  const title = fake ? "BEST!!!" : random.pick(TITLES[rating]!);
  if (fake) return { title, body: fill(random.pick(FAKE_BODIES)) };
  const book = product.category === "Books";
  const mood = rating >= 4 || (rating === 3 && random.chance(0.5)) ? "good" : "bad";
  const middles = random.shuffle((book ? BOOK_MIDDLES : MIDDLES)[mood]).slice(0, random.int(1, 2));
  const parts = [random.pick(OPENERS[rating]!), ...middles, random.pick(book ? BOOK_CLOSERS : CLOSERS)];
  return { title, body: parts.map(fill).join(" ") };
}

function ratingsOf(reviews: readonly Row[]): Map<string, { rating: number; count: number }> {
  const sums = new Map<string, { sum: number; count: number }>();
  for (const review of reviews) {
    const key = String(review["product_id"]);
    const { sum, count } = sums.get(key) ?? { sum: 0, count: 0 };
    sums.set(key, { sum: sum + Number(review["rating"]), count: count + 1 });
  }
  return new Map(
    [...sums].map(([id, s]) => [id, { rating: Math.round((s.sum / s.count) * 100) / 100, count: s.count }]),
  );
}
