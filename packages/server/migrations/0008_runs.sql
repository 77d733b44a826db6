-- Runs of the agent server, with everything that each told, so that a stream goes on from where it was cut, on any replica.
--
-- Guarantees: a run belongs to the person that began it, by forced row-level security on the sealed caller. What a replica adds to the runs
-- that it holds goes through one function, by a secret of that replica which no role of tools can read: it works on when its caller's
-- authority has ended, to say that it ended. Nobody writes events otherwise. Times are the database's, so that replicas' clocks do not matter.
create table agent.server_runs (
  tenant           text        not null,
  owner_id         uuid        not null,
  id               uuid        not null,
  agent            text        not null check (length(agent) between 1 and 100),
  thread_id        uuid        not null,
  status           text        not null check (status in ('queued', 'running', 'waiting', 'succeeded', 'failed', 'cancelled')),
  background       boolean     not null,
  -- What it begins with; kept until it has begun.
  input            jsonb       check (pg_column_size(input) <= 1000000),
  fault            jsonb       check (pg_column_size(fault) <= 4000),
  approval_id      text        check (length(approval_id) between 1 and 100),
  agent_run        uuid,
  message_id       uuid,
  last_seq         integer     not null default 0 check (last_seq between 0 and 1000000),
  cancel_requested boolean     not null default false,
  replica          uuid        not null,
  lease            timestamptz,
  created          timestamptz not null default clock_timestamp(),
  ended            timestamptz,
  primary key (tenant, owner_id, id),
  check ((lease is not null) = (status in ('queued', 'running')))
);
-- A thread has one run at a time.
create unique index server_runs_open on agent.server_runs (tenant, owner_id, agent, thread_id) where status in ('queued', 'running');
create index server_runs_held on agent.server_runs (id) where status in ('queued', 'running');
create index server_runs_lease on agent.server_runs (lease) where status in ('queued', 'running');
create index server_runs_old on agent.server_runs (created) where status not in ('queued', 'running');

create table agent.server_run_events (
  tenant   text    not null,
  owner_id uuid    not null,
  run_id   uuid    not null,
  seq      integer not null,
  event    text    not null check (length(event) between 1 and 50),
  data     jsonb   not null,
  primary key (tenant, owner_id, run_id, seq),
  foreign key (tenant, owner_id, run_id) references agent.server_runs (tenant, owner_id, id) on delete cascade
);

alter table agent.server_runs enable row level security;
alter table agent.server_runs force row level security;
alter table agent.server_run_events enable row level security;
alter table agent.server_run_events force row level security;

-- The owner's functions below act for the sealed caller too.
create policy server_runs_owner on agent.server_runs for all to {{app}}, {{owner}}
  using (tenant = (select deputize.tenant()) and owner_id = (select deputize.subject()))
  with check (tenant = (select deputize.tenant()) and owner_id = (select deputize.subject()));
create policy server_run_events_owner on agent.server_run_events for select to {{app}}
  using (tenant = (select deputize.tenant()) and owner_id = (select deputize.subject()));

grant select (tenant, owner_id, id, agent, thread_id, status, background, fault, approval_id, agent_run, message_id, last_seq, cancel_requested, lease, created, ended)
  on agent.server_runs to {{app}};
grant insert (tenant, owner_id, id, agent, thread_id, status, background, input, replica, lease) on agent.server_runs to {{app}};
grant select on agent.server_run_events to {{app}};

-- For the functions of the owner: what the replica holds that calls; what a dead one left; what is old; the person that is erased.
create policy server_runs_held on agent.server_runs for all to {{owner}}
  using (replica::text = current_setting('deputize.run_replica', true))
  with check (replica::text = current_setting('deputize.run_replica', true));
create policy server_runs_dead on agent.server_runs for all to {{owner}}
  using (lease < clock_timestamp()) with check (status = 'failed');
create policy server_runs_old on agent.server_runs for all to {{owner}}
  using (lease is null and created < clock_timestamp() - interval '1 hour') with check (false);
create policy server_runs_erased on agent.server_runs for all to {{owner}}
  using (tenant = current_setting('deputize.erased_tenant', true)
    and owner_id::text = current_setting('deputize.erased_owner', true)) with check (false);
create policy server_run_events_written on agent.server_run_events for insert to {{owner}} with check (true);
create policy server_run_events_erased on agent.server_run_events for select to {{owner}}
  using (tenant = current_setting('deputize.erased_tenant', true)
    and owner_id::text = current_setting('deputize.erased_owner', true));

-- Adds events behind the last one. Nobody but the owner's functions may call it.
create function agent.append_run_events(of_tenant text, of_owner uuid, of_run uuid, after integer, events jsonb) returns void
language sql volatile set search_path = pg_catalog, pg_temp as $$
  insert into agent.server_run_events (tenant, owner_id, run_id, seq, event, data)
  select of_tenant, of_owner, of_run, after + e.n, e.one ->> 'event', e.one -> 'data'
    from jsonb_array_elements(events) with ordinality e (one, n);
