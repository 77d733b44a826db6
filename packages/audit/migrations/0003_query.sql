-- Asking the log. The codes that a leaf shows anyway become columns that the database itself computes from the leaf, so
-- they cannot disagree with it. What may identify a person (who acted, on which task, for which app) becomes columns
-- computed from the openings: erasing those erases the columns with them [SR-24].

ALTER TABLE audit.entries
  ADD COLUMN tenant text GENERATED ALWAYS AS (leaf::jsonb->>'tenant') STORED,
  ADD COLUMN action text GENERATED ALWAYS AS (leaf::jsonb->>'action') STORED,
  ADD COLUMN outcome text GENERATED ALWAYS AS (leaf::jsonb->>'outcome') STORED;
CREATE INDEX entries_tenant ON audit.entries (tenant, seq);
CREATE INDEX entries_outcome ON audit.entries (tenant, outcome, seq);
CREATE INDEX entries_action ON audit.entries (tenant, action, seq);
CREATE INDEX entries_action_outcome ON audit.entries (tenant, action, outcome, seq);

-- An index cannot hold a text of any length, and no submitted text may stop the log: hence `left`.
ALTER TABLE audit.openings
  ADD COLUMN tenant text,
  ADD COLUMN agent text GENERATED ALWAYS AS
    (left(coalesce(body::jsonb #>> '{who,value,agent}', body::jsonb #>> '{who,value,actors,0}'), 512)) STORED,
  ADD COLUMN task text GENERATED ALWAYS AS (left(body::jsonb #>> '{why,value,task}', 512)) STORED,
  ADD COLUMN app text GENERATED ALWAYS AS (left(body::jsonb #>> '{why,value,app}', 512)) STORED;
UPDATE audit.openings o SET tenant = e.tenant FROM audit.entries e WHERE e.seq = o.seq;
CREATE INDEX openings_agent ON audit.openings (tenant, agent, seq) WHERE agent IS NOT NULL;
CREATE INDEX openings_task ON audit.openings (tenant, task, seq) WHERE task IS NOT NULL;
CREATE INDEX openings_app ON audit.openings (tenant, app, seq) WHERE app IS NOT NULL;

-- Exact totals without counting: how many entries of each kind there are, in all and in each block of 4,096 numbers.
CREATE TABLE audit.totals (
  tenant text NOT NULL,
  action text NOT NULL,
  outcome text NOT NULL,
  entries bigint NOT NULL,
  PRIMARY KEY (tenant, action, outcome)
);
CREATE TABLE audit.tallies (
  tenant text NOT NULL,
  action text NOT NULL,
  outcome text NOT NULL,
  block bigint NOT NULL,
  entries bigint NOT NULL,
  -- The earliest and latest time in it. Times rise with the numbers, but not strictly: a commit may come late.
  first_at timestamptz NOT NULL,
  last_at timestamptz NOT NULL,
  PRIMARY KEY (tenant, action, outcome, block)
);

CREATE FUNCTION audit.tally() RETURNS trigger
  LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  INSERT INTO audit.tallies AS t (tenant, action, outcome, block, entries, first_at, last_at)
  SELECT a.tenant, a.action, a.outcome, a.seq / 4096, count(*), min(a.at), max(a.at)
  FROM added a GROUP BY 1, 2, 3, 4
  ON CONFLICT (tenant, action, outcome, block) DO UPDATE SET entries = t.entries + EXCLUDED.entries,
    first_at = least(t.first_at, EXCLUDED.first_at), last_at = greatest(t.last_at, EXCLUDED.last_at);
  INSERT INTO audit.totals AS t (tenant, action, outcome, entries)
  SELECT a.tenant, a.action, a.outcome, count(*) FROM added a GROUP BY 1, 2, 3
  ON CONFLICT (tenant, action, outcome) DO UPDATE SET entries = t.entries + EXCLUDED.entries;
  RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION audit.tally() FROM PUBLIC;
CREATE TRIGGER tally AFTER INSERT ON audit.entries
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION audit.tally();

INSERT INTO audit.tallies (tenant, action, outcome, block, entries, first_at, last_at)
SELECT tenant, action, outcome, seq / 4096, count(*), min(at), max(at) FROM audit.entries GROUP BY 1, 2, 3, 4;
INSERT INTO audit.totals (tenant, action, outcome, entries)
SELECT tenant, action, outcome, count(*) FROM audit.entries GROUP BY 1, 2, 3;

-- Raised by each erasure: processes keep rendered entries, and drop them all when it has changed.
ALTER TABLE audit.head ADD COLUMN erasures bigint NOT NULL DEFAULT 0;

GRANT SELECT ON audit.totals, audit.tallies TO {{sequencer}};
GRANT UPDATE (erasures) ON audit.head TO {{sequencer}};
-- One call for one transaction's many entries.
GRANT EXECUTE ON FUNCTION audit.submit_many(jsonb) TO {{authority}};
