-- A link is forgotten once its credential has ended by itself: nobody lets that in again. One without an end, such as a key, is
-- remembered for good, as one that was taken back must be.
ALTER TABLE authority.linked_grants ADD COLUMN credential_ends timestamptz;
CREATE INDEX linked_grants_ends ON authority.linked_grants (credential_ends) WHERE credential_ends IS NOT NULL;

-- A bounded number of rows a call, and only those whose credential ended a week ago, by the database's own clock too.
CREATE FUNCTION authority.prune_links(ended_before timestamptz, max_rows integer) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  edge timestamptz := least(ended_before, clock_timestamp() - interval '7 days');
  n integer;
BEGIN
  DELETE FROM authority.linked_grants l WHERE (l.tenant, l.subject, l.credential) IN (
    SELECT x.tenant, x.subject, x.credential FROM authority.linked_grants x WHERE x.credential_ends < edge LIMIT max_rows);
  GET DIAGNOSTICS n = ROW_COUNT;
  RETURN n;
END $$;
REVOKE ALL ON FUNCTION authority.prune_links(timestamptz, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION authority.prune_links(timestamptz, integer) TO {{authority}};
