-- Forgets what has long ended: refresh tokens, approvals, cases, then the sessions that nothing points to any more.
--
-- Guarantees: a bounded number of rows a call; only rows that ended before `ended_before`, which is at least a week ago
-- by the database's own clock whatever is asked, so this is no way to erase what is fresh. {{authority}} still has no
-- DELETE on these tables. Does not: touch the audit log, which keeps that it happened.
CREATE FUNCTION authority.prune(ended_before timestamptz, max_rows integer) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  edge timestamptz := least(ended_before, clock_timestamp() - interval '7 days');
  total integer := 0;
  n integer;
BEGIN
  DELETE FROM authority.refresh_tokens WHERE token_hash IN (
    SELECT r.token_hash FROM authority.refresh_tokens r JOIN authority.sessions s ON s.id = r.session_id
    WHERE least(s.revoked_at, s.expires_at) < edge LIMIT max_rows);
  GET DIAGNOSTICS n = ROW_COUNT; total := total + n;
  DELETE FROM authority.approvals WHERE id IN (
    SELECT a.id FROM authority.approvals a
    WHERE coalesce(a.closed_at, a.expires_at) < edge AND a.expires_at < clock_timestamp() LIMIT max_rows);
  GET DIAGNOSTICS n = ROW_COUNT; total := total + n;
  DELETE FROM authority.cases WHERE id IN (
    SELECT c.id FROM authority.cases c WHERE least(c.closed_at, c.expires_at) < edge LIMIT max_rows);
  GET DIAGNOSTICS n = ROW_COUNT; total := total + n;
  DELETE FROM authority.sessions WHERE id IN (
    SELECT s.id FROM authority.sessions s WHERE least(s.revoked_at, s.expires_at) < edge
      AND NOT EXISTS (SELECT FROM authority.refresh_tokens r WHERE r.session_id = s.id)
      AND NOT EXISTS (SELECT FROM authority.approvals a WHERE a.decided_session = s.id)
      AND NOT EXISTS (SELECT FROM authority.cases c WHERE c.session_id = s.id) LIMIT max_rows);
  GET DIAGNOSTICS n = ROW_COUNT;
  RETURN total + n;
END $$;
REVOKE ALL ON FUNCTION authority.prune(timestamptz, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION authority.prune(timestamptz, integer) TO {{authority}};
