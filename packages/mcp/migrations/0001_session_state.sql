-- State of a tool server's sessions that outlives the process: a row a name, owned by the caller whose session it is.
-- Row-level security is forced, so whose row it is comes from the sealed caller; a session id of another subject names
-- other rows. What has expired is not there.
create schema if not exists mcp;

create table mcp.session_state (
  tenant   text        not null,
  owner_id uuid        not null,
  -- SHA-256 of server, client and session id.
  session  bytea       not null check (octet_length(session) = 32),
  name     text        not null check (length(name) between 1 and 200),
  value    text        not null check (octet_length(value) <= 65536),
  expires  timestamptz not null,
  primary key (tenant, owner_id, session, name)
);
create index session_state_by_expiry on mcp.session_state (expires);

alter table mcp.session_state enable row level security;
alter table mcp.session_state force row level security;

create policy session_state_owner on mcp.session_state for all to {{app}}
  using (tenant = (select deputize.tenant()) and owner_id = (select deputize.subject()))
  with check (tenant = (select deputize.tenant()) and owner_id = (select deputize.subject()));
-- For the pruning function, which shows no row to anybody.
create policy session_state_expired on mcp.session_state for all to {{owner}}
  using (expires <= clock_timestamp()) with check (false);

grant usage on schema mcp to {{app}};
grant select, insert, delete on mcp.session_state to {{app}};
grant update (value, expires) on mcp.session_state to {{app}};

-- Forgets expired rows of everybody, a bounded number a call.
create function mcp.prune_session_state(max_rows integer) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  n integer;
begin
  delete from mcp.session_state where ctid in (
    select s.ctid from mcp.session_state s where s.expires <= clock_timestamp() limit max_rows);
  get diagnostics n = row_count;
  return n;
end $$;
revoke all on function mcp.prune_session_state(integer) from public;
grant execute on function mcp.prune_session_state(integer) to {{app}};
