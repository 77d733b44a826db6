-- The effects that need a person's yes. Each is one function, and the only way to its effect (SR-03).
--
-- Guarantees: a function raises DP409 unless an approval of its tool, for this row in this version and for this amount,
-- was spent in the same transaction (SR-15): SQL that calls it alone, twice, or with another amount changes nothing. What
-- is not there and what belongs to somebody else raise the same DP404. Contested rows are locked, an order before its
-- discount.
-- Does not: know the reasons. Tools check what they can say in words before they come here. The first lines of the functions are alike on
-- purpose: who reviews one effect sees all of what it demands in one place. `desk.refund` is in 0005.

-- The caller's tenant and the owners whose rows of a kind the caller may act on: oneself, and people of an open case.
create function desk.reach(resource text) returns uuid[]
  language sql stable set search_path = pg_catalog, pg_temp
as $$ select deputize.case_subjects(resource) || deputize.subject() $$;

create function desk.locked_order(order_id text, agreed_version integer) returns desk.orders
  language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  found_order desk.orders;
begin
  select o.* into found_order from desk.orders o
    where o.tenant = deputize.tenant() and o.owner_id = any (desk.reach('orders')) and o.id = locked_order.order_id
    for update;
  if not found then
    raise exception 'there is no such order, or it is not yours' using errcode = 'DP404';
  end if;
  if found_order.version is distinct from agreed_version then
    raise exception 'the order changed in the meantime' using errcode = 'DP409';
  end if;
  return found_order;
end
$$;

-- What a code would take off an order, in cents; null when it does not apply, for whichever reason, so that codes cannot
-- be told from words. In a writing transaction order and code are locked, in this order: a last use
-- is taken once.
create function desk.discount_for(order_id text, code text) returns bigint
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  target desk.orders;
  offer desk.discounts;
begin
  if current_setting('transaction_read_only') = 'off' then
    perform from desk.orders o
      where o.tenant = deputize.tenant() and o.owner_id = any (desk.reach('orders')) and o.id = discount_for.order_id
      for update;
  end if;
  select o.* into target from desk.orders o
    where o.tenant = deputize.tenant() and o.owner_id = any (desk.reach('orders')) and o.id = discount_for.order_id;
  if not found or target.status <> 'pending' or target.discount_code is not null then return null; end if;
  if current_setting('transaction_read_only') = 'off' then
    select d.* into offer from desk.discounts d where d.tenant = target.tenant and d.code = discount_for.code for update;
  else
    select d.* into offer from desk.discounts d where d.tenant = target.tenant and d.code = discount_for.code;
  end if;
  if not found or offer.valid_until <= clock_timestamp() or offer.used >= offer.max_uses
    or target.subtotal_cents < offer.min_subtotal_cents then return null; end if;
  return nullif(target.subtotal_cents * offer.percent / 100, 0);
end
$$;

create function desk.apply_discount(order_id text, code text, amount_cents bigint, agreed_version integer) returns void
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  target desk.orders;
begin
  perform deputize.assert_live();
  perform deputize.assert_approved('orders_apply_discount', 'order:' || order_id, agreed_version::text);
  perform deputize.assert_approved('orders_apply_discount', 'discount:' || order_id, amount_cents::text);
  target := desk.locked_order(order_id, agreed_version);
  if desk.discount_for(order_id, code) is distinct from amount_cents then
    raise exception 'this code does not apply to this order' using errcode = 'DP410';
  end if;
  update desk.discounts d set used = d.used + 1 where d.tenant = target.tenant and d.code = apply_discount.code;
  update desk.orders o set version = o.version + 1, discount_code = apply_discount.code,
      discount_cents = apply_discount.amount_cents, total_cents = o.total_cents - apply_discount.amount_cents
    where (o.tenant, o.owner_id, o.id) = (target.tenant, target.owner_id, target.id);
  update desk.invoices i set amount_cents = target.total_cents - apply_discount.amount_cents
    where (i.tenant, i.owner_id, i.order_id) = (target.tenant, target.owner_id, target.id) and i.status = 'open';
end
$$;

-- Payment is taken when an order leaves `pending`, so there is nothing to refund.
create function desk.cancel_order(order_id text, reason text, agreed_version integer) returns void
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  target desk.orders;
begin
  perform deputize.assert_live();
  perform deputize.assert_approved('orders_cancel_order', 'order:' || order_id, agreed_version::text);
  target := desk.locked_order(order_id, agreed_version);
  if target.status <> 'pending' then
    raise exception 'only a pending order can be cancelled' using errcode = 'DP410';
  end if;
  update desk.orders o set version = o.version + 1, status = 'cancelled', cancel_reason = cancel_order.reason
    where (o.tenant, o.owner_id, o.id) = (target.tenant, target.owner_id, target.id);
  update desk.invoices i set status = 'void'
    where (i.tenant, i.owner_id, i.order_id) = (target.tenant, target.owner_id, target.id);
  update desk.discounts d set used = d.used - 1
    where d.tenant = target.tenant and d.code = target.discount_code and d.used > 0;
