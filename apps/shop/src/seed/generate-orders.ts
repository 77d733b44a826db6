/**
 * Fills the planned orders with lines, prices, discounts and what follows from them: history, returns, refunds,
 * redemptions, spend and tier.
 *
 * Guarantees: each person's kept spend lands in the band of their tier; totals are sums; half-up rounding per line;
 * a coupon is used only within its own rules and counted once.
 */
import { stableId } from "@deputize/core";
import type { OrderStatus } from "../shapes.ts";
import { type SeedPerson, type Tier, people, personNamed } from "./data/people.ts";
import type { SeedProduct } from "./data/product.ts";
import { type SeedCoupon, type SeedTier, coupons, regionSteps, tiers, warehouses } from "./data/terms.ts";
import { type PlannedOrder, planOrders } from "./order-plan.ts";
import { type Random, randomStream } from "./random.ts";
import { DAY, HOUR, type Row, TENANT, instant } from "./rows.ts";

export interface SeededProduct extends SeedProduct {
  readonly id: string;
  readonly slug: string;
  readonly sellerId: string;
}

interface Line {
  readonly product: SeededProduct;
  readonly quantity: number;
  discount: number;
}

/** Kept spend (not cancelled, not returned) that puts a person into a tier and keeps them there. */
const BANDS: Readonly<Record<Tier, readonly [min: number, max: number]>> = {
  bronze: [0, 94_000],
  silver: [110_000, 280_000],
  gold: [310_000, Number.MAX_SAFE_INTEGER],
};

/** The four cheapest products and a bit: what each line still to come may need. */
const RESERVE_PER_LINE = 2_500;

const NOTES: Readonly<Record<OrderStatus, string>> = {
  placed: "We have your order",
  confirmed: "Payment authorised, packing",
  shipped: "Handed to the carrier",
  out_for_delivery: "On the van",
  delivered: "Delivered",
  cancelled: "Cancelled by the customer",
  returned: "All items back, refund issued",
};

const RETURN_REASONS = [
  "Did not fit",
  "Not as I had pictured it",
  "Arrived after I needed it",
  "Changed my mind",
  "Bought two by mistake",
  "A fault out of the box",
];

function isKept(status: OrderStatus): boolean {
  return status !== "cancelled" && status !== "returned";
}

function tierOf(name: Tier): SeedTier {
  return tiers.find((t) => t.name === name)!;
}

/** `part` per 10,000 of `amount`, half up. */
function basisPoints(amount: number, part: number): number {
  return Math.floor((amount * part + 5_000) / 10_000);
}

/** Draws `count` different products within `budget`, always leaving enough for the lines to come. */
function drawLines(
  random: Random,
  products: readonly SeededProduct[],
  count: number,
  budget: number,
): Line[] {
  const lines: Line[] = [];
  let left = budget;
  for (let open = count; open > 0; open--) {
    const cap = left - RESERVE_PER_LINE * (open - 1);
    const fitting = products.filter((p) => p.price <= cap && !lines.some((l) => l.product === p));
    const product = random.pick(fitting);
    const most = Math.max(1, Math.min(3, Math.floor(cap / product.price)));
    const quantity = random.chance(0.7) ? 1 : random.int(1, most);
    lines.push({ product, quantity, discount: 0 });
    left -= product.price * quantity;
  }
  return lines;
}

function drawBudget(random: Random, person: SeedPerson, kept: boolean): number {
  if (!kept) return random.int(12_000, 70_000);
  if (person.tier === "gold")
    return person.orders < 10 ? random.int(120_000, 190_000) : random.int(20_000, 120_000);
  const most = BANDS[person.tier][1] / person.orders;
  return Math.floor(most * (person.tier === "bronze" ? 0.93 : 0.96) * (0.9 + random.next() * 0.15));
}

/** Takes the coupon off the lines it fits, in cents per line, never past a line or the coupon's cap. */
function applyCoupon(coupon: SeedCoupon, lines: readonly Line[]): number {
  const fitting = lines.filter((l) => !coupon.categories || coupon.categories.includes(l.product.category));
  const sum = fitting.reduce((total, l) => total + l.product.price * l.quantity, 0);
  if (fitting.length === 0 || sum < (coupon.minSpend ?? 0)) return 0;
  let left = Math.min(
    sum,
    coupon.type === "fixed" ? (coupon.amount ?? 0) : basisPoints(sum, (coupon.percent ?? 0) * 100),
    coupon.maxDiscount ?? Number.MAX_SAFE_INTEGER,
  );
  const taken = left;
  for (const line of fitting) {
    const part = Math.min(left, line.product.price * line.quantity);
    line.discount += part;
    left -= part;
  }
  return taken;
}

