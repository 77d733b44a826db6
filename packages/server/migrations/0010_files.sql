-- Files that people uploaded to an agent server.
--
-- Guarantees: a file is seen and removed by whoever owns it and by nobody else, whatever the query says (forced row-level security on the sealed
-- caller); it is never changed. `type` is what the bytes are, not what a client said.
create table agent.server_files (
  tenant   text        not null,
  owner_id uuid        not null,
  id       uuid        not null,
  name     text        not null check (length(name) between 1 and 255),
  type     text        not null check (length(type) between 1 and 100),
  size     integer     not null check (size between 0 and 1000000000),
  content  bytea       not null check (octet_length(content) = size),
  created  timestamptz not null,
  primary key (tenant, owner_id, id)
);
-- As it is: most of what is uploaded is packed already.
alter table agent.server_files alter column content set storage external;
create index server_files_newest on agent.server_files (tenant, owner_id, created desc, id desc);

alter table agent.server_files enable row level security;
alter table agent.server_files force row level security;
create policy server_files_owner on agent.server_files for all to {{app}}
  using (tenant = (select deputize.tenant()) and owner_id = (select deputize.subject()))
  with check (tenant = (select deputize.tenant()) and owner_id = (select deputize.subject()));
create policy server_files_erased on agent.server_files for all to {{owner}}
  using (tenant = current_setting('deputize.erased_tenant', true)
    and owner_id::text = current_setting('deputize.erased_owner', true)) with check (false);
grant select, insert, delete on agent.server_files to {{app}};

-- For the job that erases or exports a person.
create function agent.erase_person_files(of_tenant text, of_person uuid) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  n integer;
begin
  perform set_config('deputize.erased_tenant', of_tenant, true), set_config('deputize.erased_owner', of_person::text, true);
  delete from agent.server_files f where f.tenant = of_tenant and f.owner_id = of_person;
  get diagnostics n = row_count;
  perform set_config('deputize.erased_tenant', '', true), set_config('deputize.erased_owner', '', true);
  return n;
end $$;

-- What they are; the bytes are downloaded one by one, as a document of all of them would be of any size.
create function agent.person_rows_files(of_tenant text, of_person uuid, after text, max_rows integer)
returns table (key text, section text, body jsonb)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform set_config('deputize.erased_tenant', of_tenant, true), set_config('deputize.erased_owner', of_person::text, true);
  return query select f.id::text, 'files', jsonb_build_object('id', f.id, 'name', f.name, 'type', f.type, 'size', f.size,
      'created', f.created)
    from agent.server_files f where f.tenant = of_tenant and f.owner_id = of_person and f.id::text > after collate "C"
    order by f.id::text collate "C" limit max_rows;
  perform set_config('deputize.erased_tenant', '', true), set_config('deputize.erased_owner', '', true);
end $$;
revoke all on function agent.erase_person_files(text, uuid), agent.person_rows_files(text, uuid, text, integer) from public;
grant execute on function agent.erase_person_files(text, uuid), agent.person_rows_files(text, uuid, text, integer) to {{authority}};
