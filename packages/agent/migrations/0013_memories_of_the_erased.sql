-- Memories that a turn would keep after its person was erased: it names the erasure that it knows of, and keeps nothing once there is another.
--
-- Guarantees: the lock on `agent.erased` is the one that an erasure takes, so that whoever comes second sees what the first did.
CREATE FUNCTION agent.last_erasure() RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  LOCK TABLE agent.erased IN ROW EXCLUSIVE MODE;
  RETURN coalesce(
    (SELECT e.at::text FROM agent.erased e WHERE e.who = agent.digest_of(deputize.tenant(), deputize.subject())), 'none');
END $$;
REVOKE ALL ON FUNCTION agent.last_erasure() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agent.last_erasure() TO {{app}};
