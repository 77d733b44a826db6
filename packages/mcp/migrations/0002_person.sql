-- A person's session state, for the job that erases or exports them. Only the authority's role may ask, and the functions see no
-- row but the named person's.
create policy session_state_erased on mcp.session_state for all to {{owner}}
  using (tenant = current_setting('deputize.erased_tenant', true)
    and owner_id::text = current_setting('deputize.erased_owner', true)) with check (false);

create function mcp.erase_person(of_tenant text, of_person uuid) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  n integer;
begin
  perform set_config('deputize.erased_tenant', of_tenant, true), set_config('deputize.erased_owner', of_person::text, true);
  delete from mcp.session_state s where s.tenant = of_tenant and s.owner_id = of_person;
  get diagnostics n = row_count;
  perform set_config('deputize.erased_tenant', '', true), set_config('deputize.erased_owner', '', true);
  return n;
end $$;

-- In the order of `key`, from after the given one.
create function mcp.person_rows(of_tenant text, of_person uuid, after text, max_rows integer)
returns table (key text, section text, body jsonb)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform set_config('deputize.erased_tenant', of_tenant, true), set_config('deputize.erased_owner', of_person::text, true);
  return query select r.* from (
    select encode(s.session, 'hex') || '/' || s.name, 'session_state', jsonb_build_object('name', s.name, 'value', s.value, 'expires', s.expires)
      from mcp.session_state s where s.tenant = of_tenant and s.owner_id = of_person
  ) r (key, section, body) where r.key > after collate "C" order by r.key collate "C" limit max_rows;
  perform set_config('deputize.erased_tenant', '', true), set_config('deputize.erased_owner', '', true);
end $$;
revoke all on function mcp.erase_person(text, uuid), mcp.person_rows(text, uuid, text, integer) from public;
grant usage on schema mcp to {{authority}};
grant execute on function mcp.erase_person(text, uuid), mcp.person_rows(text, uuid, text, integer) to {{authority}};
