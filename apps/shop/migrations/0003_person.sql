-- A person's rows in the shop, for the job that erases or exports them. Only the authority's role may ask.
--
-- What the books need stays without words: orders, items, refunds and redemptions keep numbers, states, sums and ids, and lose
-- addresses, tracking numbers, notes and reasons. A review keeps its stars, which the product's rating counts, hidden and without
-- its name and text. Carts and votes go.
create function shop.erase_person(of_tenant text, of_person uuid) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  n integer;
  total integer := 0;
begin
  delete from shop.cart_items c where c.tenant = of_tenant and c.user_id = of_person;
  get diagnostics n = row_count; total := total + n;
  delete from shop.carts c where c.tenant = of_tenant and c.user_id = of_person;
  get diagnostics n = row_count; total := total + n;
  delete from shop.review_votes v where v.tenant = of_tenant and v.user_id = of_person;
  get diagnostics n = row_count; total := total + n;
  update shop.reviews r set author_name = '', title = '', body = '', state = 'hidden'
    where r.tenant = of_tenant and r.user_id = of_person and (r.author_name, r.title, r.body) <> ('', '', '');
  get diagnostics n = row_count; total := total + n;
  update shop.orders o set shipping_address = '{}', billing_address = '{}', tracking_number = null
    where o.tenant = of_tenant and o.user_id = of_person
      and (o.shipping_address <> '{}' or o.billing_address <> '{}' or o.tracking_number is not null);
  get diagnostics n = row_count; total := total + n;
  update shop.order_status_history h set notes = null, location = null
    where h.tenant = of_tenant and h.user_id = of_person and (h.notes is not null or h.location is not null);
  get diagnostics n = row_count; total := total + n;
  update shop.returns r set reason = 'erased'
    where r.tenant = of_tenant and r.user_id = of_person and r.reason <> 'erased';
  get diagnostics n = row_count;
  return total + n;
end $$;

-- In the order of `key`, from after the given one.
create function shop.person_rows(of_tenant text, of_person uuid, after text, max_rows integer)
returns table (key text, section text, body jsonb)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  return query select r.* from (
    select 'cart_items/' || t.id, 'cart_items', to_jsonb(t) from shop.cart_items t where t.tenant = of_tenant and t.user_id = of_person
    union all
    select 'carts/' || t.id, 'carts', to_jsonb(t) from shop.carts t where t.tenant = of_tenant and t.user_id = of_person
    union all
    select 'coupon_redemptions/' || t.id, 'coupon_redemptions', to_jsonb(t)
      from shop.coupon_redemptions t where t.tenant = of_tenant and t.user_id = of_person
    union all
    select 'customers/' || t.principal_id, 'customers', to_jsonb(t)
      from shop.customers t where t.tenant = of_tenant and t.principal_id = of_person
    union all
    select 'order_items/' || t.id, 'order_items', to_jsonb(t) from shop.order_items t where t.tenant = of_tenant and t.user_id = of_person
    union all
    select 'order_status_history/' || t.id, 'order_status_history', to_jsonb(t) - 'actor_id'
      from shop.order_status_history t where t.tenant = of_tenant and t.user_id = of_person
    union all
    select 'orders/' || t.id, 'orders', to_jsonb(t) from shop.orders t where t.tenant = of_tenant and t.user_id = of_person
    union all
    select 'refunds/' || t.id, 'refunds', to_jsonb(t) - 'issued_by' from shop.refunds t where t.tenant = of_tenant and t.user_id = of_person
    union all
    select 'return_items/' || t.id, 'return_items', to_jsonb(t) from shop.return_items t where t.tenant = of_tenant and t.user_id = of_person
    union all
    select 'returns/' || t.id, 'returns', to_jsonb(t) - 'decided_by' from shop.returns t where t.tenant = of_tenant and t.user_id = of_person
    union all
    select 'review_votes/' || t.id, 'review_votes', to_jsonb(t) from shop.review_votes t where t.tenant = of_tenant and t.user_id = of_person
    union all
    select 'reviews/' || t.id, 'reviews', to_jsonb(t) from shop.reviews t where t.tenant = of_tenant and t.user_id = of_person
  ) r (key, section, body) where r.key > after collate "C" order by r.key collate "C" limit max_rows;
end $$;
revoke all on function shop.erase_person(text, uuid), shop.person_rows(text, uuid, text, integer) from public;
grant usage on schema shop to {{authority}};
grant execute on function shop.erase_person(text, uuid), shop.person_rows(text, uuid, text, integer) to {{authority}};
