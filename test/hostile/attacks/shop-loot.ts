/** What attacks on the shop share: who is there, and what each of them has to lose. */
import type { ScriptedCall } from "@deputize/agent/testing";
import { type Random, randomStream } from "../../../apps/shop/src/seed/random.ts";
import type { TestClient } from "../../../apps/shop/src/testing/running-shop.ts";
import { type HostileShop, type Order, type Part, subjectOf } from "../support.ts";

/** The shop with everybody signed in, and what an attacker would like to have of it. */
export interface ShopUnderAttack {
  readonly shop: HostileShop;
  readonly clients: Readonly<Record<Part, TestClient>>;
  readonly tokens: Readonly<Record<Part, { readonly agent: string; readonly tool: string }>>;
  readonly orders: readonly Order[];
  /** A card of the victim that waits, with the call that it is for. */
  readonly pending: { readonly id: string; readonly order: string };
  readonly products: readonly string[];
}

export const PARTS = ["customer", "victim", "power_user", "seller", "admin"] as const;
export const OTHERS = ["customer", "power_user", "seller", "admin"] as const;

/** Their own, or, of those who bought nothing, anybody's. */
export function ordersOf(world: ShopUnderAttack, part: Part): readonly Order[] {
  const own = world.orders.filter((order) => order.user_id === subjectOf(part));
  return own.length > 0 ? own : world.orders;
}

/** Of those, what can still be cancelled, so that only a rule stands in the way. */
export function openOf(world: ShopUnderAttack, part: Part): readonly Order[] {
  const own = ordersOf(world, part).filter(({ status }) => status === "placed" || status === "confirmed");
  if (own.length === 0) throw new Error(`there is no order to cancel for ${part}`);
  return own;
}

export function foreignTo(world: ShopUnderAttack, part: Part): string[] {
  return world.orders
    .filter((order) => order.user_id !== subjectOf(part))
    .flatMap((order) => [order.number, ...(order.tracking_number ? [order.tracking_number] : [])]);
}

export const cancel = (order: string, reason: string): ScriptedCall => ({
  tool: "cancel_order",
  args: { order_id: order, reason },
});

/** A stream of its own for what an attack picks while it runs. */
export const randomStreamOf = (random: Random): Random =>
  randomStream(`attack ${random.int(0, 2 ** 31 - 1)}`);
