/** Rows to begin with. Times are told in days before now, so that reports have something in them. */
import type { Queryable } from "deputize/store";
import { PEOPLE, type PersonName, idOf } from "./people.ts";

interface SeedOrder {
  readonly id: string;
  readonly owner: PersonName;
  readonly customer: string;
  readonly status: "pending" | "paid" | "shipped" | "delivered";
  readonly daysAgo: number;
  readonly shipping: number;
  readonly items: readonly (readonly [name: string, quantity: number, cents: number])[];
}

/** Both companies have a customer 42 and an order 12345: ids are a tenant's own. */
const CUSTOMERS = [
  ["42", "ann", "+1 555 0142", "Portland", "pro", ["loyal", "newsletter"]],
  ["43", "ben", "+1 555 0143", "Boise", "free", ["new_buyer"]],
  ["44", "cleo", "+1 555 0144", "Austin", "enterprise", ["high_value", "loyal"]],
  ["45", "dora", "+1 555 0145", "Denver", "pro", []],
  ["42", "gus", "+1 555 0242", "Reno", "pro", ["loyal"]],
  ["92", "gina", "+1 555 0292", "Tulsa", "free", []],
] as const satisfies readonly (readonly [string, PersonName, string, string, string, readonly string[]])[];

// prettier-ignore
const ORDERS: readonly SeedOrder[] = [
  { id: "12345", owner: "ann", customer: "42", status: "delivered", daysAgo: 12, shipping: 500, items: [["Desk lamp", 1, 4900], ["Bulb", 2, 450]] },
  { id: "12346", owner: "ann", customer: "42", status: "shipped", daysAgo: 3, shipping: 0, items: [["Office chair", 1, 18900]] },
  { id: "12347", owner: "ann", customer: "42", status: "pending", daysAgo: 0, shipping: 500, items: [["Bookshelf", 1, 12000]] },
  { id: "12348", owner: "ann", customer: "42", status: "pending", daysAgo: 0, shipping: 500, items: [["Picture frame", 3, 1500]] },
  { id: "22345", owner: "ben", customer: "43", status: "delivered", daysAgo: 40, shipping: 500, items: [["Kettle", 1, 3500]] },
  { id: "22346", owner: "ben", customer: "43", status: "pending", daysAgo: 1, shipping: 500, items: [["Toaster", 1, 2900]] },
  { id: "32345", owner: "cleo", customer: "44", status: "delivered", daysAgo: 20, shipping: 0, items: [["Standing desk", 4, 52000]] },
  { id: "42345", owner: "dora", customer: "45", status: "delivered", daysAgo: 200, shipping: 500, items: [["Rug", 1, 8000]] },
  { id: "12345", owner: "gus", customer: "42", status: "delivered", daysAgo: 5, shipping: 500, items: [["Globe", 1, 6000]] },
  { id: "92345", owner: "gina", customer: "92", status: "pending", daysAgo: 1, shipping: 500, items: [["Atlas", 1, 3000]] },
];

const TICKETS = [
  ["T-501", "ann", "42", "Lamp flickers", "The lamp of order 12345 flickers every evening.", "medium", null],
  ["T-502", "ann", "42", "Invoice address", "Please put my company on the invoice.", "low", "sam"],
  ["T-601", "ben", "43", "Kettle leaks", "Water comes out at the bottom.", "high", null],
  ["T-701", "cleo", "44", "Desk wobbles", "One of four desks wobbles.", "medium", "tess"],
  ["T-902", "gina", "92", "Atlas is late", "Where is it?", "low", null],
  ["T-501", "gus", "42", "Globe is flat", "It arrived flat.", "high", null],
] as const satisfies readonly (readonly [
  string,
  PersonName,
  string,
  string,
  string,
  string,
  string | null,
])[];

const FEATURES = [
  ["express_checkout", "Check-out in one step", true],
  ["dark_mode", "Dark colours in the shop", false],
] as const;

/** Writes everything, once: a second start finds it there. Runs as the owner of the database. */
export async function seedDesk(owner: Queryable): Promise<void> {
  const { rows } = await owner.query<{ n: number }>("SELECT count(*)::int AS n FROM desk.customers");
  if (rows[0]?.n) return;
  await owner.query("BEGIN");
  try {
    await write(owner);
    await owner.query("COMMIT");
  } catch (error) {
    await owner.query("ROLLBACK");
    throw error;
  }
}

