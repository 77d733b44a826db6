-- Grants that end before the tokens that were made of them say: a key that was to work longer now ends earlier, and what it
-- made ends with it. A grant is never shortened, only revoked; here stands when. Whoever reads the feed after that ends them
-- first, so no verifier that follows the feed accepts them any more.
--
-- Rows go when their time comes. Nothing points at them, and nothing breaks when a grant has ended before.
CREATE TABLE authority.early_ends (
  tenant   text NOT NULL,
  grant_id uuid NOT NULL,
  ends_at  timestamptz NOT NULL,
  reason   text NOT NULL CHECK (length(reason) BETWEEN 1 AND 200),
  PRIMARY KEY (grant_id, tenant)
);
CREATE INDEX early_ends_due ON authority.early_ends (ends_at);
REVOKE ALL ON authority.early_ends FROM PUBLIC;
GRANT SELECT, INSERT, DELETE, UPDATE (ends_at, reason) ON authority.early_ends TO {{authority}};
