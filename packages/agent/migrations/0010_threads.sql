-- What programs keep with a conversation: metadata, and a state that counts its changes; and taking one message out.
--
-- Guarantees: row-level security and privileges per column as before; {{app}} still deletes nothing [SR-03]. `remove_message` sees no row
-- but those of the owner that it was asked for, and holds the lock that orders whoever writes to the conversation.
-- Does not: decide whose message it is. The store asks for the owner's own only.
ALTER TABLE agent.conversations
  ADD COLUMN metadata jsonb NOT NULL DEFAULT '{}'::jsonb CHECK (jsonb_typeof(metadata) = 'object'),
  ADD COLUMN state jsonb NOT NULL DEFAULT '{}'::jsonb CHECK (jsonb_typeof(state) = 'object'),
  ADD COLUMN state_version integer NOT NULL DEFAULT 0 CHECK (state_version >= 0);
GRANT UPDATE (metadata, state, state_version) ON agent.conversations TO {{app}};

CREATE FUNCTION agent.remove_message(of_tenant text, of_owner uuid, of_agent text, of_conversation uuid, of_message uuid)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  n integer := 0;
BEGIN
  PERFORM set_config('deputize.erased_tenant', of_tenant, true), set_config('deputize.erased_owner', of_owner::text, true);
  PERFORM 1 FROM agent.conversations c
    WHERE c.tenant = of_tenant AND c.owner = of_owner AND c.agent = of_agent AND c.id = of_conversation AND c.deleted IS NULL
    FOR UPDATE;
  IF FOUND THEN
    DELETE FROM agent.messages m WHERE m.tenant = of_tenant AND m.owner = of_owner AND m.agent = of_agent
      AND m.conversation = of_conversation AND m.id = of_message;
    GET DIAGNOSTICS n = ROW_COUNT;
  END IF;
  PERFORM set_config('deputize.erased_tenant', '', true), set_config('deputize.erased_owner', '', true);
  RETURN n = 1;
END $$;
REVOKE ALL ON FUNCTION agent.remove_message(text, uuid, text, uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agent.remove_message(text, uuid, text, uuid, uuid) TO {{authority}};
