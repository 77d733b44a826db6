-- A yes is bound to the run that asked, too: another run of the same agent that comes with the same call is another one [SR-15].
-- Everything else stays as it was.
DROP FUNCTION authority.consume_approval(uuid, text, text, text, text);
CREATE FUNCTION authority.consume_approval(
  p_id uuid, p_call_id text, p_tool text, p_args_digest text, p_preview_digest text, p_run_id text
) RETURNS void
  LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  -- The row lock makes the second of two takers wait, and find the approval spent.
  UPDATE authority.approvals a SET status = 'executed', closed_at = clock_timestamp(), spent_in = pg_current_xact_id()
  WHERE a.id = p_id
    AND a.status = 'approved'
    AND a.expires_at > clock_timestamp()
    AND a.tenant = deputize.tenant()
    AND a.subject = deputize.subject()
    AND a.actor = deputize.actor()
    AND a.call_id = p_call_id
    AND a.tool = p_tool
    AND a.args_digest = p_args_digest
    AND a.preview_digest = p_preview_digest
    AND a.run_id IS NOT DISTINCT FROM p_run_id;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the approval does not fit this call, is spent, or has run out; ask again' USING ERRCODE = 'DP409';
  END IF;
END
$$;
REVOKE ALL ON FUNCTION authority.consume_approval(uuid, text, text, text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION authority.consume_approval(uuid, text, text, text, text, text) TO {{app}};
