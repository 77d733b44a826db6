-- What analysts may know: sums over a tenant, and figures about one customer under a case.
--
-- Guarantees: each function answers numbers and times of its caller's tenant and nothing that names anybody; a sum over
-- fewer than three people is not told, because it would be about one of them (SR-04).

create function desk.since(period text) returns timestamptz
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select clock_timestamp() - case period when 'daily' then interval '1 day' when 'weekly' then interval '7 days'
    when 'monthly' then interval '30 days' when 'quarterly' then interval '91 days' when 'yearly' then interval '365 days' end
$$;

create function desk.assert_analyst() returns void
  language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
  if not deputize.has_role('analyst') then
    raise exception 'only analysts read sums' using errcode = 'DP403';
  end if;
end
$$;

create function desk.revenue(period text) returns jsonb
  language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  sums jsonb;
begin
  perform desk.assert_analyst();
  select case when count(distinct o.owner_id) >= 3 then jsonb_build_object(
      'orders', count(*), 'gross_cents', coalesce(sum(o.total_cents), 0),
      'discount_cents', coalesce(sum(o.discount_cents), 0), 'refunded_cents', coalesce(sum(o.refunded_cents), 0),
      'net_cents', coalesce(sum(o.total_cents - o.refunded_cents), 0)) end into sums
  from desk.orders o
  where o.tenant = deputize.tenant() and o.status <> 'cancelled' and o.placed_at >= desk.since(period);
  return sums;
end
$$;

create function desk.support_metrics(period text) returns jsonb
  language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  sums jsonb;
begin
  perform desk.assert_analyst();
  select case when count(distinct t.owner_id) >= 3 then jsonb_build_object(
      'opened', count(*) filter (where t.created_at >= desk.since(period)),
      'closed', count(*) filter (where t.closed_at >= desk.since(period)),
      'waiting', count(*) filter (where t.status <> 'closed'),
      'escalated', count(*) filter (where t.tier = 2 and t.status <> 'closed'),
      'unassigned', count(*) filter (where t.assignee_id is null and t.status <> 'closed'),
      'mean_hours_to_close', round(coalesce(avg(extract(epoch from t.closed_at - t.created_at) / 3600)
        filter (where t.closed_at >= desk.since(period)), 0)::numeric, 1)::float8) end into sums
  from desk.tickets t
  where t.tenant = deputize.tenant() and (t.status <> 'closed' or t.created_at >= desk.since(period) or t.closed_at >= desk.since(period));
  return sums;
end
$$;

-- Sums about one customer whose profile and orders the caller may see; null otherwise.
create function desk.customer_figures(customer_id text) returns jsonb
  language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  target desk.customers;
  figures jsonb;
begin
  perform desk.assert_analyst();
  select c.* into target from desk.customers c
    where c.tenant = deputize.tenant()
      and c.owner_id = any (desk.reach('profile')) and c.owner_id = any (desk.reach('orders'))
      and c.id = customer_figures.customer_id and c.deleted_at is null;
  if not found then return null; end if;
  select jsonb_build_object(
      'orders', count(*), 'gross_cents', coalesce(sum(o.total_cents), 0),
      'refunded_cents', coalesce(sum(o.refunded_cents), 0),
      'first_order', min(o.placed_at), 'last_order', max(o.placed_at),
      'days_since_last_order', floor(extract(epoch from clock_timestamp() - max(o.placed_at)) / 86400)::int,
      'open_tickets', (select count(*) from desk.tickets t where (t.tenant, t.owner_id, t.customer_id)
        = (target.tenant, target.owner_id, target.id) and t.status <> 'closed')) into figures
  from desk.orders o
  where (o.tenant, o.owner_id, o.customer_id) = (target.tenant, target.owner_id, target.id) and o.status <> 'cancelled';
  return figures;
end
$$;

revoke all on function desk.since(text), desk.assert_analyst(), desk.revenue(text), desk.support_metrics(text),
  desk.customer_figures(text) from public;
grant execute on function desk.revenue(text), desk.support_metrics(text), desk.customer_figures(text) to {{app}};
