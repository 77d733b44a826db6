-- Tasks of the agent-to-agent protocol say until when a process is known to be at work on them: one whose process is gone is told as
-- failed.
alter table agent.a2a_tasks add column alive_until timestamptz;
grant update (alive_until) on agent.a2a_tasks to {{app}};

-- The registry of agents: who is listed, by whom, with the card that was verified. The role of tools has no privilege here [SR-03]: what
-- is listed decides where a caller's words may go.
create schema registry;
revoke all on schema registry from public;

create table registry.agents (
  id uuid primary key,
  tenant text not null check (length(tenant) between 1 and 64),
  -- Who registered it, and may take it off.
  owner_id uuid not null,
  name text not null check (length(name) between 1 and 200),
  url text not null check (length(url) between 1 and 2048),
  card_url text check (length(card_url) between 1 and 2048),
  -- The card as it was signed, and the key that signed it.
  card jsonb not null,
  kid text not null check (length(kid) between 1 and 256),
  -- What it is found by: ids and tags of its skills, in lower case.
  skills text[] not null,
  state text not null check (state in ('healthy', 'unhealthy', 'refused')),
  -- Checks that failed one after another.
  failures integer not null default 0 check (failures >= 0),
  registered timestamptz not null,
  checked timestamptz not null,
  next_check timestamptz not null,
  unique (tenant, url),
  unique (tenant, name)
);
create index agents_due on registry.agents (next_check);
create index agents_by_owner on registry.agents (tenant, owner_id);
create index agents_by_skill on registry.agents using gin (skills);

grant usage on schema registry to {{authority}};
grant select, insert, delete on registry.agents to {{authority}};
grant update (card, kid, skills, state, failures, checked, next_check) on registry.agents to {{authority}};

-- For the job that erases or exports a person.
create function registry.erase_person(of_tenant text, of_person uuid) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  n integer;
begin
  delete from registry.agents a where a.tenant = of_tenant and a.owner_id = of_person;
  get diagnostics n = row_count;
  return n;
end $$;

create function registry.person_rows(of_tenant text, of_person uuid, after text, max_rows integer)
returns table (key text, section text, body jsonb)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select a.id::text, 'registered_agents', to_jsonb(a) - '{tenant,owner_id}'::text[]
  from registry.agents a
  where a.tenant = of_tenant and a.owner_id = of_person and a.id::text > after collate "C"
  order by a.id::text collate "C" limit max_rows
$$;
revoke all on function registry.erase_person(text, uuid), registry.person_rows(text, uuid, text, integer) from public;
grant execute on function registry.erase_person(text, uuid), registry.person_rows(text, uuid, text, integer) to {{authority}};
