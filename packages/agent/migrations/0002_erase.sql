-- Removes what a person owns here: one conversation's content when they remove it, everything when they are erased [PR-D30].
--
-- Guarantees: {{app}}, as which tools and whatever SQL they may come to run work, still deletes nothing [SR-03]: only the
-- authority's role may ask for this. The function sees no row but those of the owner that it was asked for. A removed
-- conversation keeps its row without words, so that nobody begins it anew under its id.
-- Does not: decide who may be erased.
CREATE POLICY erased ON agent.conversations FOR ALL TO {{owner}}
  USING (tenant = current_setting('deputize.erased_tenant', true)
    AND owner::text = current_setting('deputize.erased_owner', true)) WITH CHECK (false);
CREATE POLICY erased ON agent.runs FOR ALL TO {{owner}}
  USING (tenant = current_setting('deputize.erased_tenant', true)
    AND owner::text = current_setting('deputize.erased_owner', true)) WITH CHECK (false);
CREATE POLICY erased ON agent.messages FOR ALL TO {{owner}}
  USING (tenant = current_setting('deputize.erased_tenant', true)
    AND owner::text = current_setting('deputize.erased_owner', true)) WITH CHECK (false);

-- `of_agent` and `of_conversation` name one conversation, which must have been removed; without them everything goes.
CREATE FUNCTION agent.erase(of_tenant text, of_owner uuid, of_agent text, of_conversation uuid)
RETURNS TABLE (conversations integer, messages integer, runs integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  everything boolean := of_conversation IS NULL;
  ids uuid[];
BEGIN
  PERFORM set_config('deputize.erased_tenant', of_tenant, true), set_config('deputize.erased_owner', of_owner::text, true);
  conversations := 0;
  -- Whoever appends holds this lock, so nothing is added to what goes.
  SELECT coalesce(array_agg(l.id), '{}') INTO ids FROM (
    SELECT c.id FROM agent.conversations c
    WHERE c.tenant = of_tenant AND c.owner = of_owner
      AND (everything OR (c.agent = of_agent AND c.id = of_conversation AND c.deleted IS NOT NULL))
    ORDER BY c.agent, c.id FOR UPDATE) l;
  DELETE FROM agent.messages m WHERE m.tenant = of_tenant AND m.owner = of_owner AND m.conversation = ANY (ids)
    AND (everything OR m.agent = of_agent);
  GET DIAGNOSTICS messages = ROW_COUNT;
  DELETE FROM agent.runs r WHERE r.tenant = of_tenant AND r.owner = of_owner AND r.conversation = ANY (ids)
    AND (everything OR r.agent = of_agent);
  GET DIAGNOSTICS runs = ROW_COUNT;
  IF everything THEN
    DELETE FROM agent.conversations c WHERE c.tenant = of_tenant AND c.owner = of_owner AND c.id = ANY (ids);
    GET DIAGNOSTICS conversations = ROW_COUNT;
  END IF;
  PERFORM set_config('deputize.erased_tenant', '', true), set_config('deputize.erased_owner', '', true);
  RETURN NEXT;
END $$;
REVOKE ALL ON FUNCTION agent.erase(text, uuid, text, uuid) FROM PUBLIC;
GRANT USAGE ON SCHEMA agent TO {{authority}};
GRANT EXECUTE ON FUNCTION agent.erase(text, uuid, text, uuid) TO {{authority}};
