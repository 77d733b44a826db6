-- The retail desk's own tables: a catalogue that everybody may read, and customers with their payment methods and orders.
--
-- Guarantees
--   * A customer's rows are theirs alone: row-level security is forced on each table, and believes only the sealed caller.
--   * {{app}} may read and nothing else. Seven definer functions are the only changes it can cause, one for each tool that
--     writes. Each holds the desk's rules itself, and refuses unless an approval of exactly these rows in exactly these
--     versions was spent in its transaction.
--   * With `dry`, such a function says what it would do and changes nothing: what a person is shown and what happens are
--     decided by the same lines.
--   * All changes of one customer's rows go one after another: the customer's row is locked first.
-- Does not: tell anybody that another's row exists. A foreign order answers as one that never was.
-- The seven begin alike on purpose: each says all that it demands, and none can be reached around another.
-- Money is integer cents. What customers and sellers typed is data here and never part of a statement.

create schema retail;
revoke all on schema retail from public;
grant usage on schema retail to {{app}};

create function retail.is_address(value jsonb) returns boolean
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
  as $$
    select case when jsonb_typeof(value) = 'object' then
      (select count(*) = 6 from jsonb_object_keys(value))
      and (
        select coalesce(bool_and(jsonb_typeof(value -> k) = 'string' and length(value ->> k) <= 200
          and (k = 'address2' or length(btrim(value ->> k)) > 0)), false)
        from unnest(array['address1', 'address2', 'city', 'state', 'country', 'zip']) k
      )
      else false end
  $$;

-- ---------------------------------------------------------------- catalogue

create table retail.products (
  tenant text not null,
  product_id text not null check (length(product_id) between 1 and 64),
  name text not null check (length(name) between 1 and 200),
  primary key (tenant, product_id)
);

create table retail.variants (
  tenant text not null,
  product_id text not null,
  item_id text not null check (length(item_id) between 1 and 64),
  options jsonb not null check (jsonb_typeof(options) = 'object'),
  available boolean not null,
  price_cents bigint not null check (price_cents >= 0),
  primary key (tenant, product_id, item_id),
  foreign key (tenant, product_id) references retail.products (tenant, product_id)
);
create index variants_item on retail.variants (tenant, item_id);

-- ---------------------------------------------------------------- customers

create table retail.customers (
  tenant text not null,
  owner uuid not null,
  user_id text not null check (length(user_id) between 1 and 64),
  first_name text not null check (length(first_name) <= 100),
  last_name text not null check (length(last_name) <= 100),
  email text not null check (length(email) <= 254),
  address jsonb not null check (retail.is_address(address)),
  -- Raised by every change; a preview names it, and an act on an older one is refused.
  version integer not null default 1 check (version > 0),
  primary key (tenant, owner),
  unique (tenant, user_id)
);

create table retail.payment_methods (
  tenant text not null,
  owner uuid not null,
  payment_method_id text not null check (length(payment_method_id) between 1 and 64),
  source text not null check (source in ('credit_card', 'gift_card', 'paypal')),
  brand text check (length(brand) <= 50),
  last_four text check (length(last_four) <= 4),
  balance_cents bigint check (balance_cents >= 0),
  version integer not null default 1 check (version > 0),
  primary key (tenant, owner, payment_method_id),
  foreign key (tenant, owner) references retail.customers (tenant, owner) deferrable initially deferred,
  check ((source = 'gift_card') = (balance_cents is not null))
);

-- ---------------------------------------------------------------- orders

