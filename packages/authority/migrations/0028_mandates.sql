-- Mandates: what a person let an agent do while they are away. The authority to do it is the grant of the same id, of kind
-- `mandate`; here stands what the person said it is for. A row goes with its grant, when that is forgotten.
CREATE TABLE authority.mandates (
  tenant  text NOT NULL,
  id      uuid NOT NULL,
  person  uuid NOT NULL,
  agent   uuid NOT NULL,
  purpose text NOT NULL CHECK (length(purpose) BETWEEN 1 AND 500),
  PRIMARY KEY (tenant, id),
  FOREIGN KEY (tenant, id) REFERENCES authority.grants (tenant, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant, person) REFERENCES authority.people (tenant, principal_id),
  FOREIGN KEY (tenant, agent) REFERENCES authority.agents (tenant, principal_id)
);
CREATE INDEX mandates_person ON authority.mandates (tenant, person, id);

REVOKE ALL ON authority.mandates FROM PUBLIC;
GRANT SELECT, INSERT ON authority.mandates TO {{authority}};
