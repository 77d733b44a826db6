-- The same sums from what is kept of usage, which stays when a conversation is removed.
create or replace function agent.usage_since(since timestamptz)
returns table (agent text, day date, turns bigint, people bigint, tokens_in bigint, tokens_out bigint)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select u.agent, u.day, coalesce(sum(u.calls) filter (where u.kind = 'turn'), 0)::bigint, count(distinct u.owner),
         coalesce(sum(u.tokens_in) filter (where u.kind = 'model'), 0)::bigint,
         coalesce(sum(u.tokens_out) filter (where u.kind = 'model'), 0)::bigint
  from agent.usage u
  where deputize.has_role('admin') and u.tenant = deputize.tenant() and u.day >= (since at time zone 'UTC')::date
  group by 1, 2
$$;
drop policy messages_usage on agent.messages;
