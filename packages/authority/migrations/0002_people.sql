-- People, what they and agents prove themselves with, their sessions, and which agents may act for whom.
-- Only the authority reads these tables; the app role gets one function [SR-03]. Every key includes the tenant,
-- so that no constraint tells one tenant about another [SR-23].

CREATE TABLE authority.people (
  tenant text NOT NULL,
  principal_id uuid NOT NULL,
  email text NOT NULL CHECK (email = lower(email) AND length(email) BETWEEN 3 AND 254),
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  role text NOT NULL CHECK (role IN ('customer', 'power_user', 'seller', 'admin')),
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (tenant, principal_id),
  UNIQUE (tenant, email),
  FOREIGN KEY (tenant, principal_id) REFERENCES authority.principals (tenant, id)
);

-- The hash is a PHC string: algorithm and parameters travel with it.
CREATE TABLE authority.passwords (
  tenant text NOT NULL,
  principal_id uuid NOT NULL,
  hash text NOT NULL CHECK (hash LIKE '$argon2id$%'),
  changed_at timestamptz NOT NULL,
  PRIMARY KEY (tenant, principal_id),
  FOREIGN KEY (tenant, principal_id) REFERENCES authority.people (tenant, principal_id)
);

CREATE TABLE authority.agents (
  tenant text NOT NULL,
  principal_id uuid NOT NULL,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
  owner_email text CHECK (owner_email = lower(owner_email) AND length(owner_email) <= 254),
  -- The person who registered it while signed in; NULL while nobody has vouched for the address.
  owner_id uuid,
  built_in boolean NOT NULL,
  created_at timestamptz NOT NULL,
  FOREIGN KEY (tenant, owner_id) REFERENCES authority.people (tenant, principal_id),
  PRIMARY KEY (tenant, principal_id),
  FOREIGN KEY (tenant, principal_id) REFERENCES authority.principals (tenant, id),
  UNIQUE (tenant, owner_id, name)
);

-- What an agent may do when it acts for itself. Revoked rows stay, for the record.
CREATE TABLE authority.agent_scopes (
  id uuid PRIMARY KEY,
  tenant text NOT NULL,
  agent_id uuid NOT NULL,
  scope text NOT NULL CHECK (authority.scope_valid(scope) AND length(scope) <= 200),
  granted_by uuid NOT NULL,
  granted_at timestamptz NOT NULL,
  revoked_at timestamptz,
  FOREIGN KEY (tenant, agent_id) REFERENCES authority.agents (tenant, principal_id),
  FOREIGN KEY (tenant, granted_by) REFERENCES authority.principals (tenant, id)
);
CREATE UNIQUE INDEX agent_scopes_live ON authority.agent_scopes (tenant, agent_id, scope) WHERE revoked_at IS NULL;

CREATE TABLE authority.api_keys (
  id uuid PRIMARY KEY,
  tenant text NOT NULL,
  principal_id uuid NOT NULL,
  hash bytea NOT NULL CHECK (length(hash) = 32),
  created_at timestamptz NOT NULL,
  last_used_at timestamptz,
  expires_at timestamptz,
  revoked_at timestamptz,
  replaced_by uuid,
  UNIQUE (tenant, id),
  FOREIGN KEY (tenant, principal_id) REFERENCES authority.principals (tenant, id),
  FOREIGN KEY (tenant, replaced_by) REFERENCES authority.api_keys (tenant, id)
);
CREATE INDEX api_keys_principal ON authority.api_keys (principal_id);

