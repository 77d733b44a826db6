-- The registry of workers: which of them said that they would be heard from, and when they last were.
--
-- Guarantees: a beat counts only for a token that stands, seen under the worker's own lock, so that it and the end of a
-- silent worker happen one after the other, on whatever node.

CREATE TABLE authority.heartbeats (
  tenant       text NOT NULL,
  principal_id uuid NOT NULL,
  heard_at     timestamptz NOT NULL,
  PRIMARY KEY (tenant, principal_id),
  FOREIGN KEY (tenant, principal_id) REFERENCES authority.workers (tenant, principal_id) ON DELETE CASCADE
);
CREATE INDEX heartbeats_heard ON authority.heartbeats (heard_at);

-- The worker of a token was heard. False when the token does not stand.
CREATE FUNCTION authority.worker_heard(in_tenant text, in_worker uuid, in_grant uuid, in_jti uuid, at timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM authority.principals p WHERE p.tenant = in_tenant AND p.id = in_worker FOR SHARE;
  IF NOT authority.broker_stands(in_tenant, in_grant, in_jti, at) THEN RETURN false; END IF;
  INSERT INTO authority.heartbeats AS h (tenant, principal_id, heard_at) VALUES (in_tenant, in_worker, at)
    ON CONFLICT (tenant, principal_id) DO UPDATE SET heard_at = greatest(h.heard_at, excluded.heard_at);
  RETURN true;
END $$;

REVOKE ALL ON FUNCTION authority.worker_heard(text, uuid, uuid, uuid, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION authority.worker_heard(text, uuid, uuid, uuid, timestamptz) TO {{authority}};
GRANT SELECT, INSERT, DELETE, UPDATE (heard_at) ON authority.heartbeats TO {{authority}};
