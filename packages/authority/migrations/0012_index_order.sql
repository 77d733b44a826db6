-- Indexes of grants begin with what tells rows apart, and end with the tenant, which tells few apart. A database without
-- statistics yet takes every index that begins with `tenant` for as good as the primary key, and then reads all of the
-- tenant's grants for one. Foreign keys do not mind the order.
DO $$
DECLARE
  fk record;
  made text[] := '{}';
  one text;
BEGIN
  FOR fk IN SELECT c.conname, c.conrelid::regclass AS of_table, pg_get_constraintdef(c.oid) AS definition
      FROM pg_constraint c WHERE c.contype = 'f' AND c.confrelid = 'authority.grants'::regclass LOOP
    EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', fk.of_table, fk.conname);
    made := made || format('ALTER TABLE %s ADD CONSTRAINT %I %s', fk.of_table, fk.conname, fk.definition);
  END LOOP;
  ALTER TABLE authority.grants DROP CONSTRAINT grants_pkey;
  ALTER TABLE authority.grants ADD PRIMARY KEY (id, tenant);
  FOREACH one IN ARRAY made LOOP EXECUTE one; END LOOP;
END $$;

DROP INDEX authority.grants_root, authority.grants_subject, authority.grants_actor, authority.grants_app;
CREATE INDEX grants_root ON authority.grants (root, tenant);
CREATE INDEX grants_subject ON authority.grants (subject, tenant);
CREATE INDEX grants_actor ON authority.grants (actor, tenant);
CREATE INDEX grants_app ON authority.grants (app, tenant) WHERE app IS NOT NULL;

-- In PL/pgSQL: a CHECK that calls a function in SQL is planned anew by each insert, at several times the cost of the insert.
CREATE OR REPLACE FUNCTION authority.scopes_valid(scopes text[]) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$ BEGIN
  RETURN scopes IS NULL OR pg_catalog.cardinality(scopes) = 0 OR (
    pg_catalog.array_to_string(scopes, ' ') ~
      '^(?!\*:)[\x21\x23-\x39\x3B-\x5B\x5D-\x7E]+:(?!\*:)[\x21\x23-\x39\x3B-\x5B\x5D-\x7E]+:[\x21\x23-\x5B\x5D-\x7E]+(?: (?!\*:)[\x21\x23-\x39\x3B-\x5B\x5D-\x7E]+:(?!\*:)[\x21\x23-\x39\x3B-\x5B\x5D-\x7E]+:[\x21\x23-\x5B\x5D-\x7E]+)*$'
    AND pg_catalog.length(pg_catalog.array_to_string(scopes, ' '))
      - pg_catalog.length(pg_catalog.replace(pg_catalog.array_to_string(scopes, ' '), ' ', ''))
      = pg_catalog.cardinality(scopes) - 1);
END $$;

-- Reads anew how the tables look that workers, exchanges and the log write. The server does so by itself, a minute after a table began to fill; plans
-- made before then are kept and read whole indexes; the embedded database never does.
CREATE FUNCTION authority.refresh_statistics() RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  ANALYZE authority.principals, authority.grants, authority.delegation_records, authority.workers, authority.broker_tokens,
    authority.launch_tokens, authority.used_nonces, authority.revocation_feed, authority.agent_permissions,
    audit.outbox, audit.entries, audit.openings;
END $$;
REVOKE ALL ON FUNCTION authority.refresh_statistics() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION authority.refresh_statistics() TO {{authority}};