-- One sign-in, of a person or of an agent: the root grant that it made and how it is recognized.
CREATE TABLE authority.sessions (
  id uuid PRIMARY KEY,
  tenant text NOT NULL,
  principal_id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('browser', 'api', 'agent')),
  grant_id uuid NOT NULL UNIQUE,
  cookie_hash bytea UNIQUE CHECK (length(cookie_hash) = 32),
  api_key_id uuid,
  user_agent text CHECK (length(user_agent) <= 300),
  created_at timestamptz NOT NULL,
  -- The last time the person proved who they are.
  authenticated_at timestamptz NOT NULL,
  last_used_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz,
  FOREIGN KEY (tenant, principal_id) REFERENCES authority.principals (tenant, id),
  FOREIGN KEY (tenant, grant_id) REFERENCES authority.grants (tenant, id),
  FOREIGN KEY (tenant, api_key_id) REFERENCES authority.api_keys (tenant, id),
  UNIQUE (tenant, id),
  CHECK ((kind = 'browser') = (cookie_hash IS NOT NULL)),
  CHECK ((kind = 'agent') = (api_key_id IS NOT NULL)),
  CHECK (expires_at > created_at)
);
CREATE INDEX sessions_principal ON authority.sessions (principal_id) WHERE revoked_at IS NULL;
CREATE INDEX sessions_api_key ON authority.sessions (api_key_id) WHERE revoked_at IS NULL;

-- One family a session. Spent tokens stay until the session is pruned: that is how reuse is noticed.
CREATE TABLE authority.refresh_tokens (
  token_hash bytea PRIMARY KEY CHECK (length(token_hash) = 32),
  tenant text NOT NULL,
  session_id uuid NOT NULL,
  issued_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  used_at timestamptz,
  successor_hash bytea,
  FOREIGN KEY (tenant, session_id) REFERENCES authority.sessions (tenant, id),
  CHECK ((used_at IS NULL) = (successor_hash IS NULL))
);
CREATE INDEX refresh_tokens_session ON authority.refresh_tokens (session_id);

-- A person's permission: this agent may act for me.
CREATE TABLE authority.agent_permissions (
  tenant text NOT NULL,
  person_id uuid NOT NULL,
  agent_id uuid NOT NULL,
  level text NOT NULL CHECK (level IN ('user', 'operator')),
  granted_by uuid NOT NULL,
  granted_at timestamptz NOT NULL,
  expires_at timestamptz,
  revoked_at timestamptz,
  PRIMARY KEY (tenant, person_id, agent_id),
  FOREIGN KEY (tenant, person_id) REFERENCES authority.people (tenant, principal_id),
  FOREIGN KEY (tenant, agent_id) REFERENCES authority.agents (tenant, principal_id),
  FOREIGN KEY (tenant, granted_by) REFERENCES authority.principals (tenant, id)
);
CREATE INDEX agent_permissions_agent ON authority.agent_permissions (tenant, agent_id);

GRANT SELECT, INSERT ON authority.people, authority.passwords, authority.agents, authority.agent_scopes, authority.api_keys,
  authority.sessions, authority.refresh_tokens, authority.agent_permissions TO {{authority}};
GRANT UPDATE (name, role, updated_at) ON authority.people TO {{authority}};
GRANT UPDATE (hash, changed_at) ON authority.passwords TO {{authority}};
GRANT UPDATE (owner_email, owner_id) ON authority.agents TO {{authority}};
GRANT UPDATE (revoked_at) ON authority.agent_scopes TO {{authority}};
GRANT UPDATE (hash, last_used_at, expires_at, revoked_at, replaced_by) ON authority.api_keys TO {{authority}};
GRANT UPDATE (grant_id, authenticated_at, last_used_at, revoked_at) ON authority.sessions TO {{authority}};
GRANT UPDATE (used_at, successor_hash) ON authority.refresh_tokens TO {{authority}};
GRANT UPDATE (level, granted_by, granted_at, expires_at, revoked_at) ON authority.agent_permissions TO {{authority}};

-- The one look at people that the app role has: oneself, and persons of an open case.
CREATE FUNCTION authority.person(p_id uuid) RETURNS TABLE (id uuid, email text, name text, role text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
  SELECT p.principal_id, p.email, p.name, p.role
  FROM authority.people p
  WHERE p.principal_id = p_id
    AND p.tenant = deputize.tenant()
    AND (p_id = deputize.subject() OR p_id = ANY (deputize.case_subjects('profile')))
$$;
REVOKE ALL ON FUNCTION authority.person(uuid) FROM PUBLIC;
GRANT USAGE ON SCHEMA authority TO {{app}};
GRANT EXECUTE ON FUNCTION authority.person(uuid) TO {{app}};
