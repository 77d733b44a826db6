-- The desk's own tables: customers and what hangs from them. Who people are, approvals, cases and the log belong to
-- packages; `owner_id`, `author_id` and the like are principal ids.
--
-- Guarantees
--   * Every row of a person has its tenant and its owner, and so has every key that leads to it: a child row can
--     neither join two people nor tell that somebody else's row exists (SR-23). Ids such as `42` are a tenant's own.
--   * Money is integer cents, states are closed sets, and an order adds up.
--   * What a person's row is called is made here (`default`), never by whoever inserts it.
-- Does not: say who may see or do what; 0002 and 0003 do.

create schema desk;
revoke all on schema desk from public;
grant usage on schema desk to {{app}};

-- Who works here, as the installation says. A token's word alone makes nobody a colleague.
create table desk.staff (
  tenant text not null,
  person_id uuid not null,
  handle text not null check (handle ~ '^[a-z][a-z0-9-]{1,30}$'),
  name text not null check (length(name) between 1 and 200),
  roles text[] not null check (roles <@ array['support', 'analyst', 'admin', 'ops'] and cardinality(roles) > 0),
  primary key (tenant, person_id),
  unique (tenant, handle)
);

create table desk.customers (
  tenant text not null,
  owner_id uuid not null,
  id text not null check (id ~ '^[0-9]{1,12}$'),
  name text not null check (length(name) between 1 and 200),
  email text check (length(email) between 3 and 254),
  phone text check (length(phone) between 3 and 40),
  city text check (length(city) <= 100),
  plan text not null check (plan in ('free', 'pro', 'enterprise')),
  version integer not null default 1,
  created_at timestamptz not null,
  -- A deleted customer keeps its number, because orders and invoices have to be kept; nothing else of it is.
  deleted_at timestamptz,
  primary key (tenant, owner_id, id),
  check (deleted_at is null or (email is null and phone is null and city is null))
);
create index customers_id on desk.customers (tenant, id);

create table desk.customer_segments (
  tenant text not null,
  owner_id uuid not null,
  customer_id text not null,
  segment text not null check (segment ~ '^[a-z][a-z0-9_]{1,40}$'),
  primary key (tenant, owner_id, customer_id, segment),
  foreign key (tenant, owner_id, customer_id) references desk.customers (tenant, owner_id, id)
);

create table desk.customer_notes (
  tenant text not null,
  owner_id uuid not null,
  id uuid not null default gen_random_uuid(),
  customer_id text not null,
  note text not null check (length(note) between 1 and 2000),
  author_id uuid not null,
  created_at timestamptz not null default clock_timestamp(),
  primary key (tenant, owner_id, id),
  foreign key (tenant, owner_id, customer_id) references desk.customers (tenant, owner_id, id)
);

create table desk.interactions (
  tenant text not null,
  owner_id uuid not null,
  id uuid not null default gen_random_uuid(),
  customer_id text not null,
  channel text not null check (channel in ('email', 'phone', 'chat', 'store', 'system')),
  summary text not null check (length(summary) between 1 and 500),
  at timestamptz not null default clock_timestamp(),
  primary key (tenant, owner_id, id),
  foreign key (tenant, owner_id, customer_id) references desk.customers (tenant, owner_id, id)
);

create table desk.payment_methods (
  tenant text not null,
  owner_id uuid not null,
  id text not null check (id ~ '^pm_[a-z0-9]{4,20}$'),
  customer_id text not null,
  kind text not null check (kind in ('card', 'bank', 'wallet')),
  brand text not null check (length(brand) between 1 and 40),
  -- All that is kept of the number.
  last4 text not null check (last4 ~ '^[0-9]{4}$'),
  expires text check (expires ~ '^[0-9]{4}-[0-9]{2}$'),
  is_default boolean not null,
  primary key (tenant, owner_id, id),
  foreign key (tenant, owner_id, customer_id) references desk.customers (tenant, owner_id, id)
);

create table desk.discounts (
  tenant text not null,
  code text not null check (code ~ '^[A-Z0-9]{3,20}$'),
  percent integer not null check (percent between 1 and 90),
  min_subtotal_cents bigint not null check (min_subtotal_cents >= 0),
  valid_until timestamptz not null,
  max_uses integer not null check (max_uses > 0),
  used integer not null default 0 check (used >= 0),
  primary key (tenant, code),
  check (used <= max_uses)
);

create table desk.orders (
  tenant text not null,
  owner_id uuid not null,
  id text not null check (id ~ '^[0-9]{1,12}$'),
  customer_id text not null,
  status text not null check (status in ('pending', 'paid', 'shipped', 'delivered', 'cancelled', 'refunded')),
  subtotal_cents bigint not null check (subtotal_cents >= 0),
  discount_cents bigint not null default 0 check (discount_cents between 0 and subtotal_cents),
  shipping_cents bigint not null check (shipping_cents >= 0),
  total_cents bigint not null check (total_cents = subtotal_cents - discount_cents + shipping_cents),
  refunded_cents bigint not null default 0 check (refunded_cents between 0 and total_cents),
  discount_code text,
  version integer not null default 1,
  placed_at timestamptz not null,
  delivered_at timestamptz,
  cancel_reason text check (length(cancel_reason) between 1 and 500),
  primary key (tenant, owner_id, id),
  foreign key (tenant, owner_id, customer_id) references desk.customers (tenant, owner_id, id),
  foreign key (tenant, discount_code) references desk.discounts (tenant, code),
  check ((status = 'cancelled') = (cancel_reason is not null)),
  check ((discount_code is null) = (discount_cents = 0))
);
create index orders_id on desk.orders (tenant, id);
create index orders_customer on desk.orders (tenant, owner_id, customer_id, placed_at desc);