function chooseCoupon(
  random: Random,
  planned: PlannedOrder,
  first: boolean,
  lines: readonly Line[],
): SeedCoupon | undefined {
  if (first && random.chance(0.6)) return coupons.find((c) => c.code === "WELCOME10");
  if (!random.chance(0.18)) return undefined;
  const open = coupons.filter(
    (c) =>
      c.type !== "perk" &&
      !c.firstOrderOnly &&
      !c.onlyUser &&
      (c.endsInDays ?? 0) >= 0 &&
      (!c.minTier || c.minTier === planned.person.tier) &&
      (!c.categories || lines.some((l) => c.categories?.includes(l.product.category))),
  );
  return random.pick(open);
}

export interface OrderRows {
  readonly orders: Row[];
  readonly order_items: Row[];
  readonly order_status_history: Row[];
  readonly returns: Row[];
  readonly return_items: Row[];
  readonly refunds: Row[];
  readonly coupon_redemptions: Row[];
  /** Kept spend by person. */
  readonly spend: ReadonlyMap<string, number>;
  /** Uses that were not reversed, by coupon code. */
  readonly uses: ReadonlyMap<string, number>;
  /** When a person received a product, by `person:product`. */
  readonly delivered: ReadonlyMap<string, number>;
}

/** Everything that hangs from orders. `now` is the moment of seeding. */
export function generateOrders(products: readonly SeededProduct[], now: number): OrderRows {
  const numbered = planOrders(now).map((planned, i) => ({ planned, number: `ORD-${10_001 + i}` }));
  const out = {
    orders: [] as Row[],
    order_items: [] as Row[],
    order_status_history: [] as Row[],
    returns: [] as Row[],
    return_items: [] as Row[],
    refunds: [] as Row[],
    coupon_redemptions: [] as Row[],
    spend: new Map<string, number>(),
    uses: new Map<string, number>(),
    delivered: new Map<string, number>(),
  };
  for (const person of people) {
    const own = numbered.filter((o) => o.planned.person === person);
    const priced = priceWithinBand(person, own, products);
    out.spend.set(
      person.id,
      priced.filter((o) => isKept(o.planned.status)).reduce((sum, o) => sum + o.total, 0),
    );
    for (const order of priced) writeOrder(out, order, now);
  }
  return out;
}

interface PricedOrder {
  readonly planned: PlannedOrder;
  readonly number: string;
  readonly lines: readonly Line[];
  readonly coupon: SeedCoupon | undefined;
  readonly subtotal: number;
  readonly couponDiscount: number;
  readonly loyaltyDiscount: number;
  readonly shipping: number;
  readonly total: number;
}

/** Draws a person's orders until their kept spend fits their tier; the first fitting draw is always the same. */
function priceWithinBand(
  person: SeedPerson,
  own: readonly { planned: PlannedOrder; number: string }[],
  products: readonly SeededProduct[],
): PricedOrder[] {
  const [min, max] = BANDS[person.tier];
  for (let attempt = 0; attempt < 200; attempt++) {
    const random = randomStream(`basket:${person.email}:${attempt}`);
    const priced = own.map(({ planned, number }, i) => price(random, planned, number, i === 0, products));
    const kept = priced.filter((o) => isKept(o.planned.status)).reduce((sum, o) => sum + o.total, 0);
    if (kept >= min && kept <= max) return priced;
  }
  throw new RangeError(`no basket of ${person.email} fits the tier ${person.tier}`);
}

function price(
  random: Random,
  planned: PlannedOrder,
  number: string,
  first: boolean,
  products: readonly SeededProduct[],
): PricedOrder {
  const { person, carrier } = planned;
  const tier = tierOf(person.tier);
  const lines = drawLines(
    random,
    products,
    planned.lines,
    drawBudget(random, person, isKept(planned.status)),
  );
  const subtotal = lines.reduce((sum, l) => sum + l.product.price * l.quantity, 0);
  let coupon = chooseCoupon(random, planned, first, lines);
  const couponDiscount = coupon ? applyCoupon(coupon, lines) : 0;
  if (couponDiscount === 0) coupon = undefined;
  let loyaltyDiscount = 0;
  for (const line of lines) {
    const part = basisPoints(line.product.price * line.quantity - line.discount, tier.discountBp);
    line.discount += part;
    loyaltyDiscount += part;
  }
  const goods = subtotal - couponDiscount - loyaltyDiscount;
  const free = tier.freeShippingFrom !== null && goods >= tier.freeShippingFrom;
  // Goods leave from the warehouse of the person's own region, so there is no step between regions.
  const shipping = free ? 0 : carrier.baseRate + carrier.stepRate * regionSteps(person.region, person.region);
  return {
    planned,
    number,
    lines,
    coupon,
    subtotal,
    couponDiscount,
    loyaltyDiscount,
    shipping,
    total: goods + shipping,
  };
}

const FULFILMENT: Readonly<Record<OrderStatus, string>> = {
  placed: "pending",
  confirmed: "pending",
  shipped: "shipped",
  out_for_delivery: "shipped",
  delivered: "delivered",
  cancelled: "cancelled",
  returned: "returned",
};

type Mutable = {
  [K in keyof OrderRows]: OrderRows[K] extends ReadonlyMap<string, number> ? Map<string, number> : Row[];
};