create table retail.orders (
  tenant text not null,
  owner uuid not null,
  order_id text not null check (length(order_id) between 1 and 64),
  -- Where it stands in the customer's list of orders.
  place integer not null,
  status text not null check (status in (
    'pending', 'pending (item modified)', 'processed', 'delivered', 'cancelled', 'return requested', 'exchange requested'
  )),
  address jsonb not null check (retail.is_address(address)),
  fulfillments jsonb not null check (jsonb_typeof(fulfillments) = 'array'),
  cancel_reason text check (cancel_reason in ('no longer needed', 'ordered by mistake')),
  return_items text[],
  return_payment_method_id text,
  exchange_items text[],
  exchange_new_items text[] check (cardinality(exchange_new_items) = cardinality(exchange_items)),
  exchange_payment_method_id text,
  exchange_difference_cents bigint,
  version integer not null default 1 check (version > 0),
  primary key (tenant, owner, order_id),
  unique (tenant, order_id),
  foreign key (tenant, owner) references retail.customers (tenant, owner) deferrable initially deferred,
  foreign key (tenant, owner, return_payment_method_id)
    references retail.payment_methods (tenant, owner, payment_method_id) deferrable initially deferred,
  foreign key (tenant, owner, exchange_payment_method_id)
    references retail.payment_methods (tenant, owner, payment_method_id) deferrable initially deferred
);

create table retail.order_items (
  tenant text not null,
  owner uuid not null,
  order_id text not null,
  line integer not null check (line > 0),
  name text not null,
  product_id text not null,
  item_id text not null,
  price_cents bigint not null check (price_cents >= 0),
  options jsonb not null check (jsonb_typeof(options) = 'object'),
  primary key (tenant, owner, order_id, line),
  foreign key (tenant, owner, order_id) references retail.orders (tenant, owner, order_id) deferrable initially deferred
);

create table retail.order_payments (
  tenant text not null,
  owner uuid not null,
  order_id text not null,
  line integer not null check (line > 0),
  transaction_type text not null check (transaction_type in ('payment', 'refund')),
  amount_cents bigint not null check (amount_cents >= 0),
  payment_method_id text not null,
  primary key (tenant, owner, order_id, line),
  foreign key (tenant, owner, order_id) references retail.orders (tenant, owner, order_id) deferrable initially deferred,
  foreign key (tenant, owner, payment_method_id)
    references retail.payment_methods (tenant, owner, payment_method_id) deferrable initially deferred
);

-- ---------------------------------------------------------------- who sees what

do $$
declare
  t text;
begin
  foreach t in array array[
    'products', 'variants', 'customers', 'payment_methods', 'orders', 'order_items', 'order_payments'
  ] loop
    execute format('alter table retail.%I enable row level security', t);
    execute format('alter table retail.%I force row level security', t);
    execute format('revoke all on retail.%I from public', t);
    execute format('grant select on retail.%I to {{app}}', t);
    -- FORCE binds an owner that is not a superuser, so the one that migrates and loads needs a policy.
    execute format('create policy owner_all on retail.%I to {{owner}} using (true) with check (true)', t);
  end loop;
  foreach t in array array['products', 'variants'] loop
    execute format(
      'create policy everybody on retail.%I for select to {{app}} using (tenant = (select deputize.tenant()))', t);
  end loop;
  foreach t in array array['customers', 'payment_methods', 'orders', 'order_items', 'order_payments'] loop
    execute format($policy$
      create policy own on retail.%I for select to {{app}} using (
        tenant = (select deputize.tenant()) and owner = (select deputize.subject())
      )$policy$, t);
  end loop;
end
$$;

-- ---------------------------------------------------------------- rows as the desk's records
-- They run as whoever asks, so that {{app}} gets its caller's records and no others.

create function retail.money(cents bigint) returns jsonb
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
  as $$ select to_jsonb(round(cents / 100.0, 2)) $$;

create function retail.customer_record(p_user_id text) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
  as $$
    select jsonb_build_object(
      'user_id', c.user_id,
      'name', jsonb_build_object('first_name', c.first_name, 'last_name', c.last_name),
      'address', c.address,
      'email', c.email,
      'payment_methods', (
        select coalesce(jsonb_object_agg(m.payment_method_id, jsonb_strip_nulls(jsonb_build_object(
          'source', m.source, 'id', m.payment_method_id, 'brand', m.brand, 'last_four', m.last_four,
          'balance', retail.money(m.balance_cents)))), '{}')
        from retail.payment_methods m where m.tenant = c.tenant and m.owner = c.owner),
      'orders', (
        select coalesce(jsonb_agg(o.order_id order by o.place, o.order_id), '[]')
        from retail.orders o where o.tenant = c.tenant and o.owner = c.owner))
    from retail.customers c where c.user_id = p_user_id
  $$;

