-- Usage that is written after its person was erased: a turn that was under way then leaves no line. And which ledger this is.
--
-- Guarantees: a turn that began before its person's last erasure adds nothing, whatever writes it and however late. Both take a
-- lock on `agent.erased` first, so that neither misses the other. What stays of an erased person for a week is a digest of an id
-- and a time.
CREATE TABLE agent.erased (
  who bytea PRIMARY KEY,
  at  timestamptz NOT NULL
);
ALTER TABLE agent.erased ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY kept ON agent.erased TO {{owner}} USING (true) WITH CHECK (true);

CREATE FUNCTION agent.digest_of(of_tenant text, of_owner uuid) RETURNS bytea
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
RETURN sha256(convert_to(length(of_tenant) || ':' || of_tenant || of_owner, 'UTF8'));

CREATE OR REPLACE FUNCTION agent.erase_usage(of_tenant text, of_owner uuid) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  n integer;
BEGIN
  LOCK TABLE agent.erased IN SHARE ROW EXCLUSIVE MODE;
  INSERT INTO agent.erased (who, at) VALUES (agent.digest_of(of_tenant, of_owner), clock_timestamp())
    ON CONFLICT (who) DO UPDATE SET at = excluded.at;
  DELETE FROM agent.erased e WHERE e.at < clock_timestamp() - interval '7 days';
  DELETE FROM agent.usage u WHERE u.tenant = of_tenant AND u.owner = of_owner;
  GET DIAGNOSTICS n = ROW_COUNT;
  RETURN n;
END $$;

-- Answers whether the lines were added: not those of a turn that began, by this server's clock, before its person was erased.
CREATE FUNCTION agent.add_usage(of_tenant text, of_owner uuid, of_agent text, of_day date, lines jsonb, began timestamptz)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  LOCK TABLE agent.erased IN ROW EXCLUSIVE MODE;
  IF EXISTS (SELECT FROM agent.erased e WHERE e.who = agent.digest_of(of_tenant, of_owner) AND e.at >= began) THEN
    RETURN false;
  END IF;
  PERFORM agent.add_usage(of_tenant, of_owner, of_agent, of_day, lines);
  RETURN true;
END $$;
REVOKE ALL ON FUNCTION agent.add_usage(text, uuid, text, date, jsonb, timestamptz), agent.digest_of(text, uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION agent.add_usage(text, uuid, text, date, jsonb) FROM {{app}};
GRANT EXECUTE ON FUNCTION agent.add_usage(text, uuid, text, date, jsonb, timestamptz) TO {{app}};

-- The id of this ledger, for agents that tell others what they used: what stands in it is not written to it again. Made when it is
-- first asked for, so that a copy of an empty database has one of its own.
CREATE TABLE agent.usage_ledger (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  id  uuid NOT NULL
);
CREATE FUNCTION agent.usage_ledger_id() RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO agent.usage_ledger (id) VALUES (gen_random_uuid()) ON CONFLICT DO NOTHING;
  RETURN (SELECT l.id FROM agent.usage_ledger l);
END $$;
REVOKE ALL ON agent.usage_ledger FROM PUBLIC;
REVOKE ALL ON FUNCTION agent.usage_ledger_id() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agent.usage_ledger_id() TO {{app}};
