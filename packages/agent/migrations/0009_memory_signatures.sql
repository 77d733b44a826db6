-- A memory's signature: which side of 1,024 fixed hyperplanes its vector lies on (packages/agent/src/memory/signature.ts). Bits in
-- which two signatures differ are counted without reading the vectors, which lie beside the rows, so that only what may be among
-- the best is compared exactly. Row-level security is that of the row. One without a signature is always compared.
ALTER TABLE agent.memories ADD COLUMN signature bit(1024);
GRANT UPDATE (signature) ON agent.memories TO {{app}};
CREATE INDEX memories_unsigned ON agent.memories (tenant, owner) WHERE signature IS NULL;

-- As before, and without the signature, which says nothing to a person.
CREATE OR REPLACE FUNCTION agent.person_rows(of_tenant text, of_person uuid, after text, max_rows integer)
RETURNS TABLE (key text, section text, body jsonb)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM set_config('deputize.erased_tenant', of_tenant, true), set_config('deputize.erased_owner', of_person::text, true);
  RETURN QUERY SELECT r.* FROM (
    SELECT 'conversations/' || c.agent || '/' || c.id, 'conversations', to_jsonb(c) - '{tenant,owner}'::text[]
      FROM agent.conversations c WHERE c.tenant = of_tenant AND c.owner = of_person
    UNION ALL
    SELECT 'memories/' || y.id, 'memories', to_jsonb(y) - '{tenant,owner,embedding,signature}'::text[]
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
