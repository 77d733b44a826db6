-- The audit log: an outbox that effects write to in their own transaction, and the log that one sequencer makes
-- of it. Entries are only ever inserted; no role can change one [SR-18]. What identifies a person sits in
-- `openings`, apart, where it can be erased [SR-24].

CREATE SCHEMA audit;
GRANT USAGE ON SCHEMA audit TO {{app}}, {{authority}}, {{sequencer}};

-- Committed, but not in the tree yet. `position` only orders; it has gaps.
CREATE TABLE audit.outbox (
  position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id uuid NOT NULL UNIQUE,
  -- A CHECK passes on NULL, so a missing field has to become false. The code checks the rest.
  event jsonb NOT NULL CHECK (coalesce(
    jsonb_typeof(event) = 'object'
    AND event->>'action' ~ '^[A-Za-z0-9_.:/-]{1,120}$'
    AND event->>'outcome' IN ('allowed', 'refused', 'failed', 'info')
    AND event->>'tenant' ~ '^[A-Za-z0-9_.-]{1,64}$'
    AND octet_length(event::text) <= 131072, false)),
  -- True when the database itself stamped who it was, from the caller's seal.
  sealed boolean NOT NULL,
  at timestamptz NOT NULL
);

CREATE TABLE audit.entries (
  seq bigint PRIMARY KEY CHECK (seq >= 0),
  id uuid NOT NULL UNIQUE,
  at timestamptz NOT NULL,
  -- Canonical JSON, byte for byte what was hashed; jsonb would lose that.
  leaf text NOT NULL,
  leaf_hash bytea NOT NULL CHECK (length(leaf_hash) = 32),
  -- The leaf hash of the entry before: one chain beside the tree. The leaf says it too.
  prev_hash bytea NOT NULL CHECK (length(prev_hash) = 32),
  -- The roots of the subtrees that this entry completes, lowest first, 32 bytes each. Proofs read these.
  completed bytea NOT NULL CHECK (length(completed) % 32 = 0)
);

CREATE TABLE audit.openings (
  seq bigint PRIMARY KEY,
  subject uuid,
  -- Other persons whom the entry speaks of.
  about uuid[] NOT NULL DEFAULT '{}',
  -- JSON: field → {salt, value}.
  body text NOT NULL
);
CREATE INDEX openings_subject ON audit.openings (subject, seq) WHERE subject IS NOT NULL;
CREATE INDEX openings_about ON audit.openings USING gin (about) WHERE about <> '{}';

-- One root a size, for ever.
CREATE TABLE audit.checkpoints (
  size bigint PRIMARY KEY CHECK (size > 0),
  root bytea NOT NULL CHECK (length(root) = 32),
  note text NOT NULL,
  at timestamptz NOT NULL
);

-- What the tree is now and who may append. Each append compares epoch and size and swaps.
CREATE TABLE audit.head (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  size bigint NOT NULL CHECK (size >= 0),
  root bytea NOT NULL CHECK (length(root) = 32),
  last_hash bytea NOT NULL CHECK (length(last_hash) = 32),
  epoch bigint NOT NULL,
  holder uuid,
  lease_until timestamptz NOT NULL
);
INSERT INTO audit.head (size, root, last_hash, epoch, lease_until)
  VALUES (0, sha256(''), decode(repeat('00', 32), 'hex'), 0, '-infinity');

-- Under the caller's seal: whatever the event claims, the database writes down who it is. Of the actor chain only
-- the acting principal is sealed; what stands behind it is kept as a claim, which the sealed grants confirm.
CREATE FUNCTION audit.submit_sealed(entry uuid, event jsonb) RETURNS void
  LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  claims jsonb := deputize.sealed();
  actors jsonb;
BEGIN
  IF claims IS NULL THEN
    RAISE EXCEPTION 'only a sealed caller may record here' USING ERRCODE = '42501';
  END IF;
  actors := CASE
    WHEN claims->>'act' = claims->>'sub' THEN '[]'::jsonb
    WHEN event #>> '{actors,0}' = claims->>'act' THEN event->'actors'
    ELSE jsonb_build_array(claims->'act') END;
  INSERT INTO audit.outbox (id, event, sealed, at)
  VALUES (entry,
    (event - '{subject,tenant,actors,grant,grants}'::text[])
      || jsonb_build_object('subject', claims->'sub', 'tenant', claims->'ten', 'actors', actors)
      || CASE WHEN claims->>'gid' IS NULL THEN '{}'::jsonb
         ELSE jsonb_build_object('grant', claims->'gid', 'grants', claims->'grs') END,
    true, date_trunc('milliseconds', clock_timestamp()));
END
$$;

-- Without a seal the event's own words count, so only those who may speak of others can call this.
CREATE FUNCTION audit.submit_named(entry uuid, event jsonb) RETURNS void
  LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
  INSERT INTO audit.outbox (id, event, sealed, at)
  VALUES (entry, event, false, date_trunc('milliseconds', clock_timestamp()))
$$;

-- The same for many: [{"id": …, "event": {…}}, …].
CREATE FUNCTION audit.submit_many(entries jsonb) RETURNS void
  LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
  INSERT INTO audit.outbox (id, event, sealed, at)
  SELECT (e.value->>'id')::uuid, e.value->'event', false, date_trunc('milliseconds', clock_timestamp())
  FROM jsonb_array_elements(entries) WITH ORDINALITY e ORDER BY e.ordinality
$$;

-- The door for every room. It runs as its caller, so a tool that clears its seal is left without a right.
CREATE FUNCTION audit.submit(entry uuid, event jsonb) RETURNS void
  LANGUAGE plpgsql VOLATILE SECURITY INVOKER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF deputize.sealed() IS NOT NULL THEN
    PERFORM audit.submit_sealed(entry, event);
  ELSE
    PERFORM audit.submit_named(entry, event);
  END IF;
END
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA audit FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit.submit(uuid, jsonb), audit.submit_sealed(uuid, jsonb)
  TO {{app}}, {{authority}}, {{sequencer}};
GRANT EXECUTE ON FUNCTION audit.submit_named(uuid, jsonb) TO {{authority}}, {{sequencer}};
GRANT EXECUTE ON FUNCTION audit.submit_many(jsonb) TO {{sequencer}};

GRANT SELECT, DELETE ON audit.outbox TO {{sequencer}};
GRANT SELECT, INSERT ON audit.entries, audit.checkpoints TO {{sequencer}};
GRANT SELECT, INSERT, DELETE, UPDATE (about, body) ON audit.openings TO {{sequencer}};
GRANT SELECT, UPDATE (size, root, last_hash, epoch, holder, lease_until) ON audit.head TO {{sequencer}};