function writeOrder(out: Mutable, order: PricedOrder, now: number): void {
  const { planned, number, lines } = order;
  const { person, carrier, status, steps } = planned;
  const warehouse = warehouses.find((w) => w.region === person.region)!;
  const id = stableId(`order:${number}`);
  const owned = { tenant: TENANT, user_id: person.id };
  const placed = instant(steps[0]!.at);
  const changed = instant(steps.at(-1)!.at);
  const hasShipped = steps.some((s) => s.status === "shipped");
  out.orders.push({
    id,
    ...owned,
    number,
    status,
    subtotal: order.subtotal,
    promo_discount: 0,
    coupon_discount: order.couponDiscount,
    loyalty_discount: order.loyaltyDiscount,
    shipping: order.shipping,
    total: order.total,
    coupon_code: order.coupon?.code ?? null,
    shipping_address: person.address,
    billing_address: person.address,
    carrier_id: stableId(`carrier:${carrier.name}`),
    tracking_number: hasShipped ? trackingNumber(carrier.trackingPrefix, number) : null,
    version: steps.length,
    placed_at: placed,
    created_at: placed,
    updated_at: changed,
  });
  for (const { product, quantity, discount } of lines) {
    out.order_items.push({
      id: stableId(`order-item:${number}:${product.slug}`),
      ...owned,
      seller_id: product.sellerId,
      order_id: id,
      product_id: product.id,
      warehouse_id: stableId(`warehouse:${warehouse.code}`),
      name: product.name,
      quantity,
      unit_price: product.price,
      discount,
      subtotal: product.price * quantity - discount,
      fulfilment: FULFILMENT[status],
      created_at: placed,
      updated_at: changed,
    });
    const arrived = steps.find((s) => s.status === "delivered")?.at;
    if (status === "delivered" && arrived !== undefined) {
      const key = `${person.id}:${product.id}`;
      out.delivered.set(key, Math.min(arrived, out.delivered.get(key) ?? arrived));
    }
  }
  for (const step of steps) {
    out.order_status_history.push({
      id: stableId(`order-step:${number}:${step.status}`),
      ...owned,
      order_id: id,
      status: step.status,
      notes: NOTES[step.status],
      location: placeOf(step.status, warehouse.location, `${person.address.city}, ${person.address.state}`),
      actor_id: step.status === "cancelled" || step.status === "placed" ? person.id : null,
      at: instant(step.at),
    });
  }
  if (order.coupon) {
    const reversed = isKept(status) ? null : changed;
    out.coupon_redemptions.push({
      id: stableId(`redemption:${number}`),
      ...owned,
      coupon_id: stableId(`coupon:${order.coupon.code}`),
      order_id: id,
      amount: order.couponDiscount,
      reversed_at: reversed,
      created_at: placed,
    });
    if (!reversed) out.uses.set(order.coupon.code, (out.uses.get(order.coupon.code) ?? 0) + 1);
  }
  if (status === "returned") writeReturn(out, order, id, now);
}

function writeReturn(out: Mutable, order: PricedOrder, orderId: string, now: number): void {
  const { planned, number, lines } = order;
  const { person, steps } = planned;
  const random = randomStream(`return:${number}`);
  const back = steps.at(-1)!.at;
  const asked = Math.max(steps.at(-2)!.at + HOUR, back - random.int(3, 5) * DAY);
  const id = stableId(`return:${number}`);
  const admin = personNamed("admin.demo").id;
  const owned = { tenant: TENANT, user_id: person.id };
  const amount = order.total - order.shipping;
  const method = random.chance(0.7) ? "original_payment" : "store_credit";
  out.returns.push({
    id,
    ...owned,
    order_id: orderId,
    reason: random.pick(RETURN_REASONS),
    status: "refunded",
    refund_method: method,
    refund_amount: amount,
    decided_by: admin,
    resolved_at: instant(Math.min(back, now)),
    created_at: instant(asked),
    updated_at: instant(back),
  });
  for (const { product, quantity } of lines) {
    out.return_items.push({
      id: stableId(`return-item:${number}:${product.slug}`),
      ...owned,
      return_id: id,
      order_item_id: stableId(`order-item:${number}:${product.slug}`),
      quantity,
      created_at: instant(asked),
    });
  }
  out.refunds.push({
    id: stableId(`refund:${number}`),
    ...owned,
    order_id: orderId,
    return_id: id,
    amount,
    method,
    issued_by: admin,
    approval_id: null,
    created_at: instant(back),
  });
}

function placeOf(status: OrderStatus, warehouse: string, city: string): string | null {
  if (status === "shipped" || status === "returned") return warehouse;
  return status === "out_for_delivery" || status === "delivered" ? city : null;
}

/** Ten digits that look like a carrier's and repeat for nobody. */
function trackingNumber(prefix: string, number: string): string {
  const digits =
    BigInt(`0x${stableId(`tracking:${number}`).replaceAll("-", "").slice(0, 13)}`) % 10_000_000_000n;
  return `${prefix}${String(digits).padStart(10, "0")}`;
}
