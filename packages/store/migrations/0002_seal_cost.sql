-- The same seal with less work a transaction. PL/pgSQL prepares each of its expressions anew in each transaction, so
-- few statements are what makes these fast. What they check is unchanged [SR-02].

CREATE OR REPLACE FUNCTION deputize.sealed() RETURNS jsonb
  LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  sealed text := current_setting('deputize.seal', true);
  claims jsonb;
BEGIN
  IF sealed IS NULL OR length(sealed) < 66 THEN RETURN NULL; END IF;
  -- The payload is parsed only where the MAC fits. Comparing two outputs of a keyed hash: what a timing would tell is
  -- of no use without the key.
  SELECT substr(sealed, 66)::jsonb INTO claims FROM deputize.seal_key k
    WHERE left(sealed, 64)
      = encode(sha256(k.outer_pad || sha256(k.inner_pad || convert_to(substr(sealed, 66), 'UTF8'))), 'hex');
  -- Not found, another connection's, run out: each makes the condition false or NULL, and the answer NULL.
  RETURN CASE WHEN (claims->>'pid')::int = pg_backend_pid()
    AND (claims->>'exp')::double precision > extract(epoch FROM clock_timestamp()) THEN claims END;
END
$$;

CREATE OR REPLACE FUNCTION deputize.enter(payload text, mac text, deadline_ms int) RETURNS void
  LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  settings text := set_config('deputize.seal', mac || '.' || payload, true)
    || set_config('statement_timeout', deadline_ms::text, true)
    || set_config('idle_in_transaction_session_timeout', deadline_ms::text, true);
BEGIN
  IF deputize.sealed() IS NULL THEN
    RAISE EXCEPTION 'the caller''s seal does not hold' USING ERRCODE = 'DP401';
  END IF;
END
$$;