create table desk.order_items (
  tenant text not null,
  owner_id uuid not null,
  order_id text not null,
  line integer not null check (line > 0),
  name text not null check (length(name) between 1 and 200),
  quantity integer not null check (quantity > 0),
  unit_price_cents bigint not null check (unit_price_cents >= 0),
  primary key (tenant, owner_id, order_id, line),
  foreign key (tenant, owner_id, order_id) references desk.orders (tenant, owner_id, id)
);

create table desk.invoices (
  tenant text not null,
  owner_id uuid not null,
  id text not null check (id ~ '^INV-[0-9]{1,12}$'),
  order_id text not null,
  status text not null check (status in ('open', 'paid', 'void', 'credited')),
  amount_cents bigint not null check (amount_cents >= 0),
  issued_at timestamptz not null,
  due_at timestamptz not null check (due_at >= issued_at),
  primary key (tenant, owner_id, id),
  unique (tenant, owner_id, order_id),
  foreign key (tenant, owner_id, order_id) references desk.orders (tenant, owner_id, id)
);
create index invoices_id on desk.invoices (tenant, id);

create table desk.shipments (
  tenant text not null,
  owner_id uuid not null,
  order_id text not null,
  carrier text not null check (length(carrier) between 1 and 60),
  tracking_number text not null check (tracking_number ~ '^[A-Z0-9]{6,40}$'),
  status text not null check (status in ('label_created', 'in_transit', 'out_for_delivery', 'delivered')),
  expected_at timestamptz,
  primary key (tenant, owner_id, order_id),
  foreign key (tenant, owner_id, order_id) references desk.orders (tenant, owner_id, id)
);

create table desk.shipment_events (
  tenant text not null,
  owner_id uuid not null,
  order_id text not null,
  at timestamptz not null,
  status text not null check (status in ('label_created', 'in_transit', 'out_for_delivery', 'delivered')),
  place text not null check (length(place) between 1 and 100),
  primary key (tenant, owner_id, order_id, at),
  foreign key (tenant, owner_id, order_id) references desk.shipments (tenant, owner_id, order_id)
);

create table desk.refunds (
  tenant text not null,
  owner_id uuid not null,
  id uuid not null default gen_random_uuid(),
  order_id text not null,
  amount_cents bigint not null check (amount_cents > 0),
  reason text not null check (length(reason) between 1 and 500),
  issued_by uuid not null,
  at timestamptz not null default clock_timestamp(),
  primary key (tenant, owner_id, id),
  foreign key (tenant, owner_id, order_id) references desk.orders (tenant, owner_id, id)
);

create table desk.tickets (
  tenant text not null,
  owner_id uuid not null,
  id text not null default 'T-' || left(replace(gen_random_uuid()::text, '-', ''), 12) check (id ~ '^T-[0-9a-f]{1,16}$'),
  customer_id text not null,
  subject text not null check (length(subject) between 1 and 200),
  description text not null check (length(description) between 1 and 4000),
  status text not null default 'open' check (status in ('open', 'pending', 'closed')),
  priority text not null check (priority in ('low', 'medium', 'high', 'urgent')),
  tier integer not null default 1 check (tier in (1, 2)),
  assignee_id uuid,
  resolution text check (length(resolution) between 1 and 2000),
  version integer not null default 1,
  created_at timestamptz not null default clock_timestamp(),
  closed_at timestamptz,
  primary key (tenant, owner_id, id),
  foreign key (tenant, owner_id, customer_id) references desk.customers (tenant, owner_id, id),
  foreign key (tenant, assignee_id) references desk.staff (tenant, person_id),
  check ((status = 'closed') = (resolution is not null) and (status = 'closed') = (closed_at is not null))
);
create index tickets_id on desk.tickets (tenant, id);

create table desk.ticket_comments (
  tenant text not null,
  owner_id uuid not null,
  id uuid not null default gen_random_uuid(),
  ticket_id text not null,
  comment text not null check (length(comment) between 1 and 4000),
  internal boolean not null,
  author_id uuid not null,
  created_at timestamptz not null default clock_timestamp(),
  primary key (tenant, owner_id, id),
  foreign key (tenant, owner_id, ticket_id) references desk.tickets (tenant, owner_id, id)
);
create index ticket_comments_ticket on desk.ticket_comments (tenant, owner_id, ticket_id, created_at);

create table desk.features (
  tenant text not null,
  feature text not null check (feature ~ '^[a-z][a-z0-9_]{1,60}$'),
  description text not null check (length(description) between 1 and 200),
  enabled boolean not null,
  version integer not null default 1,
  updated_by uuid,
  updated_at timestamptz not null default clock_timestamp(),
  primary key (tenant, feature)
);
