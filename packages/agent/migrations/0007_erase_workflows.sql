-- Erasing a person's lasting work takes the engine's state of it along, in the same transaction: also where no engine is at work,
-- such as in a command. Which tables have some is asked of the catalogue, since the schema is the engine's own.
CREATE OR REPLACE FUNCTION agent.erase_lasting(of_tenant text, of_owner uuid) RETURNS uuid[]
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  gone uuid[];
  kept regclass;
BEGIN
  PERFORM set_config('deputize.erased_tenant', of_tenant, true), set_config('deputize.erased_owner', of_owner::text, true);
  WITH d AS (DELETE FROM agent.lasting_work w WHERE w.tenant = of_tenant AND w.owner = of_owner RETURNING w.id)
  SELECT coalesce(array_agg(d.id), '{}') INTO gone FROM d;
  PERFORM set_config('deputize.erased_tenant', '', true), set_config('deputize.erased_owner', '', true);
  FOR kept IN
    SELECT c.oid::regclass FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'workflow_uuid'
     WHERE n.nspname = 'workflow' AND c.relkind = 'r' AND cardinality(gone) > 0
  LOOP
    EXECUTE format('DELETE FROM %s WHERE workflow_uuid = ANY ($1)', kept) USING gone::text[];
  END LOOP;
  RETURN gone;
END $$;
