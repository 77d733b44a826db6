-- Operators besides the one of the installation's own secret: each a principal with a list of admin scopes, which never changes, and
-- a secret of its own. A removed one stays, for the record, and its name is not used again. Ceilings hold no reserved scopes.
CREATE TABLE authority.operators (
  tenant       text NOT NULL,
  principal_id uuid NOT NULL,
  name         text NOT NULL CHECK (name ~ '^[a-z][a-z0-9](-?[a-z0-9]+)*$' AND length(name) <= 64),
  scopes       text[] NOT NULL CHECK (cardinality(scopes) BETWEEN 1 AND 64 AND authority.scopes_valid(scopes)
    AND array_to_string(scopes, ' ') ~ '^admin:[^ ]+( admin:[^ ]+)*$'),
  made_by      uuid NOT NULL,
  created_at   timestamptz NOT NULL,
  removed_at   timestamptz,
  PRIMARY KEY (tenant, principal_id),
  UNIQUE (tenant, name),
  FOREIGN KEY (tenant, principal_id) REFERENCES authority.principals (tenant, id),
  FOREIGN KEY (tenant, made_by) REFERENCES authority.principals (tenant, id)
);

-- HMAC over the secret alone, which is all that an operator sends: one indexed equality says who, and whether.
CREATE TABLE authority.operator_secrets (
  hash         bytea PRIMARY KEY CHECK (length(hash) = 32),
  tenant       text NOT NULL,
  principal_id uuid NOT NULL,
  created_at   timestamptz NOT NULL,
  expires_at   timestamptz,
  FOREIGN KEY (tenant, principal_id) REFERENCES authority.operators (tenant, principal_id)
);
CREATE INDEX operator_secrets_of ON authority.operator_secrets (tenant, principal_id);

-- As before, and a secret may be an operator's.
CREATE OR REPLACE FUNCTION authority.broker_control(in_tenant text, item jsonb) RETURNS jsonb
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
  at timestamptz := (item #>> '{root,now}')::timestamptz;
  given bytea := decode(item ->> 'secretHash', 'hex');
  who authority.principals;
  view jsonb;
BEGIN
  SELECT * INTO who FROM authority.principals p WHERE p.tenant = in_tenant AND p.id = (item #>> '{root,actor}')::uuid FOR SHARE;
  IF who.id IS NULL OR who.state <> 'active'
     OR (given IS NOT NULL
       AND NOT EXISTS (SELECT FROM authority.app_secrets s WHERE s.hash = given AND s.tenant = in_tenant
         AND s.principal_id = who.id AND (s.expires_at IS NULL OR s.expires_at > at))
       AND NOT EXISTS (SELECT FROM authority.operator_secrets s WHERE s.hash = given AND s.tenant = in_tenant
         AND s.principal_id = who.id AND (s.expires_at IS NULL OR s.expires_at > at))) THEN
    RETURN '{"refused": "invalid_credentials"}';
  END IF;
  view := authority.create_root((item -> 'root') || jsonb_build_object('tenant', in_tenant, 'kind', 'control',
    'subject', who.id, 'app', CASE WHEN who.kind = 'app' THEN who.id END));
  INSERT INTO authority.broker_tokens (jti, tenant, grant_id, renewal, live)
    VALUES ((item ->> 'jti')::uuid, in_tenant, (view ->> 'id')::uuid, 0, true);
  PERFORM audit.submit_many(item -> 'entries');
  RETURN jsonb_build_object('view', view);
END $$;

REVOKE ALL ON authority.operators, authority.operator_secrets FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE (removed_at) ON authority.operators TO {{authority}};
GRANT SELECT, INSERT, DELETE, UPDATE (expires_at) ON authority.operator_secrets TO {{authority}};
