-- Principals, the grant tree, signing keys, edges and the revocation feed.
--
-- Guarantees, whatever TypeScript does: a child grant never exceeds its parent in scope, lifetime or depth, has
-- its root's subject and app, and is made only under a living parent; a revoked grant never lives again; a feed
-- position is visible only after every smaller one (SR-11, SR-13, SR-23). {{app}} has no privilege here (SR-03).
-- Locks are taken in one order everywhere: principals by id, then grants by (depth, id), then the feed's counter.
-- Refusals use SQLSTATE DPA01 with a DeputizeError code as message.

CREATE SCHEMA authority;
REVOKE ALL ON SCHEMA authority FROM PUBLIC;
GRANT USAGE ON SCHEMA authority TO {{authority}};

-- Helpers are PL/pgSQL, whose plans live as long as the connection; SQL functions are planned anew by each statement.

-- ── Scopes ────────────────────────────────────────────────────────────────────────────────────────────────

-- `action:resource:identifier`, RFC 6749 scope-token characters only: a blank inside would split a token's claim.
CREATE FUNCTION authority.scope_valid(scope text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT scope ~ '^[^: ]+:[^: ]+:.+$' AND scope ~ '^[\x21\x23-\x5B\x5D-\x7E]+$'
     AND pg_catalog.split_part(scope, ':', 1) <> '*' AND pg_catalog.split_part(scope, ':', 2) <> '*'
$$;

CREATE FUNCTION authority.scopes_valid(scopes text[]) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$ BEGIN
  RETURN scopes IS NULL OR NOT EXISTS (
    SELECT FROM pg_catalog.unnest(scopes) s WHERE (authority.scope_valid(s)) IS NOT TRUE);
END $$;

-- Both are valid scopes (a CHECK holds that). The only wildcard is an identifier that is exactly `*`.
CREATE FUNCTION authority.scope_covers(allowed text, requested text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT allowed = requested OR (
    pg_catalog.right(allowed, 2) = ':*'
    AND pg_catalog.length(allowed)
      = pg_catalog.length(pg_catalog.split_part(allowed, ':', 1)) + pg_catalog.length(pg_catalog.split_part(allowed, ':', 2)) + 3
    AND pg_catalog.starts_with(requested, pg_catalog.left(allowed, -1))
    AND pg_catalog.length(requested) >= pg_catalog.length(allowed))
$$;

CREATE FUNCTION authority.scopes_within(requested text[], allowed text[]) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$ BEGIN
  RETURN NOT EXISTS (
    SELECT FROM pg_catalog.unnest(requested) r
    WHERE NOT EXISTS (SELECT FROM pg_catalog.unnest(allowed) a WHERE authority.scope_covers(a, r)));
END $$;

-- What both sides allow: of each pair where one covers the other, the narrower. NULL means "no limit".
CREATE FUNCTION authority.scopes_meet(one text[], other text[]) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$ BEGIN
  RETURN CASE WHEN one IS NULL THEN other WHEN other IS NULL THEN one ELSE ARRAY(
    SELECT s FROM (
      SELECT s, pg_catalog.min(n) AS n FROM (
        SELECT s, n FROM pg_catalog.unnest(one) WITH ORDINALITY AS x(s, n)
        WHERE EXISTS (SELECT FROM pg_catalog.unnest(other) o WHERE authority.scope_covers(o, s))
        UNION ALL
        SELECT s, n + 10000 FROM pg_catalog.unnest(other) WITH ORDINALITY AS y(s, n)
        WHERE EXISTS (SELECT FROM pg_catalog.unnest(one) o WHERE authority.scope_covers(o, s))
      ) AS both_sides GROUP BY s
    ) AS once ORDER BY n) END;
END $$;

-- ── Principals ────────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE authority.principals (
  tenant  text NOT NULL,
  id      uuid NOT NULL,
  kind    text NOT NULL CHECK (kind IN ('user', 'agent', 'app', 'service')),
  name    text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  state   text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'suspended')),
  epoch   integer NOT NULL DEFAULT 0 CHECK (epoch >= 0),
  ceiling text[] CHECK (authority.scopes_valid(ceiling)),
  created timestamptz NOT NULL,
  PRIMARY KEY (tenant, id)
);

