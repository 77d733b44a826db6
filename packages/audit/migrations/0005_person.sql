-- What the log can still say of what a person did, for their export. Erasing it is `eraseOpenings` (src/erase.ts).
CREATE FUNCTION audit.person_rows(of_tenant text, of_person uuid, after text, max_rows integer)
RETURNS TABLE (key text, section text, body jsonb)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY SELECT lpad(o.seq::text, 20, '0'), 'entries', jsonb_build_object(
      'entry_id', e.id, 'at', e.at, 'action', e.action, 'outcome', e.outcome, 'openings', o.body::jsonb)
    FROM audit.openings o JOIN audit.entries e ON e.seq = o.seq
    WHERE o.subject = of_person AND e.tenant = of_tenant AND o.seq > coalesce(nullif(after, '')::bigint, -1)
    ORDER BY o.seq LIMIT max_rows;
END $$;
REVOKE ALL ON FUNCTION audit.person_rows(text, uuid, text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit.person_rows(text, uuid, text, integer) TO {{authority}};
