-- Calls of runs that outlive their process, remembered in the transaction of their effect: sent again, under the same id by the same
-- agent for the same person, such a call does nothing. Row-level security is forced, so nobody spends another's id.
create table mcp.calls_done (
  tenant   text        not null,
  owner_id uuid        not null,
  -- SHA-256 of server, acting agent and call id.
  call     bytea       not null check (octet_length(call) = 32),
  done     timestamptz not null,
  primary key (tenant, owner_id, call)
);

alter table mcp.calls_done enable row level security;
alter table mcp.calls_done force row level security;

create policy calls_done_owner on mcp.calls_done for all to {{app}}
  using (tenant = (select deputize.tenant()) and owner_id = (select deputize.subject()))
  with check (tenant = (select deputize.tenant()) and owner_id = (select deputize.subject()));

grant select, insert, delete on mcp.calls_done to {{app}};

-- For the job that erases a person, beside `mcp.erase_person`. There is nothing to show: a digest and a time.
create policy calls_done_erased on mcp.calls_done for all to {{owner}}
  using (tenant = current_setting('deputize.erased_tenant', true)
    and owner_id::text = current_setting('deputize.erased_owner', true)) with check (false);
create function mcp.erase_person_calls(of_tenant text, of_person uuid) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  n integer;
begin
  perform set_config('deputize.erased_tenant', of_tenant, true), set_config('deputize.erased_owner', of_person::text, true);
  delete from mcp.calls_done c where c.tenant = of_tenant and c.owner_id = of_person;
  get diagnostics n = row_count;
  perform set_config('deputize.erased_tenant', '', true), set_config('deputize.erased_owner', '', true);
  return n;
end $$;
revoke all on function mcp.erase_person_calls(text, uuid) from public;
grant execute on function mcp.erase_person_calls(text, uuid) to {{authority}};