create function retail.order_record(p_order_id text) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
  as $$
    select jsonb_build_object(
      'order_id', o.order_id,
      'user_id', (select c.user_id from retail.customers c where c.tenant = o.tenant and c.owner = o.owner),
      'address', o.address,
      'items', (
        select coalesce(jsonb_agg(jsonb_build_object('name', i.name, 'product_id', i.product_id, 'item_id', i.item_id,
          'price', retail.money(i.price_cents), 'options', i.options) order by i.line), '[]')
        from retail.order_items i where i.tenant = o.tenant and i.owner = o.owner and i.order_id = o.order_id),
      'status', o.status,
      'fulfillments', o.fulfillments,
      'payment_history', (
        select coalesce(jsonb_agg(jsonb_build_object('transaction_type', p.transaction_type,
          'amount', retail.money(p.amount_cents), 'payment_method_id', p.payment_method_id) order by p.line), '[]')
        from retail.order_payments p where p.tenant = o.tenant and p.owner = o.owner and p.order_id = o.order_id)
    ) || jsonb_strip_nulls(jsonb_build_object(
      'cancel_reason', o.cancel_reason,
      'return_items', to_jsonb(o.return_items),
      'return_payment_method_id', o.return_payment_method_id,
      'exchange_items', to_jsonb(o.exchange_items),
      'exchange_new_items', to_jsonb(o.exchange_new_items),
      'exchange_payment_method_id', o.exchange_payment_method_id,
      'exchange_price_difference', retail.money(o.exchange_difference_cents)))
    from retail.orders o where o.order_id = p_order_id
  $$;

create function retail.variant_record(v retail.variants) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
  as $$
    select jsonb_build_object('item_id', v.item_id, 'options', v.options, 'available', v.available,
      'price', retail.money(v.price_cents))
  $$;

create function retail.product_record(p_product_id text) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
  as $$
    select jsonb_build_object('name', p.name, 'product_id', p.product_id, 'variants', (
      select coalesce(jsonb_object_agg(v.item_id, retail.variant_record(v)), '{}')
      from retail.variants v where v.tenant = p.tenant and v.product_id = p.product_id))
    from retail.products p where p.product_id = p_product_id
  $$;

-- ---------------------------------------------------------------- parts of the changes; for the functions below only

-- The sealed caller's order, or null. Unless `dry`, the caller's own row is locked first.
create function retail.own_order(p_order_id text, p_dry boolean) returns retail.orders
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  found retail.orders;
begin
  if not p_dry then
    perform from retail.customers c where c.tenant = deputize.tenant() and c.owner = deputize.subject() for update;
  end if;
  select o.* into found from retail.orders o
    where o.tenant = deputize.tenant() and o.owner = deputize.subject() and o.order_id = p_order_id;
  return found;
end
$$;

create function retail.own_method(p_id text) returns retail.payment_methods
  language sql stable
  set search_path = pg_catalog, pg_temp
  as $$
    select m from retail.payment_methods m
    where m.tenant = deputize.tenant() and m.owner = deputize.subject() and m.payment_method_id = p_id
  $$;

-- A refund as it is shown; a gift card has it at once.
create function retail.refund(p_method text, p_cents bigint) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
  as $$
    select jsonb_build_object('method', p_method, 'cents', p_cents,
      'at_once', (retail.own_method(p_method)).source is not distinct from 'gift_card')
  $$;

create function retail.refused(reason text) returns jsonb
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
  as $$ select jsonb_build_object('refused', reason) $$;

create function retail.order_key(o retail.orders) returns jsonb
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
  as $$ select jsonb_build_object('order:' || o.order_id, o.version) $$;