async function write(db: Queryable): Promise<void> {
  for (const name of Object.keys(PEOPLE) as PersonName[]) {
    const { tenant, roles, name: full, handle } = { handle: undefined, ...PEOPLE[name] };
    if (handle === undefined) continue;
    await db.query(
      "INSERT INTO desk.staff (tenant, person_id, handle, name, roles) VALUES ($1, $2, $3, $4, $5)",
      [tenant, idOf(name), handle, full, roles],
    );
  }
  for (const tenant of ["default", "globex"]) {
    for (const [feature, description, enabled] of FEATURES) {
      await db.query(
        "INSERT INTO desk.features (tenant, feature, description, enabled) VALUES ($1, $2, $3, $4)",
        [tenant, feature, description, enabled],
      );
    }
    await db.query(
      `INSERT INTO desk.discounts (tenant, code, percent, min_subtotal_cents, valid_until, max_uses)
       VALUES ($1, 'SPRING10', 10, 1000, now() + interval '90 days', 100),
              ($1, 'LASTONE', 20, 0, now() + interval '90 days', 1),
              ($1, 'OLD50', 50, 0, now() - interval '1 day', 100)`,
      [tenant],
    );
  }
  for (const [id, owner, phone, city, plan, segments] of CUSTOMERS)
    await writeCustomer(db, { id, owner, phone, city, plan, segments });
  for (const order of ORDERS) await writeOrder(db, order);
  for (const [id, owner, customer, subject, description, priority, assignee] of TICKETS) {
    const { tenant } = PEOPLE[owner];
    const key = [tenant, idOf(owner), id];
    await db.query(
      `INSERT INTO desk.tickets (tenant, owner_id, id, customer_id, subject, description, priority, assignee_id, created_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now() - interval '2 days')`,
      [...key, customer, subject, description, priority, assignee && idOf(assignee)],
    );
    await db.query(
      `INSERT INTO desk.ticket_comments (tenant, owner_id, ticket_id, comment, internal, author_id, created_at)
       VALUES ($1, $2, $3, 'I am here if you need more.', false, $2, now() - interval '1 day'),
              ($1, $2, $3, 'Third complaint about this batch.', true, $4, now() - interval '20 hours')`,
      [...key, idOf(tenant === "globex" ? "greta" : "sam")],
    );
  }
}

async function writeCustomer(
  db: Queryable,
  customer: {
    id: string;
    owner: PersonName;
    phone: string;
    city: string;
    plan: string;
    segments: readonly string[];
  },
): Promise<void> {
  const { tenant, name, email } = PEOPLE[customer.owner];
  const key = [tenant, idOf(customer.owner), customer.id];
  await db.query(
    `INSERT INTO desk.customers (tenant, owner_id, id, name, email, phone, city, plan, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now() - interval '400 days')`,
    [...key, name, email, customer.phone, customer.city, customer.plan],
  );
  await db.query(
    "INSERT INTO desk.customer_segments (tenant, owner_id, customer_id, segment) SELECT $1, $2, $3, unnest($4::text[])",
    [...key, customer.segments],
  );
  await db.query(
    `INSERT INTO desk.interactions (tenant, owner_id, customer_id, channel, summary, at)
     VALUES ($1, $2, $3, 'phone', 'asked about delivery times', now() - interval '30 days'),
            ($1, $2, $3, 'email', 'thanked for quick help', now() - interval '9 days')`,
    key,
  );
  await db.query(
    `INSERT INTO desk.payment_methods (tenant, owner_id, id, customer_id, kind, brand, last4, expires, is_default)
     VALUES ($1, $2, $4, $3, 'card', 'Visa', '4242', '2030-04', true)`,
    [...key, `pm_${customer.owner}card`],
  );
}

async function writeOrder(db: Queryable, order: SeedOrder): Promise<void> {
  const { id, owner, status, daysAgo, shipping, items } = order;
  const key = [PEOPLE[owner].tenant, idOf(owner), id];
  const subtotal = items.reduce((sum, [, quantity, cents]) => sum + quantity * cents, 0);
  await db.query(
    `INSERT INTO desk.orders (tenant, owner_id, id, customer_id, status, subtotal_cents, shipping_cents, total_cents, placed_at,
       delivered_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $6::bigint + $7::bigint, now() - make_interval(days => $8::int),
       CASE WHEN $5 = 'delivered' THEN now() - make_interval(days => $8::int) + interval '3 days' END)`,
    [...key, order.customer, status, subtotal, shipping, daysAgo],
  );
  for (const [index, [name, quantity, cents]] of items.entries()) {
    await db.query("INSERT INTO desk.order_items VALUES ($1, $2, $3, $4, $5, $6, $7)", [
      ...key,
      index + 1,
      name,
      quantity,
      cents,
    ]);
  }
  await db.query(
    `INSERT INTO desk.invoices (tenant, owner_id, id, order_id, status, amount_cents, issued_at, due_at)
     VALUES ($1, $2, 'INV-' || $3, $3, CASE WHEN $4 = 'pending' THEN 'open' ELSE 'paid' END, $5, now(), now() + interval '30 days')`,
    [...key, status, subtotal + shipping],
  );
  if (status !== "shipped" && status !== "delivered") return;
  const there = status === "delivered" ? "delivered" : "in_transit";
  await db.query(
    `INSERT INTO desk.shipments (tenant, owner_id, order_id, carrier, tracking_number, status, expected_at)
     VALUES ($1, $2, $3, 'Northwind Parcels', 'NW' || $3 || 'US', $4, now() + interval '2 days')`,
    [...key, there],
  );
  await db.query(
    `INSERT INTO desk.shipment_events (tenant, owner_id, order_id, at, status, place)
     VALUES ($1, $2, $3, now() - interval '60 hours', 'label_created', 'Seattle'),
            ($1, $2, $3, now() - interval '30 hours', $4, 'Portland')`,
    [...key, there],
  );
}
