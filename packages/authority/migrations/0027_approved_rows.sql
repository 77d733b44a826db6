-- For rows that several tools may change with a person's yes: asks for one that rests on this row in this version, whichever tool it
-- was for, where `assert_approved` asks for one tool's. Nobody but definer functions of the owner may ask.
CREATE FUNCTION deputize.assert_row_approved(row_key text, row_version text) RETURNS void
  LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM FROM authority.approvals a
  WHERE a.spent_in = pg_current_xact_id()
    AND a.closed_at >= transaction_timestamp()
    AND a.status = 'executed'
    AND a.tenant = deputize.tenant()
    AND a.subject = deputize.subject()
    AND a.actor = deputize.actor()
    AND a.preview->'rows'->>assert_row_approved.row_key = assert_row_approved.row_version;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no approval for this was spent here; ask the person first' USING ERRCODE = 'DP409';
  END IF;
END
$$;
REVOKE ALL ON FUNCTION deputize.assert_row_approved(text, text) FROM PUBLIC;
