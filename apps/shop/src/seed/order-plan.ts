/**
 * Plans the 200 orders: whose they are, in which state, and when each step happened.
 *
 * Guarantees: the status mix is exact; steps of one order are in order and none lies in the future (SH-D44); Alice's
 * newest order is on its way with a tracking number and two older ones can still be cancelled; Bob has several.
 */
import type { OrderStatus } from "../shapes.ts";
import { type SeedPerson, people } from "./data/people.ts";
import { type SeedCarrier, carriers } from "./data/terms.ts";
import { type Random, randomStream } from "./random.ts";
import { DAY, HOUR, MINUTE } from "./rows.ts";

export const STATUS_MIX: Readonly<Record<OrderStatus, number>> = {
  placed: 13,
  confirmed: 27,
  shipped: 28,
  out_for_delivery: 5,
  delivered: 85,
  cancelled: 21,
  returned: 21,
};

export interface Step {
  readonly status: OrderStatus;
  readonly at: number;
}

export interface PlannedOrder {
  readonly person: SeedPerson;
  readonly status: OrderStatus;
  readonly carrier: SeedCarrier;
  readonly steps: readonly Step[];
  /** How many different products. */
  readonly lines: number;
}

/** States that are promised to a person, before the rest are dealt out. */
const RESERVED: Readonly<Record<string, Partial<Record<OrderStatus, number>>>> = {
  "alice.johnson@gmail.com": { shipped: 1, confirmed: 2, delivered: 17, cancelled: 2, returned: 2 },
  "bob.smith@gmail.com": { shipped: 1, confirmed: 1, placed: 1, delivered: 8, cancelled: 1, returned: 1 },
  "admin.demo@gmail.com": { shipped: 1, delivered: 3 },
};

/** 505 lines over 200 orders. */
const LINE_MIX = [
  [1, 45],
  [2, 55],
  [3, 50],
  [4, 50],
] as const;

function repeat<T>(entries: readonly (readonly [T, number])[]): T[] {
  return entries.flatMap(([value, times]) => Array.from({ length: times }, () => value));
}

/** When each step happened, newest last, worked out backwards from how long ago the last one was. */
function stepsFor(
  random: Random,
  status: OrderStatus,
  carrier: SeedCarrier,
  shape: { long: boolean; now: number },
): Step[] {
  const hours = (min: number, max: number): number => random.int(min * 60, max * 60) * MINUTE;
  const transit = random.int(carrier.days[0] * 24, carrier.days[1] * 24) * HOUR;
  const path: OrderStatus[] = ["placed", "confirmed", "shipped", "out_for_delivery", "delivered"];
  const gaps: Record<string, number> = {
    confirmed: hours(1, 12),
    shipped: hours(8, 22),
    out_for_delivery: transit,
    delivered: hours(2, 8),
    returned: hours(96, 288),
    cancelled: hours(2, 9),
  };
  let last: number;
  let statuses: OrderStatus[];
  switch (status) {
    case "placed":
      statuses = ["placed"];
      last = hours(1, 20);
      break;
    case "confirmed":
      statuses = ["placed", "confirmed"];
      last = hours(2, 40);
      break;
    case "shipped":
      statuses = path.slice(0, 3);
      last = random.int(2, Math.max(4, carrier.days[0] * 20)) * HOUR;
      break;
    case "out_for_delivery":
      statuses = path.slice(0, 4);
      last = random.int(30, 240) * MINUTE;
      break;
    case "delivered":
      statuses = path;
      last = random.int(1 * 24, 78 * 24) * HOUR;
      break;
    case "returned":
      statuses = [...path, "returned"];
      last = random.int(1 * 24, 60 * 24) * HOUR;
      break;
    case "cancelled":
      statuses = shape.long ? ["placed", "confirmed", "cancelled"] : ["placed", "cancelled"];
      last = random.int(5 * 24, 85 * 24) * HOUR;
      break;
  }
  let at = shape.now - last;
  const steps: Step[] = [];
  for (const one of statuses.toReversed()) {
    steps.unshift({ status: one, at });
    at -= gaps[one] ?? 0;
  }
  return steps;
}

/** Alice's open orders have fixed ages, so that what is newest is known: shipped first, then the cancellable ones. */
function aliceSteps(status: OrderStatus, nth: number, now: number): Step[] | undefined {
  if (status === "shipped") {
    return [
      { status: "placed", at: now - 44 * HOUR },
      { status: "confirmed", at: now - 41 * HOUR },
      { status: "shipped", at: now - 19 * HOUR },
    ];
  }
  if (status !== "confirmed") return undefined;
  const age = 3 + nth;
  return [
    { status: "placed", at: now - age * DAY },
    { status: "confirmed", at: now - age * DAY + 5 * HOUR },
  ];
}

/** All orders, oldest first. `now` is the moment of seeding. */
export function planOrders(now: number): PlannedOrder[] {
  const random = randomStream("orders");
  const left: Record<OrderStatus, number> = { ...STATUS_MIX };
  const hands = new Map<SeedPerson, OrderStatus[]>();
  for (const person of people) {
    const reserved = Object.entries(RESERVED[person.email] ?? {}) as [OrderStatus, number][];
    for (const [status, times] of reserved) left[status] -= times;
    hands.set(person, repeat(reserved));
  }
  const deck = random.shuffle(repeat(Object.entries(left) as [OrderStatus, number][]));
  for (const [person, hand] of hands) while (hand.length < person.orders) hand.push(deck.pop()!);

  const lines = random.shuffle(repeat(LINE_MIX));
  const planned: PlannedOrder[] = [];
  // 9 of the 21 cancelled orders were confirmed first: with them the timelines have 773 steps in all.
  let confirmedBeforeCancel = 9;
  for (const [person, hand] of hands) {
    let aliceConfirmed = 0;
    for (const status of hand) {
      const alice = person.email.startsWith("alice.");
      const carrier = alice && status === "shipped" ? carriers[1]! : random.pick(carriers);
      const long = status === "cancelled" && confirmedBeforeCancel-- > 0;
      let steps = stepsFor(random, status, carrier, { long, now });
      if (alice) {
        steps = aliceSteps(status, aliceConfirmed, now) ?? olderThan(steps, now - 6 * DAY);
        if (status === "confirmed") aliceConfirmed++;
      }
      planned.push({ person, status, carrier, steps, lines: lines.pop()! });
    }
  }
  return planned.toSorted((a, b) => a.steps[0]!.at - b.steps[0]!.at);
}

/** Moves a finished order back in time until it was placed before `limit`. */
function olderThan(steps: Step[], limit: number): Step[] {
  const late = Math.max(0, steps[0]!.at - limit);
  return steps.map((s) => ({ ...s, at: s.at - late }));
}
