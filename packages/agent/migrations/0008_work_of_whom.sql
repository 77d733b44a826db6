-- The engine knows work by its id and its owner's, since people choose ids (`workflowIdOf` in src/lasting/workflow.ts): what is erased
-- there is erased by the same.
DROP FUNCTION agent.erase_lasting(text, uuid);
CREATE FUNCTION agent.erase_lasting(of_tenant text, of_owner uuid) RETURNS text[]
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  gone text[];
  kept regclass;
BEGIN
  PERFORM set_config('deputize.erased_tenant', of_tenant, true), set_config('deputize.erased_owner', of_owner::text, true);
  WITH d AS (DELETE FROM agent.lasting_work w WHERE w.tenant = of_tenant AND w.owner = of_owner RETURNING w.id, w.agent)
  SELECT coalesce(array_agg(d.id || '/' || of_owner || '/' || of_tenant || '/' || d.agent), '{}') INTO gone FROM d;
  PERFORM set_config('deputize.erased_tenant', '', true), set_config('deputize.erased_owner', '', true);
  FOR kept IN
    SELECT c.oid::regclass FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'workflow_uuid'
     WHERE n.nspname = 'workflow' AND c.relkind = 'r' AND cardinality(gone) > 0
  LOOP
    EXECUTE format('DELETE FROM %s WHERE workflow_uuid = ANY ($1)', kept) USING gone;
  END LOOP;
  RETURN gone;
END $$;
REVOKE ALL ON FUNCTION agent.erase_lasting(text, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agent.erase_lasting(text, uuid) TO {{authority}};