create function retail.method_key(m retail.payment_methods) returns jsonb
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
  as $$ select jsonb_build_object('payment:' || m.payment_method_id, m.version) $$;

-- Raises unless the grant lives, and an approval of `tool` that rests on each of `rows` was spent in this transaction.
create function retail.assert_agreed(tool text, rows jsonb) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  one record;
begin
  if deputize.subject() is null or deputize.tenant() is null then
    raise exception 'no sealed caller' using errcode = 'DP403';
  end if;
  perform deputize.assert_live();
  for one in select key, value from jsonb_each_text(rows) loop
    perform deputize.assert_approved(tool, one.key, one.value);
  end loop;
end
$$;

-- Moves money on a gift card; other methods are settled elsewhere, and nothing of them is kept here.
create function retail.move(p_method text, p_cents bigint) returns void
  language sql volatile
  set search_path = pg_catalog, pg_temp
  as $$
    update retail.payment_methods m set balance_cents = m.balance_cents + p_cents, version = m.version + 1
    where m.tenant = deputize.tenant() and m.owner = deputize.subject() and m.payment_method_id = p_method
      and m.source = 'gift_card'
  $$;

create function retail.add_payment(o retail.orders, p_type text, p_cents bigint, p_method text) returns void
  language sql volatile
  set search_path = pg_catalog, pg_temp
  as $$
    insert into retail.order_payments (tenant, owner, order_id, line, transaction_type, amount_cents, payment_method_id)
    select o.tenant, o.owner, o.order_id, coalesce(max(p.line), 0) + 1, p_type, p_cents, p_method
    from retail.order_payments p where p.tenant = o.tenant and p.owner = o.owner and p.order_id = o.order_id
  $$;

-- What each method has paid for an order and not got back.
create function retail.paid(o retail.orders) returns table (method text, cents bigint)
  language sql stable
  set search_path = pg_catalog, pg_temp
  as $$
    select p.payment_method_id, sum(case p.transaction_type when 'payment' then p.amount_cents else -p.amount_cents end)::bigint
    from retail.order_payments p where p.tenant = o.tenant and p.owner = o.owner and p.order_id = o.order_id
    group by p.payment_method_id
    having sum(case p.transaction_type when 'payment' then p.amount_cents else -p.amount_cents end) > 0
    order by min(p.line)
  $$;

-- The lines of an order that a list of item ids means: an id that stands there twice means two lines. Null in `line` where
-- the order has no line left for it.
create function retail.lines_for(o retail.orders, p_items text[])
  returns table (n bigint, line integer, name text, product_id text, item_id text, price_cents bigint, options jsonb)
  language sql stable
  set search_path = pg_catalog, pg_temp
  as $$
    select a.n, h.line, h.name, h.product_id, a.item_id, h.price_cents, h.options
    from (
      select u.item_id, u.n, row_number() over (partition by u.item_id order by u.n) as k
      from unnest(p_items) with ordinality u (item_id, n)
    ) a
    left join (
      select i.*, row_number() over (partition by i.item_id order by i.line) as k
      from retail.order_items i where i.tenant = o.tenant and i.owner = o.owner and i.order_id = o.order_id
    ) h on h.item_id = a.item_id and h.k = a.k
    order by a.n
  $$;

-- Items for other variants of the same products. Either `refused`, or `lines` and what they cost more.
create function retail.swaps(o retail.orders, p_items text[], p_new text[], p_method text) returns jsonb
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  method retail.payment_methods := retail.own_method(p_method);
  plan jsonb;
  missing boolean;
  same boolean;
  foreign_item boolean;
  gone boolean;
