-- Refunds, and the one that needs nobody's yes: on an order of one's own that was delivered, as long as all that was ever given
-- back of that order stays under 20 dollars.
--
-- Guarantees: the rule stands here once. The tool asks it before, and again first in the transaction of the effect;
-- `desk.refund` asks it a third time under the lock of the order, so that many small refunds, two at once, or SQL that
-- calls the function alone never pass the limit together. Whatever is not clearly exempt needs its approval (DP409).
-- Does not: know what the conversation holds. In an untrusted one the tool asks in spite of this rule (SR-06).

create function desk.is_small_refund(an_order desk.orders, amount_cents bigint) returns boolean
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select coalesce(
    an_order.tenant = deputize.tenant() and an_order.owner_id = deputize.subject() and an_order.status = 'delivered'
      and amount_cents > 0 and an_order.refunded_cents + amount_cents < 2000,
    false)
$$;

create function desk.refund(order_id text, amount_cents bigint, reason text, agreed_version integer) returns uuid
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  target desk.orders;
  made uuid;
begin
  perform deputize.assert_live();
  target := desk.locked_order(order_id, agreed_version);
  if not desk.is_small_refund(target, amount_cents) then
    perform deputize.assert_approved('orders_process_refund', 'order:' || order_id, agreed_version::text);
    perform deputize.assert_approved('orders_process_refund', 'refund:' || order_id, amount_cents::text);
  end if;
  if target.status not in ('paid', 'shipped', 'delivered') or amount_cents > target.total_cents - target.refunded_cents then
    raise exception 'that much cannot be refunded on this order' using errcode = 'DP410';
  end if;
  insert into desk.refunds (tenant, owner_id, order_id, amount_cents, reason, issued_by)
    values (target.tenant, target.owner_id, target.id, refund.amount_cents, refund.reason, deputize.subject())
    returning id into made;
  update desk.orders o set version = o.version + 1, refunded_cents = o.refunded_cents + refund.amount_cents,
      status = case when o.refunded_cents + refund.amount_cents = o.total_cents then 'refunded' else o.status end
    where (o.tenant, o.owner_id, o.id) = (target.tenant, target.owner_id, target.id);
  if target.refunded_cents + amount_cents = target.total_cents then
    update desk.invoices i set status = 'credited'
      where (i.tenant, i.owner_id, i.order_id) = (target.tenant, target.owner_id, target.id);
  end if;
  return made;
end
$$;

revoke all on function desk.is_small_refund(desk.orders, bigint), desk.refund(text, bigint, text, integer) from public;
grant execute on function desk.is_small_refund(desk.orders, bigint), desk.refund(text, bigint, text, integer) to {{app}};