-- ── Grants ────────────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE authority.grants (
  tenant        text NOT NULL,
  id            uuid NOT NULL,
  parent        uuid,
  root          uuid NOT NULL,
  depth         integer NOT NULL CHECK (depth BETWEEN 0 AND 5),
  path          uuid[] NOT NULL,
  kind          text NOT NULL CHECK (kind IN ('session', 'api_key', 'mandate', 'app', 'service', 'exchange', 'delegation')),
  app           uuid,
  subject       uuid NOT NULL,
  actor         uuid NOT NULL,
  actors        uuid[] NOT NULL,
  client_id     text NOT NULL,
  via_token     text,
  task          text,
  orchestration text,
  scopes        text[] NOT NULL CHECK (authority.scopes_valid(scopes)),
  audiences     text[] NOT NULL CHECK (cardinality(audiences) BETWEEN 1 AND 32),
  constraints   jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(constraints) = 'object'),
  issued_at     timestamptz NOT NULL,
  expires_at    timestamptz NOT NULL CHECK (expires_at > issued_at),
  renew_until   timestamptz NOT NULL CHECK (renew_until >= expires_at),
  state         text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'revoked')),
  revoked_at    timestamptz,
  reason        text,
  PRIMARY KEY (tenant, id),
  FOREIGN KEY (tenant, parent) REFERENCES authority.grants (tenant, id),
  FOREIGN KEY (tenant, root) REFERENCES authority.grants (tenant, id),
  FOREIGN KEY (tenant, subject) REFERENCES authority.principals (tenant, id),
  FOREIGN KEY (tenant, actor) REFERENCES authority.principals (tenant, id),
  FOREIGN KEY (tenant, app) REFERENCES authority.principals (tenant, id),
  CHECK ((state = 'revoked') = (revoked_at IS NOT NULL)),
  CHECK ((parent IS NULL) = (depth = 0)),
  CHECK ((parent IS NULL) = (root = id)),
  CHECK (cardinality(path) = depth + 1 AND path[depth + 1] = id AND path[1] = root)
);
CREATE INDEX grants_root ON authority.grants (tenant, root);
CREATE INDEX grants_subject ON authority.grants (tenant, subject);
CREATE INDEX grants_actor ON authority.grants (tenant, actor);
CREATE INDEX grants_app ON authority.grants (tenant, app) WHERE app IS NOT NULL;
CREATE INDEX grants_via ON authority.grants (via_token) WHERE via_token IS NOT NULL;
CREATE INDEX grants_ended ON authority.grants (expires_at);

-- The second lock on the door: whatever wrote the row, it cannot exceed its parent.
CREATE FUNCTION authority.guard_grant() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  parent authority.grants;
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
    RETURN NEW;
  END IF;
  SELECT * INTO parent FROM authority.grants g WHERE g.tenant = NEW.tenant AND g.id = NEW.parent FOR SHARE;
  IF parent.id IS NULL OR parent.state <> 'active' OR (TG_OP = 'INSERT' AND parent.expires_at <= NEW.issued_at) THEN
    RAISE EXCEPTION 'the parent grant does not live' USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.depth <> parent.depth + 1 OR NEW.root <> parent.root OR NEW.path <> parent.path || NEW.id
     OR NEW.subject <> parent.subject OR NEW.app IS DISTINCT FROM parent.app
     OR NEW.actors <> (CASE WHEN NEW.actor = parent.actor THEN parent.actors ELSE NEW.actor || parent.actors END) THEN
    RAISE EXCEPTION 'a child grant stays in its tree' USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.expires_at > parent.expires_at OR NEW.renew_until > parent.renew_until THEN
    RAISE EXCEPTION 'a child grant does not outlive its parent' USING ERRCODE = 'check_violation';
  END IF;
  IF NOT authority.scopes_within(NEW.scopes, parent.scopes) THEN
    RAISE EXCEPTION 'a child grant does not exceed its parent' USING ERRCODE = 'check_violation';
  END IF;
  IF EXISTS (SELECT FROM jsonb_each(parent.constraints) c WHERE NEW.constraints -> c.key IS DISTINCT FROM c.value) THEN
    RAISE EXCEPTION 'a child grant keeps its parent''s constraints' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER guard_grant BEFORE INSERT OR UPDATE ON authority.grants
  FOR EACH ROW EXECUTE FUNCTION authority.guard_grant();

