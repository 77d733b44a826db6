-- The seal: who is calling, proved to the database by a MAC that SQL cannot make [SR-02], and what every
-- role loses before anything else is granted [SR-17].

-- Nobody but the roles named later may do anything here.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA deputize TO {{app}}, {{authority}}, {{sequencer}}, {{sql}};

-- One row: the key, already mixed with HMAC's inner and outer pads (RFC 2104), so that the check is two hashes.
CREATE TABLE deputize.seal_key (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  inner_pad bytea NOT NULL CHECK (length(inner_pad) = 64),
  outer_pad bytea NOT NULL CHECK (length(outer_pad) = 64)
);

-- The sealed caller, or NULL: the MAC fits, the connection is the one it was made for, and it has not run out.
-- Believes nothing but that: any SQL can call set_config.
CREATE FUNCTION deputize.sealed() RETURNS jsonb
  LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  sealed text := current_setting('deputize.seal', true);
  mac text;
  claims jsonb;
BEGIN
  IF sealed IS NULL OR length(sealed) < 66 THEN RETURN NULL; END IF;
  SELECT encode(sha256(k.outer_pad || sha256(k.inner_pad || convert_to(substr(sealed, 66), 'UTF8'))), 'hex')
    INTO mac FROM deputize.seal_key k;
  -- Comparing two outputs of a keyed hash: what a timing would tell is of no use without the key.
  IF mac IS DISTINCT FROM left(sealed, 64) THEN RETURN NULL; END IF;
  claims := substr(sealed, 66)::jsonb;
  IF (claims->>'pid')::int IS DISTINCT FROM pg_backend_pid() THEN RETURN NULL; END IF;
  IF (claims->>'exp')::double precision <= extract(epoch FROM clock_timestamp()) THEN RETURN NULL; END IF;
  RETURN claims;
END
$$;

-- Enters a transaction as the caller, for `deadline_ms` at most. Raises DP401 when the seal does not hold.
CREATE FUNCTION deputize.enter(payload text, mac text, deadline_ms int) RETURNS void
  LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM set_config('deputize.seal', mac || '.' || payload, true),
    set_config('statement_timeout', deadline_ms::text, true),
    set_config('idle_in_transaction_session_timeout', deadline_ms::text, true);
  IF deputize.sealed() IS NULL THEN
    RAISE EXCEPTION 'the caller''s seal does not hold' USING ERRCODE = 'DP401';
  END IF;
END
$$;

-- Bodies in SQL-standard form are parsed here, once, so that nobody's search_path changes what they mean.
CREATE FUNCTION deputize.subject() RETURNS uuid LANGUAGE sql STABLE RETURN (deputize.sealed()->>'sub')::uuid;
CREATE FUNCTION deputize.tenant() RETURNS text LANGUAGE sql STABLE RETURN deputize.sealed()->>'ten';
CREATE FUNCTION deputize.actor() RETURNS uuid LANGUAGE sql STABLE RETURN (deputize.sealed()->>'act')::uuid;
CREATE FUNCTION deputize.grant_id() RETURNS uuid LANGUAGE sql STABLE RETURN (deputize.sealed()->>'gid')::uuid;
CREATE FUNCTION deputize.has_role(role text) RETURNS boolean LANGUAGE sql STABLE RETURN coalesce(deputize.sealed()->'rol' ? role, false);

-- Hooks. Without an authority there are no grants to check and no cases to see by.
CREATE FUNCTION deputize.assert_live() RETURNS void
  LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$ BEGIN END $$;
CREATE FUNCTION deputize.case_subjects(resource text) RETURNS uuid[]
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$ SELECT '{}'::uuid[] $$;
-- For definer functions whose effect needs a person's yes: raises unless an approval of this tool, whose preview rests on
-- this row in this version, was spent in the transaction that runs now. Without an authority nobody can say yes.
CREATE FUNCTION deputize.assert_approved(tool text, row_key text, row_version text) RETURNS void
  LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RAISE EXCEPTION 'this needs an approval, and no authority is here to give one' USING ERRCODE = 'DP409';
END
$$;

-- SQL that a model wrote: one SELECT a call, opened as a cursor (which refuses several statements and anything that
-- returns no rows), inside a definer function (in which no role can be changed) owned by the app role [SR-01].
CREATE FUNCTION deputize.run_untrusted_sql(statement text, max_rows int) RETURNS SETOF jsonb
  LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  rows refcursor;
  found_row record;
  seen int := 0;
BEGIN
  IF current_setting('transaction_read_only') <> 'on' THEN
    RAISE EXCEPTION 'untrusted SQL runs in a read-only transaction' USING ERRCODE = 'DP403';
  END IF;
  OPEN rows NO SCROLL FOR EXECUTE statement;
  LOOP
    FETCH rows INTO found_row;
    EXIT WHEN NOT FOUND OR seen >= max_rows;
    seen := seen + 1;
    RETURN NEXT to_jsonb(found_row);
  END LOOP;
  CLOSE rows;
END
$$;
-- For the moment of the change the new owner needs CREATE on the schema, and an owner of ours that is no superuser
-- must be a member of it.
GRANT CREATE ON SCHEMA deputize TO {{app}};
GRANT {{app}} TO {{owner}};
ALTER FUNCTION deputize.run_untrusted_sql(text, int) OWNER TO {{app}};
REVOKE {{app}} FROM {{owner}};
REVOKE CREATE ON SCHEMA deputize FROM {{app}};

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA deputize FROM PUBLIC;
GRANT EXECUTE ON FUNCTION deputize.sealed(), deputize.enter(text, text, int), deputize.subject(), deputize.tenant(),
  deputize.actor(), deputize.grant_id(), deputize.has_role(text), deputize.case_subjects(text), deputize.assert_live()
  TO {{app}}, {{authority}}, {{sequencer}}, {{sql}};
GRANT EXECUTE ON FUNCTION deputize.run_untrusted_sql(text, int) TO {{sql}};

-- What PUBLIC may do by default and a hostile tool would use on the next caller of the same connection. The database
-- is ours to close; the functions belong to the superuser, so an owner who is none leaves them and says so.
DO $$
BEGIN
  EXECUTE format('REVOKE TEMPORARY, CREATE ON DATABASE %I FROM PUBLIC', current_database());
END
$$;
DO $$
DECLARE
  dangerous regprocedure;
BEGIN
  FOR dangerous IN
    SELECT p.oid::regprocedure FROM pg_catalog.pg_proc p
    WHERE p.pronamespace = 'pg_catalog'::regnamespace
      AND (p.proname LIKE 'pg\_stat\_get\_backend%' OR p.proname LIKE 'pg\_advisory%' OR p.proname LIKE 'pg\_try\_advisory%' OR p.proname LIKE 'lo\_%'
        OR p.proname IN ('loread', 'lowrite', 'pg_stat_get_activity', 'pg_cancel_backend', 'pg_terminate_backend',
          'pg_sleep', 'pg_sleep_for', 'pg_sleep_until', 'query_to_xml', 'database_to_xml'))
  LOOP
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', dangerous);
  END LOOP;
  REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC;
EXCEPTION WHEN insufficient_privilege THEN
  RAISE NOTICE 'run this once as a superuser to take advisory locks, large objects and signals from PUBLIC';
END
$$;
