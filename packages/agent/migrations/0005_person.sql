-- What a person has in this schema, for the job that erases or exports them (packages/server/src/erasure). Only the authority's
-- role may ask; neither function decides who may be erased.
CREATE FUNCTION agent.erase_person(of_tenant text, of_person uuid) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  n integer;
BEGIN
  SELECT e.conversations + e.messages + e.runs INTO n FROM agent.erase(of_tenant, of_person, NULL, NULL) e;
  RETURN n + agent.erase_usage(of_tenant, of_person) + agent.erase_memories(of_tenant, of_person, NULL);
END $$;

-- In the order of `key`, from after the given one. What a run keeps is its messages over again, and not shown.
CREATE FUNCTION agent.person_rows(of_tenant text, of_person uuid, after text, max_rows integer)
RETURNS TABLE (key text, section text, body jsonb)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM set_config('deputize.erased_tenant', of_tenant, true), set_config('deputize.erased_owner', of_person::text, true);
  RETURN QUERY SELECT r.* FROM (
    SELECT 'conversations/' || c.agent || '/' || c.id, 'conversations', to_jsonb(c) - '{tenant,owner}'::text[]
      FROM agent.conversations c WHERE c.tenant = of_tenant AND c.owner = of_person
    UNION ALL
    SELECT 'memories/' || y.id, 'memories', to_jsonb(y) - '{tenant,owner,embedding}'::text[]
      FROM agent.memories y WHERE y.tenant = of_tenant AND y.owner = of_person
    UNION ALL
    SELECT 'messages/' || m.agent || '/' || m.conversation || '/' || lpad(m.seq::text, 10, '0'), 'messages',
        to_jsonb(m) - '{tenant,owner}'::text[]
      FROM agent.messages m WHERE m.tenant = of_tenant AND m.owner = of_person
    UNION ALL
    SELECT 'runs/' || n.agent || '/' || n.id, 'runs', to_jsonb(n) - '{tenant,owner,state}'::text[]
      FROM agent.runs n WHERE n.tenant = of_tenant AND n.owner = of_person
    UNION ALL
    SELECT 'usage/' || u.day || '/' || u.agent || '/' || u.kind || '/' || u.name, 'usage', to_jsonb(u) - '{tenant,owner}'::text[]
      FROM agent.usage u WHERE u.tenant = of_tenant AND u.owner = of_person
  ) r (key, section, body) WHERE r.key > after COLLATE "C" ORDER BY r.key COLLATE "C" LIMIT max_rows;
  PERFORM set_config('deputize.erased_tenant', '', true), set_config('deputize.erased_owner', '', true);
END $$;
REVOKE ALL ON FUNCTION agent.erase_person(text, uuid), agent.person_rows(text, uuid, text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agent.erase_person(text, uuid), agent.person_rows(text, uuid, text, integer) TO {{authority}};