-- One record a hop. `statement` is what was handed on, `hash` chains it to the record of the hop before;
-- `signature` is the delegator's own, where it holds a key.
CREATE TABLE authority.delegation_records (
  tenant    text NOT NULL,
  grant_id  uuid NOT NULL,
  delegator uuid NOT NULL,
  delegate  uuid NOT NULL,
  statement text NOT NULL,
  previous  bytea,
  hash      bytea NOT NULL,
  signature bytea,
  signed_by text,
  PRIMARY KEY (tenant, grant_id),
  FOREIGN KEY (tenant, grant_id) REFERENCES authority.grants (tenant, id),
  CHECK ((signature IS NULL) = (signed_by IS NULL))
);

-- ── Keys, audiences, edges ────────────────────────────────────────────────────────────────────────────────

-- The public halves. Private keys come from the secrets and never enter the database.
CREATE TABLE authority.signing_keys (
  kid          text PRIMARY KEY,
  public_jwk   jsonb NOT NULL CHECK (NOT public_jwk ? 'd'),
  state        text NOT NULL CHECK (state IN ('next', 'active', 'retired')),
  created      timestamptz NOT NULL,
  activated_at timestamptz,
  retired_at   timestamptz,
  published_until timestamptz,
  CHECK ((state = 'retired') = (retired_at IS NOT NULL AND published_until IS NOT NULL))
);
CREATE UNIQUE INDEX signing_keys_one_active ON authority.signing_keys (state) WHERE state = 'active';

-- Who answers at an audience. Tokens for a `tool` end there: they are never exchanged (SR-10).
CREATE TABLE authority.audiences (
  tenant    text NOT NULL,
  audience  text NOT NULL,
  kind      text NOT NULL CHECK (kind IN ('api', 'agent', 'tool')),
  principal uuid NOT NULL,
  PRIMARY KEY (tenant, audience)
);

CREATE TABLE authority.edges (
  tenant   text NOT NULL,
  actor    uuid NOT NULL,
  audience text NOT NULL,
  PRIMARY KEY (tenant, actor, audience)
);

-- ── Revocation ────────────────────────────────────────────────────────────────────────────────────────────

-- One row. Its lock is held until commit, so that positions appear in order and without a hole (SR-11).
CREATE TABLE authority.feed_state (
  one      boolean PRIMARY KEY DEFAULT true CHECK (one),
  epoch    text NOT NULL,
  position bigint NOT NULL DEFAULT 0
);
INSERT INTO authority.feed_state (epoch) VALUES (gen_random_uuid()::text);

CREATE TABLE authority.revocation_feed (
  position   bigint PRIMARY KEY,
  kind       text NOT NULL CHECK (kind IN ('grant', 'jti', 'principal_epoch')),
  value      text NOT NULL,
  number     integer,
  expires_at timestamptz NOT NULL,
  CHECK ((kind = 'principal_epoch') = (number IS NOT NULL))
);
CREATE INDEX revocation_feed_expiry ON authority.revocation_feed (expires_at);

-- A token revoked by itself; `token` is issuer and jti.
CREATE TABLE authority.revoked_tokens (
  token      text PRIMARY KEY,
  expires_at timestamptz NOT NULL
);

CREATE FUNCTION authority.feed_append(kind text, value text, number integer, expires_at timestamptz) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  place bigint;
BEGIN
  UPDATE authority.feed_state SET position = feed_state.position + 1 RETURNING feed_state.position INTO place;
  INSERT INTO authority.revocation_feed (position, kind, value, number, expires_at)
    VALUES (place, feed_append.kind, feed_append.value, feed_append.number, feed_append.expires_at);
  PERFORM pg_notify('deputize_revocations', place::text);
  RETURN place;
END $$;

-- ── Reading a path, and holding it ────────────────────────────────────────────────────────────────────────

CREATE FUNCTION authority.refuse(code text) RETURNS void
LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '%', code USING ERRCODE = 'DPA01'; END $$;