begin
  if cardinality(p_items) = 0 or cardinality(p_items) <> cardinality(p_new) then
    return retail.refused('lists_differ');
  end if;
  select bool_or(l.line is null), bool_or(l.item_id = w.item_id), bool_or(v.item_id is null), bool_or(not v.available),
    jsonb_build_object(
      'difference_cents', sum(v.price_cents - l.price_cents)::bigint,
      'lines', jsonb_agg(jsonb_build_object('line', l.line, 'name', l.name, 'item_id', l.item_id,
        'options', l.options, 'price_cents', l.price_cents, 'new_item_id', v.item_id, 'new_options', v.options,
        'new_price_cents', v.price_cents) order by l.n))
    into missing, same, foreign_item, gone, plan
    from retail.lines_for(o, p_items) l
    join unnest(p_new) with ordinality w (item_id, n) on w.n = l.n
    left join retail.variants v on v.tenant = o.tenant and v.product_id = l.product_id and v.item_id = w.item_id;
  if missing then return retail.refused('items_not_in_order'); end if;
  if same then return retail.refused('same_item'); end if;
  if foreign_item then return retail.refused('other_product'); end if;
  if gone then return retail.refused('not_available'); end if;
  if method.payment_method_id is null then return retail.refused('unknown_payment_method'); end if;
  if method.balance_cents < (plan ->> 'difference_cents')::bigint then
    return retail.refused('balance_too_low');
  end if;
  return plan || jsonb_build_object('rows', retail.order_key(o) || retail.method_key(method));
end
$$;

-- ---------------------------------------------------------------- the changes

create function retail.cancel_pending_order(order_id text, reason text, dry boolean) returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  o retail.orders := retail.own_order(cancel_pending_order.order_id, dry);
  refunds jsonb;
  one record;
begin
  if o.order_id is null then return retail.refused('not_found'); end if;
  if o.status <> 'pending' then return retail.refused('not_pending'); end if;
  if reason is null or reason not in ('no longer needed', 'ordered by mistake') then
    return retail.refused('reason_not_allowed');
  end if;
  select coalesce(jsonb_agg(retail.refund(p.method, p.cents)), '[]') into refunds from retail.paid(o) p;
  if dry then
    return jsonb_build_object('rows', retail.order_key(o), 'refunds', refunds);
  end if;
  perform retail.assert_agreed('cancel_pending_order', retail.order_key(o));
  for one in select p.method, p.cents from retail.paid(o) p loop
    perform retail.add_payment(o, 'refund', one.cents, one.method), retail.move(one.method, one.cents);
  end loop;
  update retail.orders t
    set status = 'cancelled', cancel_reason = cancel_pending_order.reason, version = t.version + 1
    where t.tenant = o.tenant and t.owner = o.owner and t.order_id = o.order_id;
  return jsonb_build_object('done', true);
end
$$;

create function retail.modify_pending_order_address(
  order_id text, address1 text, address2 text, city text, state text, country text, zip text, dry boolean
) returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  o retail.orders := retail.own_order(modify_pending_order_address.order_id, dry);
  wanted jsonb := jsonb_build_object('address1', address1, 'address2', address2, 'city', city, 'state', state,
    'country', country, 'zip', zip);
begin
  if o.order_id is null then return retail.refused('not_found'); end if;
  if o.status <> 'pending' then return retail.refused('not_pending'); end if;
  if retail.is_address(wanted) is not true then return retail.refused('no_address'); end if;
  if dry then return jsonb_build_object('rows', retail.order_key(o)); end if;
  perform retail.assert_agreed('modify_pending_order_address', retail.order_key(o));
  update retail.orders t set address = wanted, version = t.version + 1
    where t.tenant = o.tenant and t.owner = o.owner and t.order_id = o.order_id;
  return jsonb_build_object('done', true);
end
$$;

create function retail.modify_pending_order_items(
  order_id text, item_ids text[], new_item_ids text[], payment_method_id text, dry boolean
) returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  o retail.orders := retail.own_order(modify_pending_order_items.order_id, dry);
  plan jsonb;
  difference bigint;
