-- Sums of what agents were asked, for administrators. The only way to read across owners here, and it gives
-- counts a day and an agent, never a row of anybody.
create policy messages_usage on agent.messages for select to {{owner}}
  using (tenant = (select deputize.tenant()) and (select deputize.has_role('admin')));

create function agent.usage_since(since timestamptz)
returns table (agent text, day date, turns bigint, people bigint, tokens_in bigint, tokens_out bigint)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select m.agent, (m.created at time zone 'UTC')::date, count(*), count(distinct m.owner),
         coalesce(sum(m.tokens_in), 0), coalesce(sum(m.tokens_out), 0)
  from agent.messages m
  where deputize.has_role('admin') and m.tenant = deputize.tenant()
    and m.role = 'assistant' and m.created >= since
  group by 1, 2
$$;
revoke all on function agent.usage_since(timestamptz) from public;
grant execute on function agent.usage_since(timestamptz) to {{app}};