-- Share-locks the principals and then the grants of a path, so that neither ends before this transaction does.
CREATE FUNCTION authority.hold(in_tenant text, in_path uuid[], in_principals uuid[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM FROM authority.principals p WHERE p.tenant = in_tenant AND p.id = ANY (in_principals) ORDER BY p.id FOR SHARE;
  PERFORM FROM authority.grants g WHERE g.tenant = in_tenant AND g.id = ANY (in_path) ORDER BY g.depth, g.id FOR SHARE;
END $$;

-- True when every grant of the path is alive at `at` and every principal is active.
CREATE FUNCTION authority.alive(in_tenant text, in_path uuid[], in_principals uuid[], at timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$ BEGIN
  RETURN cardinality(in_path) > 0
    AND cardinality(in_path) = (SELECT count(*) FROM authority.grants g
      WHERE g.tenant = in_tenant AND g.id = ANY (in_path) AND g.state = 'active' AND g.expires_at > at)
    AND NOT EXISTS (SELECT FROM unnest(in_principals) q(id) WHERE q.id IS NOT NULL AND NOT EXISTS (
      SELECT FROM authority.principals p WHERE p.tenant = in_tenant AND p.id = q.id AND p.state = 'active'));
END $$;

-- A principal's roles, as tokens carry them. A hook: the migration that knows people replaces it.
CREATE FUNCTION authority.roles_of(in_tenant text, in_principal uuid) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT '{}'::text[] $$;

-- Everything that a token is rendered from, in one value. Times are epoch milliseconds.
CREATE FUNCTION authority.grant_view(g authority.grants) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$ BEGIN
  RETURN (
  SELECT jsonb_build_object(
    'id', g.id, 'parent', g.parent, 'root', g.root, 'depth', g.depth, 'path', g.path, 'tenant', g.tenant, 'kind', g.kind,
    'app', g.app, 'subject', g.subject, 'actor', g.actor, 'actors', g.actors, 'clientId', g.client_id, 'task', g.task,
    'orchestration', g.orchestration, 'scopes', g.scopes, 'audiences', g.audiences, 'constraints', g.constraints,
    'issuedAt', floor(extract(epoch FROM g.issued_at) * 1000), 'expiresAt', floor(extract(epoch FROM g.expires_at) * 1000),
    'renewUntil', floor(extract(epoch FROM g.renew_until) * 1000), 'state', g.state, 'reason', g.reason,
    'subjectKind', max(p.kind) FILTER (WHERE p.id = g.subject),
    'roles', authority.roles_of(g.tenant, g.subject),
    'epochs', jsonb_object_agg(p.id, p.epoch))
  FROM authority.principals p
  WHERE p.tenant = g.tenant AND p.id = ANY (g.actors || g.subject || g.app));
END $$;

-- ── Making grants ─────────────────────────────────────────────────────────────────────────────────────────

CREATE FUNCTION authority.texts(list jsonb) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$ BEGIN
  RETURN CASE WHEN jsonb_typeof(list) = 'array' THEN ARRAY(SELECT jsonb_array_elements_text(list)) END;
END $$;

-- A root: the caller of this function has authenticated the actor (and the subject) just now.
CREATE FUNCTION authority.create_root(request jsonb) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  made authority.grants;
  principals uuid[];
  allowed text[];
  at timestamptz := (request ->> 'now')::timestamptz;
BEGIN
  made.tenant := request ->> 'tenant';
  made.id := (request ->> 'id')::uuid;
  made.subject := (request ->> 'subject')::uuid;
  made.actor := (request ->> 'actor')::uuid;
  made.app := (request ->> 'app')::uuid;
  principals := array_remove(ARRAY[made.subject, made.actor, made.app], NULL);
  PERFORM authority.hold(made.tenant, ARRAY[]::uuid[], principals);
  IF EXISTS (SELECT FROM unnest(principals) q(id) WHERE NOT EXISTS (
      SELECT FROM authority.principals p WHERE p.tenant = made.tenant AND p.id = q.id AND p.state = 'active')) THEN
    PERFORM authority.refuse('forbidden');
  END IF;
  SELECT authority.scopes_meet(a.ceiling, (SELECT p.ceiling FROM authority.principals p WHERE p.tenant = made.tenant AND p.id = made.app))
    INTO allowed FROM authority.principals a WHERE a.tenant = made.tenant AND a.id = made.actor;
  made.scopes := authority.texts(request -> 'scopes');
  IF allowed IS NOT NULL AND NOT authority.scopes_within(made.scopes, allowed) THEN
    PERFORM authority.refuse('scope_exceeded');
  END IF;
  made.root := made.id;
  made.depth := 0;
  made.path := ARRAY[made.id];
  made.kind := request ->> 'kind';
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
  INSERT INTO authority.grants SELECT (made).*;
  RETURN authority.grant_view(made);
END $$;

-- The one maker of children (DESIGN §3). In one call: hold the path, check it lives, cut the scopes, insert, record.
--   scopes       asked for; absent = all that is allowed
--   exact        true: refuse what is not covered; false: hand on what is
--   edges        true: every audience needs an (actor → audience) edge; false: the parent's own audiences need none
--   toSelf       true: the parent's actor may narrow its own grant
--   exchanger    who exchanges: must answer at one of `tokenAudiences`, or be the parent's actor; no tool audience (SR-10)
--   viaToken     issuer and jti of the exchanged token, with the epochs that it carries
CREATE FUNCTION authority.attenuate(request jsonb) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  at timestamptz := (request ->> 'now')::timestamptz;
  parent authority.grants;
  made authority.grants;
  deputy authority.principals;
  principals uuid[];
  exchanger uuid := (request ->> 'exchanger')::uuid;
  presented text[];
  allowed text[];
  asked text[] := authority.texts(request -> 'scopes');
  before bytea;
  statement text;
BEGIN
  SELECT * INTO parent FROM authority.grants g
    WHERE g.tenant = request ->> 'tenant' AND g.id = (request ->> 'parent')::uuid;
  IF parent.id IS NULL THEN PERFORM authority.refuse('grant_revoked'); END IF;
  made.actor := (request ->> 'actor')::uuid;
  principals := array_remove(parent.actors || parent.subject || parent.app, NULL);
  PERFORM authority.hold(parent.tenant, parent.path, principals || made.actor || exchanger);
  IF NOT authority.alive(parent.tenant, parent.path, principals, at) THEN PERFORM authority.refuse('grant_revoked'); END IF;
  SELECT * INTO parent FROM authority.grants g WHERE g.tenant = parent.tenant AND g.id = parent.id;

  IF request ->> 'viaToken' IS NOT NULL AND (
       EXISTS (SELECT FROM authority.revoked_tokens r WHERE r.token = request ->> 'viaToken')
       OR EXISTS (SELECT FROM authority.principals p WHERE p.tenant = parent.tenant AND p.id = ANY (principals)
                  AND (request -> 'epochs' ->> p.id::text)::integer IS DISTINCT FROM p.epoch)) THEN
    PERFORM authority.refuse('grant_revoked');
  END IF;

  SELECT * INTO deputy FROM authority.principals p WHERE p.tenant = parent.tenant AND p.id = made.actor;
  IF deputy.id IS NULL OR deputy.state <> 'active' THEN PERFORM authority.refuse('forbidden'); END IF;
  IF made.actor = parent.actor AND (request ->> 'toSelf')::boolean IS NOT TRUE THEN PERFORM authority.refuse('invalid_request'); END IF;
  IF parent.depth >= 5 THEN PERFORM authority.refuse('depth_exceeded'); END IF;

  IF exchanger IS NOT NULL THEN
    presented := coalesce(authority.texts(request -> 'tokenAudiences'), parent.audiences);
    IF NOT EXISTS (SELECT FROM authority.principals p WHERE p.tenant = parent.tenant AND p.id = exchanger AND p.state = 'active')
       OR EXISTS (SELECT FROM unnest(presented) t(audience) WHERE NOT EXISTS (
            SELECT FROM authority.audiences a WHERE a.tenant = parent.tenant AND a.audience = t.audience AND a.kind <> 'tool'))
       OR NOT (exchanger = parent.actor OR EXISTS (SELECT FROM authority.audiences a
            WHERE a.tenant = parent.tenant AND a.audience = ANY (presented) AND a.principal = exchanger)) THEN
      PERFORM authority.refuse('forbidden');
    END IF;
  END IF;

  made.audiences := authority.texts(request -> 'audiences');
  IF EXISTS (SELECT FROM unnest(made.audiences) t(audience)
      WHERE NOT (t.audience = ANY (parent.audiences) AND (request ->> 'edges')::boolean IS FALSE)
        AND NOT EXISTS (SELECT FROM authority.edges e
          WHERE e.tenant = parent.tenant AND e.actor = made.actor AND e.audience = t.audience)) THEN
    PERFORM authority.refuse('invalid_target');
  END IF;

  allowed := authority.scopes_meet(parent.scopes, deputy.ceiling);
  IF parent.app IS NOT NULL THEN
    allowed := authority.scopes_meet(allowed, (SELECT p.ceiling FROM authority.principals p WHERE p.tenant = parent.tenant AND p.id = parent.app));
  END IF;
  IF asked IS NULL THEN made.scopes := allowed;
  ELSIF (request ->> 'exact')::boolean IS FALSE THEN made.scopes := authority.scopes_meet(asked, allowed);
  ELSIF authority.scopes_within(asked, allowed) THEN made.scopes := asked;
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
  INSERT INTO authority.grants SELECT (made).*;

  SELECT r.hash INTO before FROM authority.delegation_records r WHERE r.tenant = parent.tenant AND r.grant_id = parent.id;
  statement := jsonb_build_object('grant', made.id, 'parent', parent.id, 'tenant', made.tenant, 'delegator', parent.actor,
    'delegate', made.actor, 'scopes', made.scopes, 'audiences', made.audiences,
    'expires', floor(extract(epoch FROM made.expires_at)), 'at', floor(extract(epoch FROM at)))::text;
  INSERT INTO authority.delegation_records (tenant, grant_id, delegator, delegate, statement, previous, hash)
    VALUES (made.tenant, made.id, parent.actor, made.actor, statement, before,
            sha256(coalesce(before, ''::bytea) || convert_to(statement, 'UTF8')));
  RETURN authority.grant_view(made);
END $$;

-- Renewal keeps the id; it never passes the parent's expiry nor `renew_until`.
CREATE FUNCTION authority.renew(in_tenant text, in_grant uuid, ttl_seconds integer, at timestamptz) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  g authority.grants;
  principals uuid[];
BEGIN
  SELECT * INTO g FROM authority.grants x WHERE x.tenant = in_tenant AND x.id = in_grant;
  IF g.id IS NULL THEN PERFORM authority.refuse('grant_revoked'); END IF;
  principals := array_remove(g.actors || g.subject || g.app, NULL);
  PERFORM authority.hold(in_tenant, g.path[1:g.depth], principals);
  PERFORM FROM authority.grants x WHERE x.tenant = in_tenant AND x.id = in_grant FOR UPDATE;
  -- The grant itself may have expired between two renewals; its ancestors must live.
  SELECT * INTO g FROM authority.grants x WHERE x.tenant = in_tenant AND x.id = in_grant;
  IF g.state <> 'active' OR g.renew_until <= at
     OR (g.depth > 0 AND NOT authority.alive(in_tenant, g.path[1:g.depth], principals, at))
     OR EXISTS (SELECT FROM authority.principals p WHERE p.tenant = in_tenant AND p.id = ANY (principals) AND p.state <> 'active') THEN
    PERFORM authority.refuse('grant_revoked');
  END IF;
  UPDATE authority.grants x SET expires_at = greatest(x.expires_at, least(at + ttl_seconds * interval '1 second', x.renew_until,
      (SELECT p.expires_at FROM authority.grants p WHERE p.tenant = x.tenant AND p.id = x.parent)))
    WHERE x.tenant = in_tenant AND x.id = in_grant RETURNING * INTO g;
  RETURN authority.grant_view(g);
END $$;

-- ── Ending grants ─────────────────────────────────────────────────────────────────────────────────────────

-- Ends grants and everything below them. `feed` is false when an epoch of the feed already says it.
-- Answers the ids that ended.
CREATE FUNCTION authority.revoke_grants(in_tenant text, ids uuid[], why text, at timestamptz, keep_until timestamptz, feed boolean DEFAULT true)
RETURNS uuid[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  roots uuid[];
  ended uuid[];
  target uuid;
BEGIN
  PERFORM FROM authority.grants g WHERE g.tenant = in_tenant AND g.id = ANY (ids) ORDER BY g.depth, g.id FOR UPDATE;
  SELECT coalesce(array_agg(DISTINCT g.root), '{}') INTO roots FROM authority.grants g WHERE g.tenant = in_tenant AND g.id = ANY (ids);
  -- A new statement, hence a new snapshot: it sees children that committed while we waited for the lock.
  PERFORM FROM authority.grants g WHERE g.tenant = in_tenant AND g.root = ANY (roots) AND g.path && ids
    ORDER BY g.depth, g.id FOR UPDATE;
  WITH dead AS (
    UPDATE authority.grants g SET state = 'revoked', revoked_at = at, reason = why
    WHERE g.tenant = in_tenant AND g.root = ANY (roots) AND g.path && ids AND g.state = 'active' RETURNING g.id)
  SELECT coalesce(array_agg(dead.id), '{}') INTO ended FROM dead;
  IF feed THEN
    FOREACH target IN ARRAY ids LOOP
      IF target = ANY (ended) THEN PERFORM authority.feed_append('grant', target::text, NULL, keep_until); END IF;
    END LOOP;
  END IF;
  RETURN ended;
END $$;

-- Raises the principal's epoch and ends what hangs from it; `next_state` NULL leaves it in its state.
CREATE FUNCTION authority.cut_principal(in_tenant text, in_principal uuid, next_state text, why text,
  at timestamptz, keep_until timestamptz) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  p authority.principals;
  hanging uuid[];
  ended uuid[];
BEGIN
  PERFORM FROM authority.principals x WHERE x.tenant = in_tenant AND x.id = in_principal FOR UPDATE;
  UPDATE authority.principals x SET epoch = x.epoch + 1, state = coalesce(next_state, x.state)
    WHERE x.tenant = in_tenant AND x.id = in_principal RETURNING * INTO p;
  IF p.id IS NULL THEN PERFORM authority.refuse('not_found'); END IF;
  SELECT coalesce(array_agg(g.id), '{}') INTO hanging FROM authority.grants g
    WHERE g.tenant = in_tenant AND g.state = 'active' AND (g.subject = p.id OR g.actor = p.id OR g.app = p.id);
  ended := authority.revoke_grants(in_tenant, hanging, why, at, keep_until, false);
  PERFORM authority.feed_append('principal_epoch', in_tenant || '/' || p.id, p.epoch, keep_until);
  RETURN jsonb_build_object('epoch', p.epoch, 'ended', ended);
END $$;

-- A new ceiling ends only the grants that exceed it, with what is below them.
CREATE FUNCTION authority.narrow(in_tenant text, in_principal uuid, next_ceiling text[], why text, at timestamptz, keep_until timestamptz)
RETURNS uuid[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  exceeding uuid[];
BEGIN
  PERFORM FROM authority.principals x WHERE x.tenant = in_tenant AND x.id = in_principal FOR UPDATE;
  IF NOT FOUND THEN PERFORM authority.refuse('not_found'); END IF;
  UPDATE authority.principals x SET ceiling = next_ceiling WHERE x.tenant = in_tenant AND x.id = in_principal;
  IF next_ceiling IS NULL THEN RETURN '{}'; END IF;
  SELECT coalesce(array_agg(g.id), '{}') INTO exceeding FROM authority.grants g
    WHERE g.tenant = in_tenant AND g.state = 'active' AND (g.actor = in_principal OR g.app = in_principal)
      AND NOT authority.scopes_within(g.scopes, next_ceiling);
  RETURN authority.revoke_grants(in_tenant, exceeding, why, at, keep_until);
END $$;

-- Revokes one token and every grant that was made from it.
CREATE FUNCTION authority.revoke_token(in_tenant text, in_grant uuid, in_token text, token_expires timestamptz, why text,
  at timestamptz, keep_until timestamptz) RETURNS uuid[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  below uuid[];
BEGIN
  -- Whoever makes a child from this token share-locks this grant first.
  PERFORM FROM authority.grants g WHERE g.tenant = in_tenant AND g.id = in_grant FOR UPDATE;
  INSERT INTO authority.revoked_tokens (token, expires_at) VALUES (in_token, token_expires) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RETURN '{}'; END IF;
  SELECT coalesce(array_agg(g.id), '{}') INTO below FROM authority.grants g WHERE g.tenant = in_tenant AND g.via_token = in_token;
  below := authority.revoke_grants(in_tenant, below, why, at, keep_until);
  PERFORM authority.feed_append('jti', in_token, NULL, keep_until);
  RETURN below;
END $$;

-- Whether a token that verified still stands: its path, its own revocation, its epochs. The last word (SR-11).
CREATE FUNCTION authority.token_alive(in_tenant text, in_path uuid[], in_token text, in_epochs jsonb, at timestamptz) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT authority.alive(in_tenant, in_path, ARRAY(SELECT jsonb_object_keys(in_epochs)::uuid), at)
    AND NOT EXISTS (SELECT FROM authority.revoked_tokens r WHERE r.token = in_token)
    AND NOT EXISTS (SELECT FROM jsonb_each_text(in_epochs) e
      JOIN authority.principals p ON p.tenant = in_tenant AND p.id = e.key::uuid WHERE p.epoch <> e.value::integer)
    AND EXISTS (SELECT FROM authority.grants g WHERE g.tenant = in_tenant AND g.id = in_path[cardinality(in_path)]
      AND g.path = in_path AND ARRAY(SELECT jsonb_object_keys(in_epochs)::uuid) @> array_remove(g.actors || g.subject || g.app, NULL))
$$;

-- ── The hook of the seal ──────────────────────────────────────────────────────────────────────────────────

-- Every write transaction of a caller ends on this: the sealed path is held and alive, or nothing commits (SR-13).
CREATE OR REPLACE FUNCTION deputize.assert_live() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  sealed jsonb := deputize.sealed();
  in_path uuid[];
  leaf authority.grants;
  principals uuid[];
BEGIN
  IF sealed IS NULL THEN RAISE EXCEPTION 'no sealed caller' USING ERRCODE = 'DP401'; END IF;
  in_path := authority.texts(sealed -> 'grs')::uuid[];
  SELECT * INTO leaf FROM authority.grants g WHERE g.tenant = sealed ->> 'ten' AND g.id = in_path[cardinality(in_path)];
  IF leaf.id IS NULL OR leaf.path <> in_path OR leaf.subject <> (sealed ->> 'sub')::uuid
     OR leaf.actor <> (sealed ->> 'act')::uuid THEN
    RAISE EXCEPTION 'the sealed grant is not the caller''s' USING ERRCODE = 'DP401';
  END IF;
  principals := array_remove(leaf.actors || leaf.subject || leaf.app, NULL);
  PERFORM authority.hold(leaf.tenant, in_path, principals);
  IF NOT authority.alive(leaf.tenant, in_path, principals, clock_timestamp()) THEN
    RAISE EXCEPTION 'a grant of the path has ended' USING ERRCODE = 'DP401';
  END IF;
END $$;

-- ── Privileges ────────────────────────────────────────────────────────────────────────────────────────────

REVOKE ALL ON ALL TABLES IN SCHEMA authority FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA authority FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA authority TO {{authority}};
GRANT SELECT, INSERT ON authority.principals TO {{authority}};
GRANT UPDATE (name, state, epoch, ceiling) ON authority.principals TO {{authority}};
GRANT SELECT, INSERT ON authority.grants TO {{authority}};
GRANT UPDATE (state, revoked_at, reason, expires_at) ON authority.grants TO {{authority}};
GRANT SELECT, INSERT ON authority.delegation_records TO {{authority}};
GRANT SELECT, INSERT ON authority.signing_keys TO {{authority}};
GRANT UPDATE (state, activated_at, retired_at, published_until) ON authority.signing_keys TO {{authority}};
GRANT SELECT, INSERT, DELETE ON authority.audiences, authority.edges TO {{authority}};
GRANT UPDATE (kind, principal) ON authority.audiences TO {{authority}};
GRANT SELECT, DELETE ON authority.revocation_feed TO {{authority}};
GRANT SELECT ON authority.feed_state TO {{authority}};
GRANT UPDATE (epoch) ON authority.feed_state TO {{authority}};
GRANT SELECT, INSERT, DELETE ON authority.revoked_tokens TO {{authority}};
