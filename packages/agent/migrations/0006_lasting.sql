-- Work that outlives a request: what a person asked an agent to do while they are away. How far it is stands in the schema of the
-- workflow engine, by the same id and without a word of anybody.
--
-- Guarantees: a row belongs to one (tenant, owner) and is seen and changed by nobody else; what was asked is never rewritten.
CREATE TABLE agent.lasting_work (
  tenant        text NOT NULL,
  owner         uuid NOT NULL,
  agent         text NOT NULL CHECK (length(agent) BETWEEN 1 AND 100),
  id            uuid NOT NULL,
  -- Of the authority; another takes its place when the person gives one.
  mandate       uuid NOT NULL,
  message       text NOT NULL CHECK (length(message) BETWEEN 1 AND 20000),
  -- NULL reads as untrusted and readable by nobody [SR-07].
  label         jsonb,
  start_at      timestamptz NOT NULL,
  every_seconds integer CHECK (every_seconds > 0),
  created       timestamptz NOT NULL,
  cancelled     timestamptz,
  ended         timestamptz,
  PRIMARY KEY (tenant, owner, agent, id)
);

ALTER TABLE agent.lasting_work ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON agent.lasting_work TO {{app}}
  USING (tenant = (SELECT deputize.tenant()) AND owner = (SELECT deputize.subject()))
  WITH CHECK (tenant = (SELECT deputize.tenant()) AND owner = (SELECT deputize.subject()));
CREATE POLICY erased ON agent.lasting_work FOR ALL TO {{owner}}
  USING (tenant = current_setting('deputize.erased_tenant', true)
    AND owner::text = current_setting('deputize.erased_owner', true)) WITH CHECK (false);
REVOKE ALL ON agent.lasting_work FROM PUBLIC;
GRANT SELECT, INSERT ON agent.lasting_work TO {{app}};
GRANT UPDATE (mandate, cancelled, ended) ON agent.lasting_work TO {{app}};

-- Removes a person's rows when they are erased, and answers their ids; does not decide who may be.
CREATE FUNCTION agent.erase_lasting(of_tenant text, of_owner uuid) RETURNS uuid[]
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  gone uuid[];
BEGIN
  PERFORM set_config('deputize.erased_tenant', of_tenant, true), set_config('deputize.erased_owner', of_owner::text, true);
  WITH d AS (DELETE FROM agent.lasting_work w WHERE w.tenant = of_tenant AND w.owner = of_owner RETURNING w.id)
  SELECT coalesce(array_agg(d.id), '{}') INTO gone FROM d;
  PERFORM set_config('deputize.erased_tenant', '', true), set_config('deputize.erased_owner', '', true);
  RETURN gone;
END $$;
REVOKE ALL ON FUNCTION agent.erase_lasting(text, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agent.erase_lasting(text, uuid) TO {{authority}};

-- For the job that erases or exports a person, beside `agent.erase_person`.
CREATE FUNCTION agent.erase_person_lasting(of_tenant text, of_person uuid) RETURNS integer
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT cardinality(agent.erase_lasting(of_tenant, of_person))
$$;
CREATE FUNCTION agent.person_rows_lasting(of_tenant text, of_person uuid, after text, max_rows integer)
RETURNS TABLE (key text, section text, body jsonb)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM set_config('deputize.erased_tenant', of_tenant, true), set_config('deputize.erased_owner', of_person::text, true);
  RETURN QUERY SELECT r.* FROM (
    SELECT 'lasting_work/' || w.agent || '/' || w.id, 'lasting_work', to_jsonb(w) - '{tenant,owner}'::text[]
      FROM agent.lasting_work w WHERE w.tenant = of_tenant AND w.owner = of_person
  ) r (key, section, body) WHERE r.key > after COLLATE "C" ORDER BY r.key COLLATE "C" LIMIT max_rows;
  PERFORM set_config('deputize.erased_tenant', '', true), set_config('deputize.erased_owner', '', true);
END $$;
REVOKE ALL ON FUNCTION agent.erase_person_lasting(text, uuid), agent.person_rows_lasting(text, uuid, text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agent.erase_person_lasting(text, uuid), agent.person_rows_lasting(text, uuid, text, integer) TO {{authority}};
