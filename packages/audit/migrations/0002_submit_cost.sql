-- The same doors, in PL/pgSQL: its plans live as long as the connection, while a function in SQL is planned anew by
-- each statement that calls it, which cost more than the insert.

CREATE OR REPLACE FUNCTION audit.submit_named(entry uuid, event jsonb) RETURNS void
  LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  INSERT INTO audit.outbox (id, event, sealed, at)
  VALUES (entry, event, false, date_trunc('milliseconds', clock_timestamp()));
END
$$;

CREATE OR REPLACE FUNCTION audit.submit_many(entries jsonb) RETURNS void
  LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  INSERT INTO audit.outbox (id, event, sealed, at)
  SELECT (e.value->>'id')::uuid, e.value->'event', false, date_trunc('milliseconds', clock_timestamp())
  FROM jsonb_array_elements(entries) WITH ORDINALITY e ORDER BY e.ordinality;
END
$$;
