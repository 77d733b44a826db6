-- Forgets old tasks of everybody. Tasks of a person go when they start another; this is for those who never do. A bounded
-- number a call, none that changed within a week, and no row is shown to anybody.
create policy a2a_tasks_old on agent.a2a_tasks for all to {{owner}}
  using (updated < clock_timestamp() - interval '7 days') with check (false);

create function agent.prune_a2a_tasks(max_rows integer) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  n integer;
begin
  delete from agent.a2a_tasks where ctid in (
    select t.ctid from agent.a2a_tasks t where t.updated < clock_timestamp() - interval '7 days' limit max_rows);
  get diagnostics n = row_count;
  return n;
end $$;
revoke all on function agent.prune_a2a_tasks(integer) from public;
grant execute on function agent.prune_a2a_tasks(integer) to {{app}};
