-- Registered agents: confirmed by their owner, with roles, keys of several kinds, and refresh families.
--
-- Guarantees: an owner has one agent of a name; an agent holds a permission or a role once; no permission is of a reserved
-- scope. Revoked and deleted rows stay, for the record; the one that nobody confirmed in a week may be forgotten.

ALTER TABLE authority.agents
  ADD COLUMN confirmed_at timestamptz,
  ADD COLUMN confirmed_by uuid,
  -- Who suspended it: what an administrator stopped, its owner does not resume.
  ADD COLUMN suspended_by uuid,
  ADD COLUMN deleted_at timestamptz,
  ADD FOREIGN KEY (tenant, confirmed_by) REFERENCES authority.principals (tenant, id),
  ADD FOREIGN KEY (tenant, suspended_by) REFERENCES authority.principals (tenant, id);
UPDATE authority.agents SET confirmed_at = created_at, confirmed_by = owner_id WHERE built_in OR owner_id IS NOT NULL;

-- Before, strangers could claim one name twice for one address. The newest claim stays.
UPDATE authority.agents a SET deleted_at = a.created_at
  WHERE a.owner_id IS NULL AND NOT a.built_in AND EXISTS (SELECT FROM authority.agents n WHERE n.tenant = a.tenant
    AND n.owner_id IS NULL AND NOT n.built_in AND n.owner_email = a.owner_email AND n.name = a.name
    AND (n.created_at, n.principal_id) > (a.created_at, a.principal_id));

-- A deleted agent's name is free again.
ALTER TABLE authority.agents DROP CONSTRAINT agents_tenant_owner_id_name_key;
CREATE UNIQUE INDEX agents_owned_name ON authority.agents (tenant, owner_id, name)
  WHERE owner_id IS NOT NULL AND deleted_at IS NULL;
-- What strangers claim for an address stands apart, so that it keeps no name from the address's owner [SR-23].
CREATE UNIQUE INDEX agents_claimed_name ON authority.agents (tenant, owner_email, name)
  WHERE owner_id IS NULL AND NOT built_in AND deleted_at IS NULL;

ALTER TABLE authority.agent_scopes
  ADD COLUMN expires_at timestamptz,
  ADD CONSTRAINT agent_scopes_not_reserved CHECK (split_part(scope, ':', 1) NOT IN ('admin', 'app'));

-- Which scopes a role holds is the installation's policy; who holds the role is here.
CREATE TABLE authority.agent_roles (
  id uuid PRIMARY KEY,
  tenant text NOT NULL,
  agent_id uuid NOT NULL,
  role text NOT NULL CHECK (role ~ '^[a-z][a-z0-9_-]{0,63}$'),
  granted_by uuid NOT NULL,
  granted_at timestamptz NOT NULL,
  revoked_at timestamptz,
  FOREIGN KEY (tenant, agent_id) REFERENCES authority.agents (tenant, principal_id),
  FOREIGN KEY (tenant, granted_by) REFERENCES authority.principals (tenant, id)
);
CREATE UNIQUE INDEX agent_roles_live ON authority.agent_roles (tenant, agent_id, role) WHERE revoked_at IS NULL;

-- A key may hold less than its agent, and may begin later than it was made.
ALTER TABLE authority.api_keys
  ADD COLUMN scopes text[] CHECK (authority.scopes_valid(scopes)),
  ADD COLUMN not_before timestamptz;

-- One family of an agent's refresh tokens: for which audience, cut to which scopes, and the agent's epoch when it began,
-- so that whatever raises the epoch ends the family with it [SR-12].
ALTER TABLE authority.sessions
  ADD COLUMN audience text CHECK (length(audience) <= 2000),
  ADD COLUMN asked_scopes text[] CHECK (authority.scopes_valid(asked_scopes)),
  ADD COLUMN principal_epoch integer;

GRANT UPDATE (name, confirmed_at, confirmed_by, suspended_by, deleted_at) ON authority.agents TO {{authority}};
GRANT UPDATE (granted_by, granted_at, expires_at) ON authority.agent_scopes TO {{authority}};
GRANT SELECT, INSERT ON authority.agent_roles TO {{authority}};
GRANT UPDATE (revoked_at) ON authority.agent_roles TO {{authority}};

-- Forgets agents that nobody confirmed within a week, with their keys: open registration must not fill the database. One
-- that still has a sign-in or a grant waits until these are pruned.
CREATE FUNCTION authority.prune_agents(max_rows integer) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  gone uuid[];
BEGIN
  SELECT coalesce(array_agg(q.principal_id), '{}') INTO gone FROM (
    SELECT a.principal_id FROM authority.agents a
    WHERE a.confirmed_at IS NULL AND NOT a.built_in AND a.created_at < clock_timestamp() - interval '7 days'
      AND NOT EXISTS (SELECT FROM authority.sessions s WHERE s.tenant = a.tenant AND s.principal_id = a.principal_id)
      AND NOT EXISTS (SELECT FROM authority.grants g WHERE g.tenant = a.tenant AND a.principal_id IN (g.subject, g.actor))
      AND NOT EXISTS (SELECT FROM authority.agent_permissions p WHERE p.tenant = a.tenant AND p.agent_id = a.principal_id)
      AND NOT EXISTS (SELECT FROM authority.agent_scopes c WHERE c.tenant = a.tenant AND c.agent_id = a.principal_id)
      AND NOT EXISTS (SELECT FROM authority.agent_roles r WHERE r.tenant = a.tenant AND r.agent_id = a.principal_id)
    ORDER BY a.created_at LIMIT max_rows FOR UPDATE OF a SKIP LOCKED) q;
  DELETE FROM authority.api_keys k WHERE k.principal_id = ANY (gone);
  DELETE FROM authority.agents a WHERE a.principal_id = ANY (gone);
  DELETE FROM authority.principals p WHERE p.id = ANY (gone);
  RETURN cardinality(gone);
END $$;
CREATE INDEX agents_unconfirmed ON authority.agents (created_at) WHERE confirmed_at IS NULL;
REVOKE ALL ON FUNCTION authority.prune_agents(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION authority.prune_agents(integer) TO {{authority}};