begin
  if o.order_id is null then return retail.refused('not_found'); end if;
  -- Items are modified once: the status that this leaves behind is another one.
  if o.status <> 'pending' then return retail.refused('not_pending'); end if;
  plan := retail.swaps(o, item_ids, new_item_ids, modify_pending_order_items.payment_method_id);
  if dry or plan ? 'refused' then return plan; end if;
  perform retail.assert_agreed('modify_pending_order_items', plan -> 'rows');
  difference := (plan ->> 'difference_cents')::bigint;
  perform retail.add_payment(o, case when difference > 0 then 'payment' else 'refund' end, abs(difference),
      modify_pending_order_items.payment_method_id),
    retail.move(modify_pending_order_items.payment_method_id, -difference);
  update retail.order_items i
    set item_id = s.new_item_id, price_cents = s.new_price_cents, options = s.new_options
    from jsonb_to_recordset(plan -> 'lines') s (line integer, new_item_id text, new_price_cents bigint, new_options jsonb)
    where i.tenant = o.tenant and i.owner = o.owner and i.order_id = o.order_id and i.line = s.line;
  update retail.orders t set status = 'pending (item modified)', version = t.version + 1
    where t.tenant = o.tenant and t.owner = o.owner and t.order_id = o.order_id;
  return jsonb_build_object('done', true);
end
$$;

create function retail.modify_pending_order_payment(order_id text, payment_method_id text, dry boolean) returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  o retail.orders := retail.own_order(modify_pending_order_payment.order_id, dry);
  method retail.payment_methods := retail.own_method(modify_pending_order_payment.payment_method_id);
  paid record;
  plan jsonb;
begin
  if o.order_id is null then return retail.refused('not_found'); end if;
  if o.status <> 'pending' then return retail.refused('not_pending'); end if;
  if method.payment_method_id is null then return retail.refused('unknown_payment_method'); end if;
  select count(*) as entries, min(p.transaction_type) as kind, min(p.payment_method_id) as original,
      min(p.amount_cents) as cents into paid
    from retail.order_payments p where p.tenant = o.tenant and p.owner = o.owner and p.order_id = o.order_id;
  if paid.entries <> 1 or paid.kind <> 'payment' then return retail.refused('not_one_payment'); end if;
  if paid.original = method.payment_method_id then return retail.refused('same_payment_method'); end if;
  if method.balance_cents < paid.cents then return retail.refused('balance_too_low'); end if;
  plan := jsonb_build_object('rows', retail.order_key(o) || retail.method_key(method), 'total_cents', paid.cents,
    'refunds', jsonb_build_array(retail.refund(paid.original, paid.cents)));
  if dry then return plan; end if;
  perform retail.assert_agreed('modify_pending_order_payment', plan -> 'rows');
  perform retail.add_payment(o, 'payment', paid.cents, method.payment_method_id);
  perform retail.add_payment(o, 'refund', paid.cents, paid.original);
  perform retail.move(method.payment_method_id, -paid.cents), retail.move(paid.original, paid.cents);
  update retail.orders t set version = t.version + 1
    where t.tenant = o.tenant and t.owner = o.owner and t.order_id = o.order_id;
  return jsonb_build_object('done', true);
end
$$;

create function retail.return_delivered_order_items(
  order_id text, item_ids text[], payment_method_id text, dry boolean
) returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  o retail.orders := retail.own_order(return_delivered_order_items.order_id, dry);
  method retail.payment_methods := retail.own_method(return_delivered_order_items.payment_method_id);
  plan jsonb;
  missing boolean;
