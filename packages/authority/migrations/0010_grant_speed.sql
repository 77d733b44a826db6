-- Making a grant in fewer statements, with the same checks: each lock is taken and what it guards is read in one go (a
-- row locked FOR SHARE is read as it is then, not as the snapshot had it), what is compared element by element is first
-- compared whole, and foreign keys that repeat what `guard_grant` has just compared with the parent's row are gone.
--
-- `enable_seqscan = off`: a plan made while a table is empty is kept, and would read the whole table once it is large. These
-- functions run as their caller and name every table with its schema, so they need no `search_path` of their own.

-- One expression that CHECKs inline. The scopes joined by blanks match a list of scopes, and have as many blanks between
-- as elements: so none holds a blank, and none is NULL.
CREATE OR REPLACE FUNCTION authority.scopes_valid(scopes text[]) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT scopes IS NULL OR pg_catalog.cardinality(scopes) = 0 OR (
    pg_catalog.array_to_string(scopes, ' ') ~
      '^(?!\*:)[\x21\x23-\x39\x3B-\x5B\x5D-\x7E]+:(?!\*:)[\x21\x23-\x39\x3B-\x5B\x5D-\x7E]+:[\x21\x23-\x5B\x5D-\x7E]+(?: (?!\*:)[\x21\x23-\x39\x3B-\x5B\x5D-\x7E]+:(?!\*:)[\x21\x23-\x39\x3B-\x5B\x5D-\x7E]+:[\x21\x23-\x5B\x5D-\x7E]+)*$'
    AND pg_catalog.length(pg_catalog.array_to_string(scopes, ' '))
      - pg_catalog.length(pg_catalog.replace(pg_catalog.array_to_string(scopes, ' '), ' ', ''))
      = pg_catalog.cardinality(scopes) - 1)
$$;

CREATE OR REPLACE FUNCTION authority.scopes_within(requested text[], allowed text[]) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$ BEGIN
  IF requested OPERATOR(pg_catalog.<@) allowed THEN RETURN true; END IF;
  RETURN NOT EXISTS (
    SELECT FROM pg_catalog.unnest(requested) r
    WHERE NOT EXISTS (SELECT FROM pg_catalog.unnest(allowed) a WHERE authority.scope_covers(a, r)));
END $$;

