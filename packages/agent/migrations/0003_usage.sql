-- What each person's turns used, a day: turns, calls of models, calls of tools. For accounts, which stay when a conversation is
-- removed.
--
-- Guarantees: {{app}} sees a person's own lines only, and changes none: it adds, by the function below, which takes nothing back.
-- Others' lines are seen by administrators of the tenant, as sums of a day, with the person's id and no word of theirs.
CREATE TABLE agent.usage (
  tenant      text NOT NULL,
  owner       uuid NOT NULL,
  agent       text NOT NULL CHECK (length(agent) BETWEEN 1 AND 100),
  -- In UTC.
  day         date NOT NULL,
  kind        text NOT NULL CHECK (kind IN ('turn', 'model', 'tool')),
  -- Of the model or the tool; of turns, empty.
  name        text NOT NULL CHECK (length(name) <= 200),
  calls       bigint NOT NULL CHECK (calls >= 0),
  failed      bigint NOT NULL CHECK (failed >= 0),
  ms          bigint NOT NULL CHECK (ms >= 0),
  -- Of a tool: its share of the model calls that asked for it. So they are never added to those of models.
  tokens_in   bigint NOT NULL CHECK (tokens_in >= 0),
  tokens_out  bigint NOT NULL CHECK (tokens_out >= 0),
  cost_micros bigint NOT NULL CHECK (cost_micros >= 0),
  -- Calls whose cost is not known, and not in `cost_micros`.
  unpriced    bigint NOT NULL CHECK (unpriced >= 0),
  PRIMARY KEY (tenant, owner, agent, day, kind, name)
);
CREATE INDEX usage_by_day ON agent.usage (tenant, day);

ALTER TABLE agent.usage ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON agent.usage FOR SELECT TO {{app}}
  USING (tenant = (SELECT deputize.tenant()) AND owner = (SELECT deputize.subject()));
-- For the functions below, which run as the owner.
CREATE POLICY kept ON agent.usage TO {{owner}} USING (true) WITH CHECK (true);
GRANT SELECT ON agent.usage TO {{app}};

-- Whose usage it is, is said by the process that served the turn and not by a seal: a turn counts also where the authority that
-- it was made with has ended meanwhile.
CREATE FUNCTION agent.add_usage(of_tenant text, of_owner uuid, of_agent text, of_day date, lines jsonb) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO agent.usage AS u (tenant, owner, agent, day, kind, name,
    calls, failed, ms, tokens_in, tokens_out, cost_micros, unpriced)
  SELECT of_tenant, of_owner, of_agent, of_day, l.kind, l.name, greatest(l.calls, 0), greatest(l.failed, 0), greatest(l.ms, 0),
    greatest(l.tokens_in, 0), greatest(l.tokens_out, 0), greatest(l.cost_micros, 0), greatest(l.unpriced, 0)
  FROM jsonb_to_recordset(lines) AS l (kind text, name text, calls bigint, failed bigint, ms bigint, tokens_in bigint,
    tokens_out bigint, cost_micros bigint, unpriced bigint)
  ORDER BY l.kind, l.name -- two at once lock their rows in one order
  ON CONFLICT (tenant, owner, agent, day, kind, name) DO UPDATE SET
    calls = u.calls + excluded.calls, failed = u.failed + excluded.failed, ms = u.ms + excluded.ms,
    tokens_in = u.tokens_in + excluded.tokens_in, tokens_out = u.tokens_out + excluded.tokens_out,
    cost_micros = u.cost_micros + excluded.cost_micros, unpriced = u.unpriced + excluded.unpriced
$$;
REVOKE ALL ON FUNCTION agent.add_usage(text, uuid, text, date, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agent.add_usage(text, uuid, text, date, jsonb) TO {{app}};

-- The lines of everybody in the caller's tenant, for administrators; nothing for others.
CREATE FUNCTION agent.usage_of_tenant(since date) RETURNS SETOF agent.usage
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT u.* FROM agent.usage u
  WHERE (SELECT deputize.has_role('admin')) AND u.tenant = (SELECT deputize.tenant()) AND u.day >= since
$$;
REVOKE ALL ON FUNCTION agent.usage_of_tenant(date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agent.usage_of_tenant(date) TO {{app}};

-- Removes a person's lines when they are erased; does not decide who may be.
CREATE FUNCTION agent.erase_usage(of_tenant text, of_owner uuid) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  n integer;
BEGIN
  DELETE FROM agent.usage u WHERE u.tenant = of_tenant AND u.owner = of_owner;
  GET DIAGNOSTICS n = ROW_COUNT;
  RETURN n;
END $$;
REVOKE ALL ON FUNCTION agent.erase_usage(text, uuid) FROM PUBLIC;
GRANT USAGE ON SCHEMA agent TO {{authority}};
GRANT EXECUTE ON FUNCTION agent.erase_usage(text, uuid) TO {{authority}};

-- What was counted in messages so far.
ALTER TABLE agent.messages NO FORCE ROW LEVEL SECURITY;
INSERT INTO agent.usage
SELECT m.tenant, m.owner, m.agent, (m.created AT TIME ZONE 'UTC')::date, k.kind, k.name, count(*), 0, 0,
  CASE k.kind WHEN 'model' THEN coalesce(sum(m.tokens_in), 0) ELSE 0 END,
  CASE k.kind WHEN 'model' THEN coalesce(sum(m.tokens_out), 0) ELSE 0 END,
  0, CASE k.kind WHEN 'model' THEN count(*) ELSE 0 END
FROM agent.messages m CROSS JOIN (VALUES ('turn', ''), ('model', 'unknown')) AS k (kind, name)
WHERE m.role = 'assistant' GROUP BY 1, 2, 3, 4, 5, 6;
ALTER TABLE agent.messages FORCE ROW LEVEL SECURITY;
