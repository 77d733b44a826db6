-- The shop's own tables: catalogue, customers, carts, orders, returns, stock, prices. Identity, conversations,
-- approvals and audit belong to packages and are not repeated here; `user_id` and `seller_id` are principal ids.
--
-- Guarantees
--   * Every table with a person's rows has forced row-level security, and its policies believe only the sealed
--     caller (SR-02): own rows, or rows of a person under an open case (SR-04).
--   * {{app}} may read, per column, and nothing else. The one change it can cause is shop.cancel_order(), which checks
--     subject, state, version and the approval spent in its transaction itself (SR-03, SR-15). No statement of {{app}}
--     can write a column that holds money.
--   * Keys and foreign keys of private rows hold tenant and owner, so that a child row can neither join two people
--     nor tell that another's row exists (SR-23).
--   * Who writes each column is declared in src/domain/column-writers.ts, which a test holds against this schema
--     (SR-07).
--   * Names are schema-qualified everywhere; definer functions pin their search path (SR-17).
-- Does not: hold for {{owner}}, which migrates and seeds and never serves. It needs a policy of its own because
--   FORCE binds an owner that is not a superuser.

create schema shop;
revoke all on schema shop from public;
grant usage on schema shop to {{app}};

-- The tenant whose public catalogue is shown: the caller's, or the default one to visitors.
create function shop.catalogue_tenant() returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
  as $$ select coalesce(deputize.tenant(), 'default') $$;
revoke all on function shop.catalogue_tenant() from public;
grant execute on function shop.catalogue_tenant() to {{app}};

-- ---------------------------------------------------------------- reference data, public

create table shop.loyalty_tiers (
  id uuid primary key,
  name text not null unique,
  min_spend bigint not null check (min_spend >= 0),
  discount_bp integer not null check (discount_bp between 0 and 10000),
  -- Zero is "always free", null is "never": they are not the same (SH-D23).
  free_shipping_from bigint check (free_shipping_from >= 0),
  priority_support boolean not null,
  created_at timestamptz not null
);

create table shop.warehouses (
  id uuid primary key,
  code text not null unique,
  name text not null,
  location text not null,
  region text not null check (region in ('east', 'central', 'west')),
  created_at timestamptz not null
);

create table shop.carriers (
  id uuid primary key,
  name text not null unique,
  speed_tier text not null check (speed_tier in ('standard', 'express', 'overnight')),
  base_rate bigint not null check (base_rate >= 0),
  created_at timestamptz not null
);

create table shop.shipping_rates (
  id uuid primary key,
  carrier_id uuid not null references shop.carriers (id),
  region_from text not null check (region_from in ('east', 'central', 'west')),
  region_to text not null check (region_to in ('east', 'central', 'west')),
  price bigint not null check (price >= 0),
  days_min integer not null check (days_min >= 0),
  days_max integer not null check (days_max >= days_min),
  created_at timestamptz not null,
  unique (carrier_id, region_from, region_to)
);

-- ---------------------------------------------------------------- catalogue, public while active