begin
  if o.order_id is null then return retail.refused('not_found'); end if;
  if o.status <> 'delivered' then return retail.refused('not_delivered'); end if;
  select bool_or(l.line is null), jsonb_build_object(
      'total_cents', sum(l.price_cents)::bigint,
      'lines', jsonb_agg(jsonb_build_object('name', l.name, 'options', l.options, 'price_cents', l.price_cents) order by l.n))
    into missing, plan from retail.lines_for(o, item_ids) l;
  if missing is distinct from false then return retail.refused('items_not_in_order'); end if;
  if method.payment_method_id is null then return retail.refused('unknown_payment_method'); end if;
  if method.source <> 'gift_card'
    and not exists (select from retail.paid(o) p where p.method = return_delivered_order_items.payment_method_id)
  then
    return retail.refused('refund_elsewhere');
  end if;
  plan := plan || jsonb_build_object('rows', retail.order_key(o) || retail.method_key(method));
  if dry then return plan; end if;
  perform retail.assert_agreed('return_delivered_order_items', plan -> 'rows');
  update retail.orders t
    set status = 'return requested', return_items = array(select u from unnest(item_ids) u order by u),
      return_payment_method_id = method.payment_method_id, version = t.version + 1
    where t.tenant = o.tenant and t.owner = o.owner and t.order_id = o.order_id;
  return jsonb_build_object('done', true);
end
$$;

create function retail.exchange_delivered_order_items(
  order_id text, item_ids text[], new_item_ids text[], payment_method_id text, dry boolean
) returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  o retail.orders := retail.own_order(exchange_delivered_order_items.order_id, dry);
  plan jsonb;
begin
  if o.order_id is null then return retail.refused('not_found'); end if;
  if o.status <> 'delivered' then return retail.refused('not_delivered'); end if;
  plan := retail.swaps(o, item_ids, new_item_ids, exchange_delivered_order_items.payment_method_id);
  if dry or plan ? 'refused' then return plan; end if;
  perform retail.assert_agreed('exchange_delivered_order_items', plan -> 'rows');
  -- The money moves when the goods have come back, which is not the desk's to do.
  update retail.orders t
    set status = 'exchange requested', exchange_items = array(select u from unnest(item_ids) u order by u),
      exchange_new_items = array(select u from unnest(new_item_ids) u order by u),
      exchange_payment_method_id = exchange_delivered_order_items.payment_method_id,
      exchange_difference_cents = (plan ->> 'difference_cents')::bigint, version = t.version + 1
    where t.tenant = o.tenant and t.owner = o.owner and t.order_id = o.order_id;
  return jsonb_build_object('done', true);
end
$$;

create function retail.modify_user_address(
  user_id text, address1 text, address2 text, city text, state text, country text, zip text, dry boolean
) returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  me retail.customers;
  wanted jsonb := jsonb_build_object('address1', address1, 'address2', address2, 'city', city, 'state', state,
    'country', country, 'zip', zip);
  key jsonb;
begin
  if not dry then
    perform from retail.customers c where c.tenant = deputize.tenant() and c.owner = deputize.subject() for update;
  end if;
  select c.* into me from retail.customers c
    where c.tenant = deputize.tenant() and c.owner = deputize.subject() and c.user_id = modify_user_address.user_id;
  if me.owner is null then return retail.refused('not_found'); end if;
  if retail.is_address(wanted) is not true then return retail.refused('no_address'); end if;
  key := jsonb_build_object('customer:' || me.user_id, me.version);
  if dry then return jsonb_build_object('rows', key); end if;
  perform retail.assert_agreed('modify_user_address', key);
  update retail.customers c set address = wanted, version = c.version + 1
    where c.tenant = me.tenant and c.owner = me.owner;
  return jsonb_build_object('done', true);
end
$$;

-- ---------------------------------------------------------------- who may call what

revoke all on all functions in schema retail from public;
grant execute on function retail.money(bigint), retail.customer_record(text), retail.order_record(text),
  retail.variant_record(retail.variants), retail.product_record(text) to {{app}};
grant execute on function
  retail.cancel_pending_order(text, text, boolean),
  retail.modify_pending_order_address(text, text, text, text, text, text, text, boolean),
  retail.modify_pending_order_items(text, text[], text[], text, boolean),
  retail.modify_pending_order_payment(text, text, boolean),
  retail.return_delivered_order_items(text, text[], text, boolean),
  retail.exchange_delivered_order_items(text, text[], text[], text, boolean),
  retail.modify_user_address(text, text, text, text, text, text, text, boolean)
to {{app}};
