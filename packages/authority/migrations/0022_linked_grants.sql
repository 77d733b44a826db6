-- Which grant a credential of elsewhere stands on: one for each, for as long as the credential lasts. The row stays when the
-- grant ends, so that a credential whose grant was taken back gets no second one, at this replica or another, now or after
-- a restart. `credential` is a SHA-256 over what names it; the credential itself is nowhere.
CREATE TABLE authority.linked_grants (
  tenant     text NOT NULL,
  subject    uuid NOT NULL,
  credential bytea NOT NULL CHECK (length(credential) = 32),
  grant_id   uuid NOT NULL,
  PRIMARY KEY (tenant, subject, credential),
  FOREIGN KEY (tenant, subject) REFERENCES authority.principals (tenant, id),
  FOREIGN KEY (tenant, grant_id) REFERENCES authority.grants (tenant, id)
);

REVOKE ALL ON authority.linked_grants FROM PUBLIC;
GRANT SELECT, INSERT ON authority.linked_grants TO {{authority}};
