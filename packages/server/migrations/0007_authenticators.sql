-- What the agent server's own authenticators keep: API keys of users, second factors, and which sign-ins were strengthened.
--
-- Guarantees: nothing here opens anything by itself: keys and recovery codes are keyed hashes, a secret is encrypted under a key that is not in the
-- database. The role of tools has no privilege in this schema [SR-03]. `person` is the id that issuer and user make [SR-09].
create schema authn;
revoke all on schema authn from public;

create table authn.api_keys (
  id uuid primary key,
  tenant text not null check (length(tenant) between 1 and 64),
  person uuid not null,
  issuer text not null check (length(issuer) between 1 and 512),
  user_id text not null check (length(user_id) between 1 and 256),
  name text not null check (length(name) between 1 and 128),
  hash bytea not null check (octet_length(hash) = 32),
  roles text[] not null,
  scopes text[] not null,
  -- Networks that it may be used from; empty: all.
  addresses text[] not null,
  created_at timestamptz not null,
  not_before timestamptz not null,
  expires_at timestamptz not null check (expires_at > created_at),
  last_used_at timestamptz,
  revoked_at timestamptz,
  replaced_by uuid,
  unique (tenant, person, id),
  foreign key (tenant, person, replaced_by) references authn.api_keys (tenant, person, id)
);

create table authn.totp (
  tenant text not null check (length(tenant) between 1 and 64),
  person uuid not null,
  -- AES-256-GCM: nonce, text, tag; bound to tenant and person.
  secret bytea not null,
  created_at timestamptz not null,
  confirmed_at timestamptz,
  -- The time step of the last code that was taken: none counts twice.
  last_step bigint not null default 0,
  failures integer not null default 0 check (failures between 0 and 5),
  locked_until timestamptz,
  primary key (tenant, person)
);

create table authn.recovery_codes (
  tenant text not null,
  person uuid not null,
  hash bytea not null check (octet_length(hash) = 32),
  used_at timestamptz,
  primary key (tenant, person, hash),
  foreign key (tenant, person) references authn.totp (tenant, person) on delete cascade
);

create table authn.step_ups (
  tenant text not null,
  person uuid not null,
  -- Digest of what names the sign-in: its token's id.
  session bytea not null check (octet_length(session) = 32),
  amr text[] not null check (cardinality(amr) between 1 and 16),
  auth_time timestamptz not null,
  expires_at timestamptz not null,
  primary key (tenant, person, session)
);
create index step_ups_ended on authn.step_ups (expires_at);

grant usage on schema authn to {{authority}};
grant select, insert on authn.api_keys to {{authority}};
grant update (expires_at, last_used_at, revoked_at, replaced_by) on authn.api_keys to {{authority}};
grant select, insert, delete on authn.totp, authn.recovery_codes, authn.step_ups to {{authority}};
grant update (secret, created_at, confirmed_at, last_step, failures, locked_until) on authn.totp to {{authority}};
grant update (used_at) on authn.recovery_codes to {{authority}};
grant update (amr, auth_time, expires_at) on authn.step_ups to {{authority}};

-- For the job that erases or exports a person.
create function authn.erase_person(of_tenant text, of_person uuid) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  n integer;
  total integer := 0;
begin
  update authn.api_keys k set replaced_by = null where k.tenant = of_tenant and k.person = of_person;
  delete from authn.api_keys k where k.tenant = of_tenant and k.person = of_person;
  get diagnostics n = row_count; total := total + n;
  delete from authn.recovery_codes c where c.tenant = of_tenant and c.person = of_person;
  get diagnostics n = row_count; total := total + n;
  delete from authn.totp t where t.tenant = of_tenant and t.person = of_person;
  get diagnostics n = row_count; total := total + n;
  delete from authn.step_ups s where s.tenant = of_tenant and s.person = of_person;
  get diagnostics n = row_count;
  return total + n;
end $$;

-- Nothing that proves who somebody is.
create function authn.person_rows(of_tenant text, of_person uuid, after text, max_rows integer)
returns table (key text, section text, body jsonb)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  return query select r.* from (
    select 'api_keys/' || k.id, 'user_api_keys', to_jsonb(k) - '{tenant,person,hash}'::text[]
      from authn.api_keys k where k.tenant = of_tenant and k.person = of_person
    union all
    select 'second_factor', 'second_factor', jsonb_build_object('kind', 'totp', 'created', t.created_at, 'confirmed', t.confirmed_at)
      from authn.totp t where t.tenant = of_tenant and t.person = of_person
    union all
    select 'step_ups/' || encode(s.session, 'hex'), 'step_ups',
        jsonb_build_object('amr', s.amr, 'at', s.auth_time, 'ends', s.expires_at)
      from authn.step_ups s where s.tenant = of_tenant and s.person = of_person
  ) r (key, section, body) where r.key > after collate "C" order by r.key collate "C" limit max_rows;
end $$;
revoke all on function authn.erase_person(text, uuid), authn.person_rows(text, uuid, text, integer) from public;
grant execute on function authn.erase_person(text, uuid), authn.person_rows(text, uuid, text, integer) to {{authority}};
