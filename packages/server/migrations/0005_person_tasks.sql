-- A person's tasks, for the job that erases or exports them. The functions see no row but the named person's.
create policy erased on agent.a2a_tasks for all to {{owner}}
  using (tenant = current_setting('deputize.erased_tenant', true)
    and owner_id::text = current_setting('deputize.erased_owner', true)) with check (false);

create function agent.erase_person_tasks(of_tenant text, of_person uuid) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  n integer;
begin
  perform set_config('deputize.erased_tenant', of_tenant, true), set_config('deputize.erased_owner', of_person::text, true);
  delete from agent.a2a_tasks t where t.tenant = of_tenant and t.owner_id = of_person;
  get diagnostics n = row_count;
  perform set_config('deputize.erased_tenant', '', true), set_config('deputize.erased_owner', '', true);
  return n;
end $$;

create function agent.person_rows_tasks(of_tenant text, of_person uuid, after text, max_rows integer)
returns table (key text, section text, body jsonb)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform set_config('deputize.erased_tenant', of_tenant, true), set_config('deputize.erased_owner', of_person::text, true);
  return query select r.* from (
    select t.agent || '/' || t.id, 'tasks', to_jsonb(t) - '{tenant,owner_id}'::text[]
      from agent.a2a_tasks t where t.tenant = of_tenant and t.owner_id = of_person
  ) r (key, section, body) where r.key > after collate "C" order by r.key collate "C" limit max_rows;
  perform set_config('deputize.erased_tenant', '', true), set_config('deputize.erased_owner', '', true);
end $$;
revoke all on function agent.erase_person_tasks(text, uuid), agent.person_rows_tasks(text, uuid, text, integer) from public;
grant execute on function agent.erase_person_tasks(text, uuid), agent.person_rows_tasks(text, uuid, text, integer) to {{authority}};