$$;
revoke all on function agent.append_run_events(text, uuid, uuid, integer, jsonb) from public;

-- What one replica changes of what it holds: [{id, after, events, status, fault, approval_id, agent_run, message_id, special}]. Each is made or
-- not; one that was made already is answered as made.
create function agent.write_runs(held_by uuid, changes jsonb, lease_ms integer)
returns table (id uuid, held boolean, cancel boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  c record;
  r record;
  told text[] := '{}';
begin
  perform set_config('deputize.run_replica', held_by::text, true);
  -- In one order, so that two writers cannot wait for each other.
  for c in select x.*, jsonb_array_length(x.events) as n
      from jsonb_to_recordset(changes) as x (id uuid, after integer, events jsonb, status text, fault jsonb, approval_id text,
        agent_run uuid, message_id uuid, special text) order by x.id
  loop
    select s.tenant, s.owner_id, s.last_seq, s.status, s.cancel_requested into r
      from agent.server_runs s where s.id = c.id and s.replica = held_by for update;
    if not found then
      return query select c.id, false, false;
    elsif c.n > 0 and r.last_seq = c.after + c.n then
      return query select c.id, true, r.cancel_requested;
    elsif r.last_seq <> c.after or r.status not in ('queued', 'running') then
      return query select c.id, false, false;
    elsif c.special = 'drop' then
      delete from agent.server_runs s where s.tenant = r.tenant and s.owner_id = r.owner_id and s.id = c.id;
      return query select c.id, true, r.cancel_requested;
    else
      update agent.server_runs s set
          last_seq = s.last_seq + c.n,
          status = coalesce(c.status, s.status),
          fault = coalesce(c.fault, s.fault),
          approval_id = coalesce(c.approval_id, s.approval_id),
          agent_run = coalesce(c.agent_run, s.agent_run),
          message_id = coalesce(c.message_id, s.message_id),
          input = case when c.status is null then s.input end,
          lease = case when c.special = 'park' then clock_timestamp() - interval '1 millisecond'
            when coalesce(c.status, s.status) in ('queued', 'running') then clock_timestamp() + make_interval(secs => lease_ms / 1000.0) end,
          ended = case when c.status in ('succeeded', 'failed', 'cancelled') then clock_timestamp() end
        where s.tenant = r.tenant and s.owner_id = r.owner_id and s.id = c.id;
      if c.n > 0 then
        perform agent.append_run_events(r.tenant, r.owner_id, c.id, c.after, c.events);
      end if;
      if c.n > 0 or c.status is not null then told := told || c.id::text; end if;
      return query select c.id, true, r.cancel_requested;
    end if;
  end loop;
  -- A message holds 8,000 bytes.
  perform pg_notify('deputize_runs', array_to_string(told[g : g + 199], ',')) from generate_series(1, cardinality(told), 200) g;
  perform set_config('deputize.run_replica', '', true);
end $$;

-- As the sealed caller: ends what is not at work, asks for the end of what is.
create function agent.cancel_run(of_run uuid, events jsonb) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  r record;
begin
  select s.tenant, s.owner_id, s.last_seq, s.status into r from agent.server_runs s
    where s.tenant = deputize.tenant() and s.owner_id = deputize.subject() and s.id = of_run for update;
  if not found then return; end if;
  if r.status in ('queued', 'waiting') then
    update agent.server_runs s set status = 'cancelled', lease = null, input = null, ended = clock_timestamp(),
        last_seq = s.last_seq + jsonb_array_length(events)
      where s.tenant = r.tenant and s.owner_id = r.owner_id and s.id = of_run;
    perform agent.append_run_events(r.tenant, r.owner_id, of_run, r.last_seq, events);
  elsif r.status = 'running' then
    update agent.server_runs s set cancel_requested = true where s.tenant = r.tenant and s.owner_id = r.owner_id and s.id = of_run;
  else
    return;
  end if;
  perform pg_notify('deputize_runs', of_run::text);
end $$;

-- As the sealed caller: nothing of a thread's runs is kept. Whoever works on one hears that it is gone.
create function agent.forget_runs(of_agent text, of_thread uuid) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  gone text[];
begin
  with dropped as (delete from agent.server_runs s
    where s.tenant = deputize.tenant() and s.owner_id = deputize.subject() and s.agent = of_agent and s.thread_id = of_thread returning s.id)
  select coalesce(array_agg(id::text), '{}') into gone from dropped;
  perform pg_notify('deputize_runs', array_to_string(gone[g : g + 199], ',')) from generate_series(1, cardinality(gone), 200) g;
  return cardinality(gone);
end $$;

-- As the sealed caller: a run that waits, or that a dead replica left queued, is another replica's from here on. One of many gets it.
create function agent.take_run(of_run uuid, from_state text, for_replica uuid, lease_ms integer)
returns table (id uuid, input jsonb)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  return query update agent.server_runs s set
      status = case when s.status = 'waiting' then 'running' else s.status end,
      approval_id = null, replica = for_replica, lease = clock_timestamp() + make_interval(secs => lease_ms / 1000.0)
    where s.tenant = deputize.tenant() and s.owner_id = deputize.subject() and s.id = of_run
      and case from_state when 'waiting' then s.status = 'waiting' when 'parked' then s.status = 'queued' and s.lease < clock_timestamp() end
    returning s.id, s.input;
  if found then perform pg_notify('deputize_runs', of_run::text); end if;
end $$;

-- Fails what dead replicas left, of everybody: what ran, and what nobody came back for. No row is shown to anybody.
create function agent.fail_dead_runs(max_rows integer, parked_ms integer, events jsonb, why jsonb) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  r record;
  n integer := 0;
begin
  for r in select s.tenant, s.owner_id, s.id, s.last_seq from agent.server_runs s
      where s.status in ('queued', 'running') and s.lease < clock_timestamp()
        and (s.status = 'running' or s.lease < clock_timestamp() - make_interval(secs => parked_ms / 1000.0))
      order by s.lease limit max_rows for update skip locked
  loop
    perform agent.append_run_events(r.tenant, r.owner_id, r.id, r.last_seq, events);
    update agent.server_runs s set status = 'failed', fault = why, lease = null, input = null, ended = clock_timestamp(),
        last_seq = s.last_seq + jsonb_array_length(events)
      where s.tenant = r.tenant and s.owner_id = r.owner_id and s.id = r.id;
    perform pg_notify('deputize_runs', r.id::text);
    n := n + 1;
  end loop;
  return n;
end $$;

-- Forgets runs that ended, or began to wait, long ago. A bounded number a call.
create function agent.prune_runs(max_rows integer, keep_ms bigint) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  n integer;
begin
  delete from agent.server_runs where ctid in (
    select s.ctid from agent.server_runs s where s.status not in ('queued', 'running')
      and s.created < clock_timestamp() - greatest(make_interval(secs => keep_ms / 1000.0), interval '1 hour') limit max_rows);
  get diagnostics n = row_count;
  return n;
end $$;

revoke all on function agent.write_runs(uuid, jsonb, integer), agent.cancel_run(uuid, jsonb), agent.forget_runs(text, uuid), agent.take_run(uuid, text, uuid, integer),
  agent.fail_dead_runs(integer, integer, jsonb, jsonb), agent.prune_runs(integer, bigint) from public;
grant execute on function agent.write_runs(uuid, jsonb, integer), agent.cancel_run(uuid, jsonb), agent.forget_runs(text, uuid), agent.take_run(uuid, text, uuid, integer),
  agent.fail_dead_runs(integer, integer, jsonb, jsonb), agent.prune_runs(integer, bigint) to {{app}};

-- For the job that erases or exports a person.
create function agent.erase_person_serverruns(of_tenant text, of_person uuid) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  n integer;
begin
  perform set_config('deputize.erased_tenant', of_tenant, true), set_config('deputize.erased_owner', of_person::text, true);
  delete from agent.server_runs s where s.tenant = of_tenant and s.owner_id = of_person;
  get diagnostics n = row_count;
  perform set_config('deputize.erased_tenant', '', true), set_config('deputize.erased_owner', '', true);
  return n;
end $$;

create function agent.person_rows_serverruns(of_tenant text, of_person uuid, after text, max_rows integer)
returns table (key text, section text, body jsonb)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform set_config('deputize.erased_tenant', of_tenant, true), set_config('deputize.erased_owner', of_person::text, true);
  return query select r.* from (
    select 'runs/' || s.id, 'server_runs', to_jsonb(s) - '{tenant,owner_id,replica}'::text[]
      from agent.server_runs s where s.tenant = of_tenant and s.owner_id = of_person
    union all
    select 'runs/' || e.run_id || '/' || lpad(e.seq::text, 7, '0'), 'server_run_events', to_jsonb(e) - '{tenant,owner_id}'::text[]
      from agent.server_run_events e where e.tenant = of_tenant and e.owner_id = of_person
  ) r (key, section, body) where r.key > after collate "C" order by r.key collate "C" limit max_rows;
  perform set_config('deputize.erased_tenant', '', true), set_config('deputize.erased_owner', '', true);
end $$;
revoke all on function agent.erase_person_serverruns(text, uuid), agent.person_rows_serverruns(text, uuid, text, integer) from public;
grant execute on function agent.erase_person_serverruns(text, uuid), agent.person_rows_serverruns(text, uuid, text, integer) to {{authority}};