create table shop.products (
  id uuid primary key,
  tenant text not null,
  seller_id uuid not null,
  name text not null check (length(name) between 1 and 200),
  slug text not null check (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'),
  description text not null check (length(description) <= 5000),
  category text not null check (category in ('Electronics', 'Clothing', 'Home', 'Sports', 'Books')),
  brand text not null check (length(brand) between 1 and 100),
  price bigint not null check (price >= 0),
  list_price bigint check (list_price >= price),
  image_url text not null check (image_url like '/art/%'),
  rating numeric(3, 2) not null check (rating between 0 and 5),
  review_count integer not null check (review_count >= 0),
  specs jsonb not null check (jsonb_typeof(specs) = 'object'),
  keywords text not null,
  search tsvector not null generated always as (
    setweight(to_tsvector('pg_catalog.english'::regconfig, name || ' ' || brand), 'A') ||
    setweight(to_tsvector('pg_catalog.english'::regconfig, category || ' ' || keywords), 'B') ||
    setweight(to_tsvector('pg_catalog.english'::regconfig, description), 'C')
  ) stored,
  is_active boolean not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  unique (tenant, slug),
  unique (tenant, id),
  unique (tenant, seller_id, id)
);
create index products_search on shop.products using gin (search);
create index products_category on shop.products (tenant, category);
create index products_seller on shop.products (seller_id);

create table shop.price_history (
  id uuid primary key,
  tenant text not null,
  product_id uuid not null,
  price bigint not null check (price >= 0),
  recorded_at timestamptz not null,
  changed_by uuid,
  unique (tenant, product_id, recorded_at),
  foreign key (tenant, product_id) references shop.products (tenant, id)
);

create table shop.warehouse_inventory (
  tenant text not null,
  warehouse_id uuid not null references shop.warehouses (id),
  product_id uuid not null,
  seller_id uuid not null,
  quantity integer not null check (quantity >= 0),
  reorder_threshold integer not null default 10 check (reorder_threshold >= 0),
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (tenant, warehouse_id, product_id),
  foreign key (tenant, seller_id, product_id) references shop.products (tenant, seller_id, id)
);
create index warehouse_inventory_product on shop.warehouse_inventory (product_id);
create index warehouse_inventory_warehouse on shop.warehouse_inventory (warehouse_id);

create table shop.restock_schedule (
  id uuid primary key,
  tenant text not null,
  warehouse_id uuid not null references shop.warehouses (id),
  product_id uuid not null,
  seller_id uuid not null,
  expected_quantity integer not null check (expected_quantity > 0),
  expected_date timestamptz not null,
  received_at timestamptz,
  created_at timestamptz not null,
  foreign key (tenant, seller_id, product_id) references shop.products (tenant, seller_id, id)
);
create index restock_schedule_product on shop.restock_schedule (product_id);
create index restock_schedule_warehouse on shop.restock_schedule (warehouse_id);

create table shop.coupons (
  id uuid primary key,
  tenant text not null,
  code text not null check (code = upper(code) and length(code) between 3 and 40),
  description text not null,
  type text not null check (type in ('percentage', 'fixed', 'perk')),
  percent integer check (percent between 1 and 100),
  amount bigint check (amount > 0),
  min_spend bigint not null check (min_spend >= 0),
  max_discount bigint check (max_discount > 0),
  usage_limit integer check (usage_limit > 0),
  times_used integer not null check (times_used >= 0),
  valid_from timestamptz not null,
  valid_until timestamptz not null check (valid_until > valid_from),
  categories text[],
  only_user uuid,
  min_tier text references shop.loyalty_tiers (name),
  first_order_only boolean not null,
  is_active boolean not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  unique (tenant, code),
  unique (tenant, id),
  check (times_used <= usage_limit),
  check ((type = 'percentage') = (percent is not null)),
  check ((type = 'fixed') = (amount is not null))
);
create index coupons_min_tier on shop.coupons (min_tier);

create table shop.promotions (
  id uuid primary key,
  tenant text not null,
  name text not null,
  type text not null check (type in ('bundle', 'buy_x_get_y', 'flash_sale')),
  rules jsonb not null check (jsonb_typeof(rules) = 'object'),
  early_access_from timestamptz,
  starts_at timestamptz not null,
  ends_at timestamptz not null check (ends_at > starts_at),
  is_active boolean not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  unique (tenant, name)
);

-- ---------------------------------------------------------------- reviews: public text, private writer

create table shop.reviews (
  id uuid primary key,
  tenant text not null,
  user_id uuid not null,
  product_id uuid not null,
  author_name text not null check (length(author_name) <= 100),
  rating integer not null check (rating between 1 and 5),
  title text not null check (length(title) <= 200),
  body text not null check (length(body) <= 5000),
  verified_purchase boolean not null,
  helpful_count integer not null check (helpful_count >= 0),
  is_flagged boolean not null,
  state text not null check (state in ('published', 'hidden')),
  created_at timestamptz not null,
  updated_at timestamptz not null,
  unique (tenant, product_id, user_id),
  unique (tenant, id),
  foreign key (tenant, product_id) references shop.products (tenant, id)
);
create index reviews_user on shop.reviews (user_id);
create index reviews_product on shop.reviews (product_id, created_at desc);

create table shop.review_votes (
  id uuid primary key,
  tenant text not null,
  user_id uuid not null,
  review_id uuid not null,
  created_at timestamptz not null,
  unique (tenant, user_id, review_id),
  foreign key (tenant, review_id) references shop.reviews (tenant, id)
);
create index review_votes_review on shop.review_votes (review_id);

-- ---------------------------------------------------------------- people as customers

create table shop.customers (
  principal_id uuid primary key,
  tenant text not null,
  loyalty_tier text not null references shop.loyalty_tiers (name),
  -- The sum of the totals of all orders that were neither cancelled nor returned.
  total_spend bigint not null check (total_spend >= 0),
  created_at timestamptz not null,
  updated_at timestamptz not null,
  unique (tenant, principal_id)
);
create index customers_tier on shop.customers (loyalty_tier);

create table shop.carts (
  id uuid primary key,
  tenant text not null,
  user_id uuid not null,
  shipping_address jsonb,
  billing_address jsonb,
  billing_same boolean not null,
  coupon_code text,
  notes text check (length(notes) <= 1000),
  version integer not null check (version > 0),
  created_at timestamptz not null,
  updated_at timestamptz not null,
  unique (tenant, user_id),
  unique (tenant, user_id, id),
  foreign key (tenant, user_id) references shop.customers (tenant, principal_id)
);

create table shop.cart_items (
  id uuid primary key,
  tenant text not null,
  user_id uuid not null,
  cart_id uuid not null,
  product_id uuid not null,
  quantity integer not null check (quantity between 1 and 99),
  created_at timestamptz not null,
  updated_at timestamptz not null,
  unique (tenant, user_id, cart_id, product_id),
  foreign key (tenant, user_id, cart_id) references shop.carts (tenant, user_id, id),
  foreign key (tenant, product_id) references shop.products (tenant, id)
);
create index cart_items_cart on shop.cart_items (cart_id);
create index cart_items_product on shop.cart_items (product_id);

-- ---------------------------------------------------------------- orders

create table shop.orders (
  id uuid primary key,
  tenant text not null,
  user_id uuid not null,
  number text not null check (number ~ '^ORD-[0-9]{5,}$'),
  status text not null check (
    status in ('placed', 'confirmed', 'shipped', 'out_for_delivery', 'delivered', 'cancelled', 'returned')
  ),
  subtotal bigint not null check (subtotal >= 0),
  promo_discount bigint not null check (promo_discount >= 0),
  coupon_discount bigint not null check (coupon_discount >= 0),
  loyalty_discount bigint not null check (loyalty_discount >= 0),
  shipping bigint not null check (shipping >= 0),
  total bigint not null check (total >= 0),
  coupon_code text,
  shipping_address jsonb not null,
  billing_address jsonb not null,
  carrier_id uuid not null references shop.carriers (id),
  tracking_number text,
  -- Raised by every change; a preview names it, and an act on an older one is refused (SR-15).
  version integer not null check (version > 0),
  placed_at timestamptz not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  unique (tenant, user_id, number),
  unique (tenant, number),
  unique (tenant, tracking_number),
  unique (tenant, user_id, id),
  foreign key (tenant, user_id) references shop.customers (tenant, principal_id),
  constraint orders_total check (
    total = subtotal - promo_discount - coupon_discount - loyalty_discount + shipping
  ),
  constraint orders_discount check (promo_discount + coupon_discount + loyalty_discount <= subtotal)
);
create index orders_owner on shop.orders (user_id, placed_at desc, id desc);
create index orders_carrier on shop.orders (carrier_id);

create table shop.order_items (
  id uuid primary key,
  tenant text not null,
  user_id uuid not null,
  seller_id uuid not null,
  order_id uuid not null,
  product_id uuid not null,
  -- Where the units were taken from, and go back to.
  warehouse_id uuid not null references shop.warehouses (id),
  name text not null,
  quantity integer not null check (quantity > 0),
  unit_price bigint not null check (unit_price >= 0),
  discount bigint not null check (discount >= 0),
  subtotal bigint not null check (subtotal >= 0),
  fulfilment text not null check (fulfilment in ('pending', 'shipped', 'delivered', 'cancelled', 'returned')),
  created_at timestamptz not null,
  updated_at timestamptz not null,
  unique (tenant, user_id, order_id, product_id),
  unique (tenant, user_id, id),
  foreign key (tenant, user_id, order_id) references shop.orders (tenant, user_id, id),
  foreign key (tenant, seller_id, product_id) references shop.products (tenant, seller_id, id),
  constraint order_items_subtotal check (subtotal = quantity * unit_price - discount)
);
create index order_items_order on shop.order_items (order_id);
create index order_items_product on shop.order_items (product_id);
create index order_items_seller on shop.order_items (seller_id);
create index order_items_warehouse on shop.order_items (warehouse_id);

create table shop.order_status_history (
  id uuid primary key,
  tenant text not null,
  user_id uuid not null,
  order_id uuid not null,
  status text not null check (
    status in ('placed', 'confirmed', 'shipped', 'out_for_delivery', 'delivered', 'cancelled', 'returned')
  ),
  notes text check (length(notes) <= 500),
  location text check (length(location) <= 200),
  actor_id uuid,
  at timestamptz not null,
  unique (tenant, user_id, order_id, status),
  foreign key (tenant, user_id, order_id) references shop.orders (tenant, user_id, id)
);
create index order_status_history_order on shop.order_status_history (order_id, at);

create table shop.returns (
  id uuid primary key,
  tenant text not null,
  user_id uuid not null,
  order_id uuid not null,
  reason text not null check (length(reason) between 1 and 500),
  status text not null check (status in ('requested', 'approved', 'shipped_back', 'received', 'refunded', 'denied')),
  refund_method text not null check (refund_method in ('original_payment', 'store_credit')),
  refund_amount bigint not null check (refund_amount >= 0),
  decided_by uuid,
  resolved_at timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  unique (tenant, user_id, id),
  foreign key (tenant, user_id, order_id) references shop.orders (tenant, user_id, id)
);
create index returns_order on shop.returns (order_id);

create table shop.return_items (
  id uuid primary key,
  tenant text not null,
  user_id uuid not null,
  return_id uuid not null,
  order_item_id uuid not null,
  quantity integer not null check (quantity > 0),
  created_at timestamptz not null,
  unique (tenant, user_id, return_id, order_item_id),
  foreign key (tenant, user_id, return_id) references shop.returns (tenant, user_id, id),
  foreign key (tenant, user_id, order_item_id) references shop.order_items (tenant, user_id, id)
);
create index return_items_return on shop.return_items (return_id);
create index return_items_item on shop.return_items (order_item_id);

create table shop.refunds (
  id uuid primary key,
  tenant text not null,
  user_id uuid not null,
  order_id uuid not null,
  return_id uuid,
  amount bigint not null check (amount > 0),
  method text not null check (method in ('original_payment', 'store_credit')),
  issued_by uuid not null,
  approval_id uuid unique,
  created_at timestamptz not null,
  unique (tenant, user_id, return_id),
  foreign key (tenant, user_id, order_id) references shop.orders (tenant, user_id, id),
  foreign key (tenant, user_id, return_id) references shop.returns (tenant, user_id, id)
);
create index refunds_order on shop.refunds (order_id);

create table shop.coupon_redemptions (
  id uuid primary key,
  tenant text not null,
  user_id uuid not null,
  coupon_id uuid not null,
  order_id uuid not null,
  amount bigint not null check (amount >= 0),
  reversed_at timestamptz,
  created_at timestamptz not null,
  unique (tenant, user_id, order_id),
  foreign key (tenant, coupon_id) references shop.coupons (tenant, id),
  foreign key (tenant, user_id, order_id) references shop.orders (tenant, user_id, id)
);
create index coupon_redemptions_coupon on shop.coupon_redemptions (coupon_id);

-- One row says that the seed is in, written by the transaction that wrote the seed.
create table shop.seed (
  name text primary key,
  seeded_at timestamptz not null
);

-- ---------------------------------------------------------------- row-level security

do $$
declare
  t text;
begin
  -- Public while active; everything else of the catalogue is for {{owner}}.
  foreach t in array array[
    'loyalty_tiers', 'warehouses', 'carriers', 'shipping_rates', 'products', 'price_history', 'warehouse_inventory',
    'restock_schedule', 'coupons', 'promotions', 'reviews', 'review_votes', 'customers', 'carts', 'cart_items',
    'orders', 'order_items', 'order_status_history', 'returns', 'return_items', 'refunds', 'coupon_redemptions', 'seed'
  ] loop
    execute format('alter table shop.%I enable row level security', t);
    execute format('alter table shop.%I force row level security', t);
    execute format('revoke all on shop.%I from public', t);
    execute format('create policy owner_all on shop.%I to {{owner}} using (true) with check (true)', t);
  end loop;

  foreach t in array array['loyalty_tiers', 'warehouses', 'carriers', 'shipping_rates'] loop
    execute format('create policy public_read on shop.%I for select to {{app}} using (true)', t);
  end loop;

  -- Private rows that a case over orders opens: the order and what hangs from it.
  foreach t in array array[
    'orders', 'order_items', 'order_status_history', 'returns', 'return_items', 'refunds', 'coupon_redemptions'
  ] loop
    execute format($policy$
      create policy own_or_case on shop.%I for select to {{app}} using (
        tenant = (select deputize.tenant())
        and (
          user_id = (select deputize.subject())
          or user_id = any ((select deputize.case_subjects('orders'))::uuid[])
        )
      )$policy$, t);
  end loop;

  -- Private rows that no case opens.
  foreach t in array array['carts', 'cart_items', 'review_votes'] loop
    execute format($policy$
      create policy own on shop.%I for select to {{app}} using (
        tenant = (select deputize.tenant()) and user_id = (select deputize.subject())
      )$policy$, t);
  end loop;
end
$$;

create policy active_read on shop.products for select to {{app}}
  using (is_active and tenant = (select shop.catalogue_tenant()));

-- The sub-select runs under the policy of products, so what hangs from an inactive product is hidden with it (SH-D48).
create policy active_read on shop.price_history for select to {{app}}
  using (product_id in (select p.id from shop.products p));
create policy active_read on shop.warehouse_inventory for select to {{app}}
  using (product_id in (select p.id from shop.products p));
create policy active_read on shop.restock_schedule for select to {{app}}
  using (product_id in (select p.id from shop.products p));
create policy published_read on shop.reviews for select to {{app}}
  using (state = 'published' and product_id in (select p.id from shop.products p));

create policy offered_read on shop.coupons for select to {{app}} using (
  is_active
  and tenant = (select shop.catalogue_tenant())
  and (only_user is null or only_user = (select deputize.subject()))
);
create policy running_read on shop.promotions for select to {{app}}
  using (is_active and tenant = (select shop.catalogue_tenant()));

create policy own_or_case on shop.customers for select to {{app}} using (
  tenant = (select deputize.tenant())
  and (
    principal_id = (select deputize.subject())
    or principal_id = any ((select deputize.case_subjects('profile'))::uuid[])
  )
);

-- ---------------------------------------------------------------- privileges: reading, by column

grant select on
  shop.loyalty_tiers, shop.warehouses, shop.carriers, shop.shipping_rates, shop.products, shop.price_history,
  shop.warehouse_inventory, shop.restock_schedule, shop.promotions, shop.review_votes, shop.customers, shop.carts,
  shop.cart_items, shop.orders, shop.order_items, shop.order_status_history, shop.returns, shop.return_items,
  shop.refunds, shop.coupon_redemptions
to {{app}};

-- A review is public, its writer is not: the id of the reviewer cannot be selected by anybody who serves.
grant select (
  id, tenant, product_id, author_name, rating, title, body, verified_purchase, helpful_count, is_flagged, state,
  created_at, updated_at
) on shop.reviews to {{app}};

-- How often a coupon was used is the shop's business.
grant select (
  id, tenant, code, description, type, percent, amount, min_spend, max_discount, valid_from, valid_until, categories,
  only_user, min_tier, first_order_only, is_active
) on shop.coupons to {{app}};

-- ---------------------------------------------------------------- the one way to change an order

-- The version of an order of the sealed subject, or null. In a writing transaction it also locks the order, so that what a
-- preview says still holds when the effect follows (SR-15).
create function shop.order_version(order_id uuid) returns integer
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  found_version integer;
begin
  if current_setting('transaction_read_only') = 'off' then
    select o.version into found_version from shop.orders o
      where o.id = order_version.order_id and o.user_id = deputize.subject() and o.tenant = deputize.tenant()
      for update;
  else
    select o.version into found_version from shop.orders o
      where o.id = order_version.order_id and o.user_id = deputize.subject() and o.tenant = deputize.tenant();
  end if;
  return found_version;
end
$$;
revoke all on function shop.order_version(uuid) from public;
grant execute on function shop.order_version(uuid) to {{app}};

-- Cancels an order of the sealed subject. In: the order, a reason of 1 to 500 characters, the version that was
-- agreed to. Raises DP409 unless an approval of exactly that was spent in this transaction.
-- Out: {"outcome": "cancelled" | "not_found" | "not_cancellable" | "changed", …}. Another's order answers exactly as
-- one that does not exist; a case lets staff see an order and never act on it.
-- Puts the units back where they came from, frees the coupon, corrects spend and tier. Payment is taken when an order
-- ships, so there is nothing to refund. Locks: the order first, then stock in product order, coupon, customer.
create function shop.cancel_order(order_id uuid, reason text, agreed_version integer) returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  me uuid := deputize.subject();
  my_tenant text := deputize.tenant();
  target shop.orders%rowtype;
  line record;
  moment timestamptz := clock_timestamp();
  spend bigint;
begin
  if me is null or my_tenant is null then
    raise exception 'no sealed caller' using errcode = 'DP403';
  end if;
  perform deputize.assert_live();
  -- Before anything is looked up, so that whoever asks without an approval learns nothing.
  perform deputize.assert_approved('cancel_order', 'order:' || cancel_order.order_id, agreed_version::text);
  if reason is null or length(btrim(reason)) = 0 or length(reason) > 500 then
    raise exception 'a reason has 1 to 500 characters' using errcode = 'DP403';
  end if;

  select o.* into target from shop.orders o
    where o.id = cancel_order.order_id and o.user_id = me and o.tenant = my_tenant
    for update;
  if not found then
    return jsonb_build_object('outcome', 'not_found');
  end if;
  if target.status not in ('placed', 'confirmed') then
    return jsonb_build_object('outcome', 'not_cancellable', 'status', target.status);
  end if;
  if agreed_version is null or target.version <> agreed_version then
    return jsonb_build_object('outcome', 'changed', 'version', target.version);
  end if;

  -- Two clocks must not disorder a timeline: never before what is already there.
  select greatest(moment, max(h.at)) into moment from shop.order_status_history h where h.order_id = target.id;

  update shop.orders o
    set status = 'cancelled', version = o.version + 1, updated_at = moment
    where o.id = target.id;
  insert into shop.order_status_history (id, tenant, user_id, order_id, status, notes, location, actor_id, at)
    -- The one id that core does not make: an id passed in would let its maker try out which ids exist (SR-23).
    values (gen_random_uuid(), target.tenant, me, target.id, 'cancelled', reason, null, deputize.actor(), moment);

  for line in
    select i.id, i.product_id, i.warehouse_id, i.quantity from shop.order_items i
      where i.order_id = target.id and i.fulfilment = 'pending'
      order by i.product_id, i.warehouse_id
  loop
    update shop.warehouse_inventory w
      set quantity = w.quantity + line.quantity, updated_at = moment
      where w.tenant = target.tenant and w.warehouse_id = line.warehouse_id and w.product_id = line.product_id;
    update shop.order_items i set fulfilment = 'cancelled', updated_at = moment where i.id = line.id;
  end loop;

  with freed as (
    update shop.coupon_redemptions r set reversed_at = moment
      where r.order_id = target.id and r.reversed_at is null
      returning r.coupon_id
  )
  update shop.coupons c set times_used = c.times_used - 1, updated_at = moment
    from freed where c.id = freed.coupon_id and c.times_used > 0;

  update shop.customers c
    set total_spend = greatest(0, c.total_spend - target.total), updated_at = moment
    where c.principal_id = me
    returning c.total_spend into spend;
  update shop.customers c
    set loyalty_tier = (
      select t.name from shop.loyalty_tiers t where t.min_spend <= spend order by t.min_spend desc limit 1
    )
    where c.principal_id = me;

  return jsonb_build_object('outcome', 'cancelled', 'number', target.number, 'total', target.total);
end
$$;
revoke all on function shop.cancel_order(uuid, text, integer) from public;
grant execute on function shop.cancel_order(uuid, text, integer) to {{app}};
