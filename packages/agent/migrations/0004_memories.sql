-- What agents remember of a person, with the vector by which it is found.
--
-- Guarantees: {{app}} reads and changes a person's own memories, reads those that others of the tenant shared, and removes none
-- [SR-03]: it can only end one, and what has ended is removed by the functions below, for which the authority's role asks. A
-- memory that a turn left is never shared.
-- Index: a person's rows are found by the primary key, and compared one by one. An approximate index over all people (HNSW, IVFFlat)
-- would rank others' rows first and have row-level security drop them afterwards: then the more others keep, the less is found.
CREATE TABLE agent.memories (
  tenant       text NOT NULL,
  owner        uuid NOT NULL,
  id           uuid NOT NULL,
  content      text NOT NULL CHECK (length(content) BETWEEN 1 AND 4000),
  -- NULL reads as untrusted and readable by nobody [SR-07].
  label        jsonb,
  act          text NOT NULL CHECK (act IN ('explicit', 'turn')),
  agent        text CHECK (length(agent) BETWEEN 1 AND 100),
  conversation uuid,
  run          uuid,
  shared       boolean NOT NULL CHECK (NOT shared OR act = 'explicit'),
  -- Vectors of different embedders are never compared.
  embedder     text NOT NULL CHECK (length(embedder) BETWEEN 1 AND 200),
  -- Of unit length, or nothing but zeros.
  embedding    real[] NOT NULL CHECK (cardinality(embedding) BETWEEN 1 AND 16000),
  created      timestamptz NOT NULL,
  updated      timestamptz NOT NULL,
  expires      timestamptz,
  PRIMARY KEY (tenant, owner, id)
);
-- Beside the row, so that listing does not read it, and as it is: unpacking would cost more than comparing.
ALTER TABLE agent.memories ALTER COLUMN embedding SET STORAGE EXTERNAL;
CREATE INDEX memories_newest ON agent.memories (tenant, owner, created DESC, id DESC);
CREATE INDEX memories_shared ON agent.memories (tenant) WHERE shared;

ALTER TABLE agent.memories ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON agent.memories TO {{app}}
  USING (tenant = (SELECT deputize.tenant()) AND owner = (SELECT deputize.subject()))
  WITH CHECK (tenant = (SELECT deputize.tenant()) AND owner = (SELECT deputize.subject()));
CREATE POLICY shared ON agent.memories FOR SELECT TO {{app}}
  USING (shared AND tenant = (SELECT deputize.tenant()));
-- For the functions below, which run as the owner.
CREATE POLICY removed ON agent.memories TO {{owner}} USING (true) WITH CHECK (false);
GRANT SELECT, INSERT ON agent.memories TO {{app}};
GRANT UPDATE (content, label, embedder, embedding, updated, expires) ON agent.memories TO {{app}};

-- The cosine of two vectors of unit length: by pgvector where the server has it, otherwise in SQL. Both are exact.
DO $$
DECLARE
  room text;
BEGIN
  BEGIN
    CREATE EXTENSION IF NOT EXISTS vector SCHEMA agent;
  EXCEPTION WHEN OTHERS THEN
    NULL; -- not installed, or not ours to create
  END;
  SELECT e.extnamespace::regnamespace::text INTO room FROM pg_extension e WHERE e.extname = 'vector';
  IF room IS NULL THEN
    CREATE FUNCTION agent.similarity(a real[], b real[]) RETURNS double precision
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (SELECT sum(x::double precision * y) FROM unnest(a, b) AS pair (x, y));
  ELSE
    EXECUTE format('CREATE FUNCTION agent.similarity(a real[], b real[]) RETURNS double precision
      LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN -((a::%1$s.vector) OPERATOR(%1$s.<#>) (b::%1$s.vector))', room);
  END IF;
END $$;
REVOKE ALL ON FUNCTION agent.similarity(real[], real[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agent.similarity(real[], real[]) TO {{app}};

-- Removes a person's memories that have ended and, of those that turns left, the oldest beyond `room`. Answers how many are left.
CREATE FUNCTION agent.trim_memories(of_tenant text, of_owner uuid, at timestamptz, room integer) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  n integer;
BEGIN
  DELETE FROM agent.memories m WHERE m.tenant = of_tenant AND m.owner = of_owner AND m.expires <= at;
  SELECT count(*) INTO n FROM agent.memories m WHERE m.tenant = of_tenant AND m.owner = of_owner;
  DELETE FROM agent.memories m WHERE m.tenant = of_tenant AND m.owner = of_owner AND m.id IN (
    SELECT o.id FROM agent.memories o WHERE o.tenant = of_tenant AND o.owner = of_owner AND o.act = 'turn'
    ORDER BY o.created, o.id LIMIT greatest(n - room, 0));
  SELECT count(*) INTO n FROM agent.memories m WHERE m.tenant = of_tenant AND m.owner = of_owner;
  RETURN n;
END $$;

-- Removes all memories of a person, or one of them; does not decide who may be erased.
CREATE FUNCTION agent.erase_memories(of_tenant text, of_owner uuid, of_memory uuid) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  n integer;
BEGIN
  DELETE FROM agent.memories m WHERE m.tenant = of_tenant AND m.owner = of_owner AND (of_memory IS NULL OR m.id = of_memory);
  GET DIAGNOSTICS n = ROW_COUNT;
  RETURN n;
END $$;
REVOKE ALL ON FUNCTION agent.trim_memories(text, uuid, timestamptz, integer), agent.erase_memories(text, uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agent.trim_memories(text, uuid, timestamptz, integer), agent.erase_memories(text, uuid, uuid)
  TO {{authority}};