end
$$;

create function desk.close_ticket(ticket_id text, resolution text, agreed_version integer) returns void
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  changed integer;
begin
  perform deputize.assert_live();
  perform deputize.assert_approved('tickets_close_ticket', 'ticket:' || ticket_id, agreed_version::text);
  if not deputize.has_role('support') then
    raise exception 'only support closes tickets' using errcode = 'DP403';
  end if;
  update desk.tickets t set version = t.version + 1, status = 'closed', resolution = close_ticket.resolution,
      closed_at = clock_timestamp()
    where t.tenant = deputize.tenant() and t.owner_id = any (desk.reach('profile')) and t.id = close_ticket.ticket_id
      and t.version = agreed_version and t.status <> 'closed';
  get diagnostics changed = row_count;
  if changed <> 1 then
    raise exception 'the ticket changed in the meantime' using errcode = 'DP409';
  end if;
end
$$;

-- Orders, invoices and refunds have to be kept, by number; everything that says who it was goes.
create function desk.delete_customer(customer_id text, agreed_version integer) returns void
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  target desk.customers;
begin
  perform deputize.assert_live();
  perform deputize.assert_approved('customers_delete_customer', 'customer:' || customer_id, agreed_version::text);
  if not (deputize.has_role('admin') and deputize.has_role('support')) then
    raise exception 'only administrators of support delete customers' using errcode = 'DP403';
  end if;
  select c.* into target from desk.customers c
    where c.tenant = deputize.tenant() and c.owner_id = any (desk.reach('profile'))
      and c.id = delete_customer.customer_id and c.deleted_at is null
    for update;
  if not found then
    raise exception 'there is no such customer, or it is not yours' using errcode = 'DP404';
  end if;
  if target.version is distinct from agreed_version then
    raise exception 'the customer changed in the meantime' using errcode = 'DP409';
  end if;
  perform from desk.orders o where o.tenant = target.tenant and o.owner_id = target.owner_id
    and o.customer_id = target.id and o.status in ('pending', 'paid', 'shipped');
  if found then
    raise exception 'orders of this customer are still under way' using errcode = 'DP410';
  end if;
  delete from desk.ticket_comments m using desk.tickets t
    where (m.tenant, m.owner_id, m.ticket_id) = (t.tenant, t.owner_id, t.id)
      and (t.tenant, t.owner_id, t.customer_id) = (target.tenant, target.owner_id, target.id);
  delete from desk.tickets t where (t.tenant, t.owner_id, t.customer_id) = (target.tenant, target.owner_id, target.id);
  delete from desk.customer_notes n where (n.tenant, n.owner_id, n.customer_id) = (target.tenant, target.owner_id, target.id);
  delete from desk.customer_segments s where (s.tenant, s.owner_id, s.customer_id) = (target.tenant, target.owner_id, target.id);
  delete from desk.interactions i where (i.tenant, i.owner_id, i.customer_id) = (target.tenant, target.owner_id, target.id);
  delete from desk.payment_methods p where (p.tenant, p.owner_id, p.customer_id) = (target.tenant, target.owner_id, target.id);
  update desk.customers c set version = c.version + 1, name = 'deleted customer', email = null, phone = null, city = null,
      deleted_at = clock_timestamp()
    where (c.tenant, c.owner_id, c.id) = (target.tenant, target.owner_id, target.id);
end
$$;

create function desk.set_feature(feature text, enabled boolean, agreed_version integer) returns void
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  changed integer;
begin
  perform deputize.assert_live();
  perform deputize.assert_approved('ops_feature_toggle', 'feature:' || feature, agreed_version::text);
  if not (deputize.has_role('admin') and deputize.has_role('ops')) then
    raise exception 'only administrators of operations switch features' using errcode = 'DP403';
  end if;
  update desk.features f set version = f.version + 1, enabled = set_feature.enabled, updated_by = deputize.subject(),
      updated_at = clock_timestamp()
    where f.tenant = deputize.tenant() and f.feature = set_feature.feature and f.version = agreed_version;
  get diagnostics changed = row_count;
  if changed <> 1 then
    raise exception 'the feature changed in the meantime' using errcode = 'DP409';
  end if;
end
$$;

revoke all on all functions in schema desk from public;
grant execute on function
  desk.discount_for(text, text),
  desk.apply_discount(text, text, bigint, integer), desk.cancel_order(text, text, integer),
  desk.close_ticket(text, text, integer), desk.delete_customer(text, integer), desk.set_feature(text, boolean, integer)
to {{app}};