-- A grant and the epochs of its path, as TypeScript reads it. Times are epoch milliseconds.
CREATE FUNCTION authority.grant_json(g authority.grants, subject_kind text, epochs jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$ BEGIN
  RETURN jsonb_build_object(
    'id', g.id, 'parent', g.parent, 'root', g.root, 'depth', g.depth, 'path', g.path, 'tenant', g.tenant, 'kind', g.kind,
    'app', g.app, 'subject', g.subject, 'actor', g.actor, 'actors', g.actors, 'clientId', g.client_id, 'task', g.task,
    'orchestration', g.orchestration, 'scopes', g.scopes, 'audiences', g.audiences, 'constraints', g.constraints,
    'issuedAt', floor(extract(epoch FROM g.issued_at) * 1000), 'expiresAt', floor(extract(epoch FROM g.expires_at) * 1000),
    'renewUntil', floor(extract(epoch FROM g.renew_until) * 1000), 'state', g.state, 'reason', g.reason,
    'subjectKind', subject_kind,
    'roles', CASE WHEN subject_kind = 'user' THEN authority.roles_of(g.tenant, g.subject) ELSE '{}' END,
    'epochs', epochs);
END $$;

CREATE OR REPLACE FUNCTION authority.grant_view(g authority.grants) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$ BEGIN
  RETURN (
    SELECT authority.grant_json(g, max(p.kind) FILTER (WHERE p.id = g.subject), jsonb_object_agg(p.id, p.epoch))
    FROM authority.principals p
    WHERE p.tenant = g.tenant AND p.id = ANY (g.actors || g.subject || g.app));
END $$;

-- A child's root, subject and app are its parent's, whom it refers to; a root's are looked up by the trigger. Nobody deletes
-- principals or grants but functions that look first.
ALTER TABLE authority.grants DROP CONSTRAINT grants_tenant_root_fkey, DROP CONSTRAINT grants_tenant_subject_fkey,
  DROP CONSTRAINT grants_tenant_app_fkey;
-- Written by the same function as its grant.
ALTER TABLE authority.delegation_records DROP CONSTRAINT delegation_records_tenant_grant_id_fkey;

CREATE OR REPLACE FUNCTION authority.guard_grant() RETURNS trigger
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
  parent record;
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF (NEW.tenant, NEW.id, NEW.parent, NEW.root, NEW.depth, NEW.path, NEW.kind, NEW.app, NEW.subject, NEW.actor, NEW.actors,
        NEW.client_id, NEW.via_token, NEW.task, NEW.orchestration, NEW.scopes, NEW.audiences, NEW.constraints,
        NEW.issued_at, NEW.renew_until)
       IS DISTINCT FROM
       (OLD.tenant, OLD.id, OLD.parent, OLD.root, OLD.depth, OLD.path, OLD.kind, OLD.app, OLD.subject, OLD.actor, OLD.actors,
        OLD.client_id, OLD.via_token, OLD.task, OLD.orchestration, OLD.scopes, OLD.audiences, OLD.constraints,
        OLD.issued_at, OLD.renew_until) THEN
      RAISE EXCEPTION 'a grant is not rewritten' USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.state = 'revoked' AND NEW IS DISTINCT FROM OLD THEN
      RAISE EXCEPTION 'a revoked grant never lives again' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.expires_at < OLD.expires_at THEN
      RAISE EXCEPTION 'a grant is shortened by revoking it' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.expires_at = OLD.expires_at OR NEW.parent IS NULL THEN RETURN NEW; END IF;
  END IF;
  IF NEW.parent IS NULL THEN
    IF NEW.actors <> (CASE WHEN NEW.actor = NEW.subject THEN ARRAY[]::uuid[] ELSE ARRAY[NEW.actor] END) THEN
      RAISE EXCEPTION 'a root names its own actor only' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.root <> NEW.id OR (TG_OP = 'INSERT' AND EXISTS (
        SELECT FROM unnest(ARRAY[NEW.subject, NEW.app]) q(id) WHERE q.id IS NOT NULL AND NOT EXISTS (
          SELECT FROM authority.principals p WHERE p.tenant = NEW.tenant AND p.id = q.id))) THEN
      RAISE EXCEPTION 'a root names principals that exist' USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NEW;
  END IF;
  SELECT g.id, g.state, g.kind, g.expires_at, g.renew_until, g.depth, g.root, g.path, g.subject, g.app, g.actor, g.actors,
         g.scopes, g.constraints
    INTO parent FROM authority.grants g WHERE g.tenant = NEW.tenant AND g.id = NEW.parent FOR SHARE;
  IF parent.id IS NULL OR parent.state <> 'active' OR (TG_OP = 'INSERT' AND parent.expires_at <= NEW.issued_at) THEN
    RAISE EXCEPTION 'the parent grant does not live' USING ERRCODE = 'check_violation';
  END IF;
  IF parent.kind = 'control' THEN
    RAISE EXCEPTION 'a control grant is not handed on' USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.depth <> parent.depth + 1 OR NEW.root <> parent.root OR NEW.path <> parent.path || NEW.id
     OR NEW.subject <> parent.subject OR NEW.app IS DISTINCT FROM parent.app
     OR NEW.actors <> (CASE WHEN NEW.actor = parent.actor THEN parent.actors ELSE NEW.actor || parent.actors END) THEN
    RAISE EXCEPTION 'a child grant stays in its tree' USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.expires_at > parent.expires_at OR NEW.renew_until > parent.renew_until THEN
    RAISE EXCEPTION 'a child grant does not outlive its parent' USING ERRCODE = 'check_violation';
  END IF;
  IF NOT (NEW.scopes <@ parent.scopes) AND NOT authority.scopes_within(NEW.scopes, parent.scopes) THEN
    RAISE EXCEPTION 'a child grant does not exceed its parent' USING ERRCODE = 'check_violation';
  END IF;
  IF parent.constraints <> '{}' AND EXISTS (
      SELECT FROM jsonb_each(parent.constraints) c WHERE NEW.constraints -> c.key IS DISTINCT FROM c.value) THEN
    RAISE EXCEPTION 'a child grant keeps its parent''s constraints' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;

-- A root: the caller of this function has authenticated the actor (and the subject) just now.
CREATE OR REPLACE FUNCTION authority.create_root(request jsonb) RETURNS jsonb
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
  made authority.grants;
  principals uuid[];
  active jsonb;
  subject_kind text;
  actor_ceiling text[];
  app_ceiling text[];
  at timestamptz := (request ->> 'now')::timestamptz;
BEGIN
  made.tenant := request ->> 'tenant';
  made.id := (request ->> 'id')::uuid;
  made.subject := (request ->> 'subject')::uuid;
  made.actor := (request ->> 'actor')::uuid;
  made.app := (request ->> 'app')::uuid;
  principals := array_remove(ARRAY[made.subject, made.actor, made.app], NULL);
  SELECT jsonb_object_agg(p.id, p.epoch) FILTER (WHERE p.state = 'active'), max(p.kind) FILTER (WHERE p.id = made.subject),
         max(p.ceiling) FILTER (WHERE p.id = made.actor), max(p.ceiling) FILTER (WHERE p.id = made.app)
    INTO active, subject_kind, actor_ceiling, app_ceiling
    FROM (SELECT x.id, x.kind, x.state, x.epoch, x.ceiling FROM authority.principals x WHERE x.tenant = made.tenant AND x.id = ANY (principals) ORDER BY x.id FOR SHARE) p;
  IF (active ?& principals::text[]) IS NOT TRUE THEN PERFORM authority.refuse('forbidden'); END IF;
  made.scopes := authority.texts(request -> 'scopes');
  made.kind := request ->> 'kind';
  -- A control grant is the one kind that may hold reserved scopes, which no ceiling has; a CHECK says which.
  IF made.kind <> 'control' AND (
       (actor_ceiling IS NOT NULL AND NOT authority.scopes_within(made.scopes, actor_ceiling))
       OR (app_ceiling IS NOT NULL AND NOT authority.scopes_within(made.scopes, app_ceiling))) THEN
    PERFORM authority.refuse('scope_exceeded');
  END IF;
  made.root := made.id;
  made.depth := 0;
  made.path := ARRAY[made.id];
  made.actors := CASE WHEN made.actor = made.subject THEN ARRAY[]::uuid[] ELSE ARRAY[made.actor] END;
  made.client_id := request ->> 'clientId';
  made.task := request ->> 'task';
  made.orchestration := request ->> 'orchestration';
  made.audiences := authority.texts(request -> 'audiences');
  made.constraints := coalesce(request -> 'constraints', '{}');
  made.issued_at := at;
  made.expires_at := at + (request ->> 'ttlSeconds')::integer * interval '1 second';
  made.renew_until := at + greatest((request ->> 'ttlSeconds')::integer, (request ->> 'renewSeconds')::integer) * interval '1 second';
  made.state := 'active';
  INSERT INTO authority.grants (tenant, id, parent, root, depth, path, kind, app, subject, actor, actors, client_id, via_token, task, orchestration, scopes, audiences,
    constraints, issued_at, expires_at, renew_until, state)
  VALUES (made.tenant, made.id, made.parent, made.root, made.depth, made.path, made.kind, made.app, made.subject, made.actor,
    made.actors, made.client_id, made.via_token, made.task, made.orchestration, made.scopes, made.audiences,
    made.constraints, made.issued_at, made.expires_at, made.renew_until, made.state);
  RETURN authority.grant_json(made, subject_kind, active);
END $$;

-- The one maker of children (DESIGN §3). In one call: hold the path, check it lives, cut the scopes, insert, record.
--   scopes       asked for; absent = all that is allowed
--   exact        true: refuse what is not covered; false: hand on what is
--   edges        true: every audience needs an (actor → audience) edge; false: the parent's own audiences need none
--   toSelf       true: the parent's actor may narrow its own grant
--   exchanger    who exchanges: must answer at one of `tokenAudiences`, or be the parent's actor; no tool audience (SR-10)
--   viaToken     issuer and jti of the exchanged token, with the epochs that it carries
--   record       a signed statement of the hop: { statement, signature (hex), signedBy }
CREATE OR REPLACE FUNCTION authority.attenuate(request jsonb) RETURNS jsonb
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
  at timestamptz := (request ->> 'now')::timestamptz;
  parent authority.grants;
  made authority.grants;
  principals uuid[];
  exchanger uuid := (request ->> 'exchanger')::uuid;
  -- Epochs by principal id: of all that are active among path, deputy and exchanger; of the path; of the child's path.
  active jsonb;
  of_path jsonb;
  of_child jsonb;
  subject_kind text;
  ceiling text[];
  app_ceiling text[];
  living integer;
  presented text[];
  allowed text[];
  asked text[] := authority.texts(request -> 'scopes');
  before bytea;
  statement text;
BEGIN
  SELECT * INTO parent FROM authority.grants g
    WHERE g.tenant = request ->> 'tenant' AND g.id = (request ->> 'parent')::uuid;
  IF parent.id IS NULL THEN PERFORM authority.refuse('grant_revoked'); END IF;
  IF parent.kind = 'control' THEN PERFORM authority.refuse('forbidden'); END IF;
  made.actor := (request ->> 'actor')::uuid;
  principals := array_remove(parent.actors || parent.subject || parent.app, NULL);

  SELECT jsonb_object_agg(p.id, p.epoch) FILTER (WHERE p.state = 'active'),
         jsonb_object_agg(p.id, p.epoch) FILTER (WHERE p.id = ANY (principals)),
         jsonb_object_agg(p.id, p.epoch) FILTER (WHERE p.id = ANY (principals) OR p.id = made.actor),
         max(p.kind) FILTER (WHERE p.id = parent.subject),
         max(p.ceiling) FILTER (WHERE p.id = made.actor), max(p.ceiling) FILTER (WHERE p.id = parent.app)
    INTO active, of_path, of_child, subject_kind, ceiling, app_ceiling
    FROM (SELECT x.id, x.kind, x.state, x.epoch, x.ceiling FROM authority.principals x WHERE x.tenant = parent.tenant AND x.id = ANY (principals || made.actor || exchanger)
          ORDER BY x.id FOR SHARE) p;
  SELECT count(*), max(g.expires_at) FILTER (WHERE g.id = parent.id) INTO living, parent.expires_at
    FROM (SELECT x.id, x.state, x.expires_at FROM authority.grants x WHERE x.tenant = parent.tenant AND x.id = ANY (parent.path)
          ORDER BY x.depth, x.id FOR SHARE) g
    WHERE g.state = 'active' AND g.expires_at > at;
  IF living <> cardinality(parent.path) OR (active ?& principals::text[]) IS NOT TRUE THEN
    PERFORM authority.refuse('grant_revoked');
  END IF;

  IF request ->> 'viaToken' IS NOT NULL AND (
       ((request -> 'epochs') @> of_path) IS NOT TRUE
       OR EXISTS (SELECT FROM authority.revoked_tokens r WHERE r.token = request ->> 'viaToken')) THEN
    PERFORM authority.refuse('grant_revoked');
  END IF;

  IF (active ? made.actor::text) IS NOT TRUE THEN PERFORM authority.refuse('forbidden'); END IF;
  IF made.actor = parent.actor AND (request ->> 'toSelf')::boolean IS NOT TRUE THEN PERFORM authority.refuse('invalid_request'); END IF;
  IF parent.depth >= 5 THEN PERFORM authority.refuse('depth_exceeded'); END IF;

  IF exchanger IS NOT NULL THEN
    presented := coalesce(authority.texts(request -> 'tokenAudiences'), parent.audiences);
    IF NOT active ? exchanger::text
       OR EXISTS (SELECT FROM unnest(presented) t(audience) WHERE NOT EXISTS (
            SELECT FROM authority.audiences a WHERE a.tenant = parent.tenant AND a.audience = t.audience AND a.kind <> 'tool'))
       OR NOT (exchanger = parent.actor OR EXISTS (SELECT FROM authority.audiences a
            WHERE a.tenant = parent.tenant AND a.audience = ANY (presented) AND a.principal = exchanger)) THEN
      PERFORM authority.refuse('forbidden');
    END IF;
  END IF;

  made.audiences := authority.texts(request -> 'audiences');
  IF NOT ((request ->> 'edges')::boolean IS FALSE AND made.audiences <@ parent.audiences)
     AND EXISTS (SELECT FROM unnest(made.audiences) t(audience)
      WHERE NOT (t.audience = ANY (parent.audiences) AND (request ->> 'edges')::boolean IS FALSE)
        AND NOT EXISTS (SELECT FROM authority.edges e
          WHERE e.tenant = parent.tenant AND e.actor = made.actor AND e.audience = t.audience)) THEN
    PERFORM authority.refuse('invalid_target');
  END IF;

  allowed := parent.scopes;
  IF ceiling IS NOT NULL THEN allowed := authority.scopes_meet(allowed, ceiling); END IF;
  IF app_ceiling IS NOT NULL AND NOT authority.scopes_within(allowed, app_ceiling) THEN
    allowed := authority.scopes_meet(allowed, app_ceiling);
  END IF;
  IF asked IS NULL THEN made.scopes := allowed;
  ELSIF authority.scopes_within(asked, allowed) THEN made.scopes := asked;
  ELSIF (request ->> 'exact')::boolean IS FALSE THEN made.scopes := authority.scopes_meet(asked, allowed);
  ELSE PERFORM authority.refuse('scope_exceeded');
  END IF;
  IF cardinality(made.scopes) = 0 THEN PERFORM authority.refuse('scope_exceeded'); END IF;

  IF (request ->> 'expiresAt')::timestamptz > parent.expires_at THEN PERFORM authority.refuse('outlives_parent'); END IF;
  made.tenant := parent.tenant;
  made.id := (request ->> 'id')::uuid;
  made.parent := parent.id;
  made.root := parent.root;
  made.depth := parent.depth + 1;
  made.path := parent.path || made.id;
  made.kind := request ->> 'kind';
  made.app := parent.app;
  made.subject := parent.subject;
  made.actors := CASE WHEN made.actor = parent.actor THEN parent.actors ELSE made.actor || parent.actors END;
  made.client_id := request ->> 'clientId';
  made.via_token := request ->> 'viaToken';
  made.task := coalesce(request ->> 'task', parent.task);
  made.orchestration := coalesce(request ->> 'orchestration', parent.orchestration);
  made.constraints := coalesce(request -> 'constraints', '{}') || parent.constraints;
  made.issued_at := at;
  made.expires_at := least(parent.expires_at, (request ->> 'expiresAt')::timestamptz,
    at + (request ->> 'ttlSeconds')::integer * interval '1 second');
  made.renew_until := least(parent.renew_until,
    greatest(made.expires_at, at + (request ->> 'renewSeconds')::integer * interval '1 second'));
  made.state := 'active';
  INSERT INTO authority.grants (tenant, id, parent, root, depth, path, kind, app, subject, actor, actors, client_id, via_token, task, orchestration, scopes, audiences,
    constraints, issued_at, expires_at, renew_until, state)
  VALUES (made.tenant, made.id, made.parent, made.root, made.depth, made.path, made.kind, made.app, made.subject, made.actor,
    made.actors, made.client_id, made.via_token, made.task, made.orchestration, made.scopes, made.audiences,
    made.constraints, made.issued_at, made.expires_at, made.renew_until, made.state);

  IF request -> 'record' IS NOT NULL THEN
    -- Signed by the delegator or in its stead, over a statement that names the record before itself.
    statement := request #>> '{record,statement}';
    INSERT INTO authority.delegation_records (tenant, grant_id, delegator, delegate, statement, hash, signature, signed_by)
      VALUES (made.tenant, made.id, parent.actor, made.actor, statement, sha256(convert_to(statement, 'UTF8')),
              decode(request #>> '{record,signature}', 'hex'), request #>> '{record,signedBy}');
  ELSE
    IF made.depth > 1 THEN
      SELECT r.hash INTO before FROM authority.delegation_records r WHERE r.tenant = parent.tenant AND r.grant_id = parent.id;
    END IF;
    statement := jsonb_build_object('grant', made.id, 'parent', parent.id, 'tenant', made.tenant, 'delegator', parent.actor,
      'delegate', made.actor, 'scopes', made.scopes, 'audiences', made.audiences,
      'expires', floor(extract(epoch FROM made.expires_at)), 'at', floor(extract(epoch FROM at)))::text;
    INSERT INTO authority.delegation_records (tenant, grant_id, delegator, delegate, statement, previous, hash)
      VALUES (made.tenant, made.id, parent.actor, made.actor, statement, before,
              sha256(coalesce(before, ''::bytea) || convert_to(statement, 'UTF8')));
  END IF;
  RETURN authority.grant_json(made, subject_kind, of_child);
END $$;

REVOKE ALL ON FUNCTION authority.grant_json(authority.grants, text, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION authority.grant_json(authority.grants, text, jsonb) TO {{authority}};
