-- Delegation, registration and launch tokens in fewer statements, with the same checks under the same locks. Starting a
-- statement costs more than the row that it looks up, so what is asked of one item is asked in one statement; what needs no
-- table is one expression, which PL/pgSQL evaluates without a statement.
--
-- `plan_cache_mode = force_generic_plan`: every table is asked by a key, so a plan made for the values at hand is no better,
-- and making it was a sixth of the work. Beside a key stands no condition that another index could answer: a database that
-- believes few grants to live took the index on `expires_at` and read every living grant to find one; one that takes a list
-- of keys for long walks whole indexes by their tenant. Such conditions are asked of what the key found; ids are of one tenant.

-- ── Expressions instead of statements ─────────────────────────────────────────────────────────────────────

CREATE TYPE authority.text_list AS (list text[]);

CREATE OR REPLACE FUNCTION authority.texts(list jsonb) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$ BEGIN
  RETURN CASE WHEN jsonb_typeof(list) = 'array'
    THEN (jsonb_populate_record(NULL::authority.text_list, jsonb_build_object('list', list))).list END;
END $$;

CREATE OR REPLACE FUNCTION authority.scopes_within(requested text[], allowed text[]) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  one text;
  other text;
  covered boolean;
BEGIN
  IF requested IS NULL OR requested OPERATOR(pg_catalog.<@) allowed THEN RETURN true; END IF;
  FOREACH one IN ARRAY requested LOOP
    covered := false;
    FOREACH other IN ARRAY coalesce(allowed, '{}') LOOP
      covered := coalesce(authority.scope_covers(other, one), false);
      EXIT WHEN covered;
    END LOOP;
    IF NOT covered THEN RETURN false; END IF;
  END LOOP;
  RETURN true;
END $$;

-- ── The shape of a grant ──────────────────────────────────────────────────────────────────────────────────

-- A CHECK is read from its text by each statement that inserts; a trigger's comparisons are read once. The same comparisons,
-- made of the same rows.
ALTER TABLE authority.grants
  DROP CONSTRAINT grants_depth_check, DROP CONSTRAINT grants_kind_check, DROP CONSTRAINT grants_scopes_check,
  DROP CONSTRAINT grants_audiences_check, DROP CONSTRAINT grants_constraints_check, DROP CONSTRAINT grants_check,
  DROP CONSTRAINT grants_check1, DROP CONSTRAINT grants_state_check, DROP CONSTRAINT grants_check2,
  DROP CONSTRAINT grants_check3, DROP CONSTRAINT grants_check4, DROP CONSTRAINT grants_check5,
  DROP CONSTRAINT grants_reserved;

-- ── What is compared twice already ────────────────────────────────────────────────────────────────────────

-- `guard_grant` locks and reads the parent of every child; a token is written by the same function as its grant, or by one
-- that has locked it. Only `prune_grants` deletes grants: whole trees, with their tokens.
ALTER TABLE authority.grants DROP CONSTRAINT grants_tenant_parent_fkey;
ALTER TABLE authority.broker_tokens DROP CONSTRAINT broker_tokens_tenant_grant_id_fkey;

CREATE OR REPLACE FUNCTION authority.guard_grant() RETURNS trigger
LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  parent record;
BEGIN
  IF (NEW.depth BETWEEN 0 AND 5
      AND NEW.kind IN ('session', 'api_key', 'mandate', 'app', 'service', 'exchange', 'delegation', 'control')
      AND authority.scopes_valid(NEW.scopes) AND cardinality(NEW.audiences) BETWEEN 1 AND 32
      AND jsonb_typeof(NEW.constraints) = 'object'
      AND NEW.expires_at > NEW.issued_at AND NEW.renew_until >= NEW.expires_at
      AND NEW.state IN ('active', 'revoked') AND (NEW.state = 'revoked') = (NEW.revoked_at IS NOT NULL)
      AND (NEW.parent IS NULL) = (NEW.depth = 0) AND (NEW.parent IS NULL) = (NEW.root = NEW.id)
      AND cardinality(NEW.path) = NEW.depth + 1 AND NEW.path[NEW.depth + 1] = NEW.id AND NEW.path[1] = NEW.root) IS NOT TRUE THEN
    RAISE EXCEPTION 'this is no grant' USING ERRCODE = 'check_violation', CONSTRAINT = 'grants_shape';
  END IF;
  -- Scopes `admin:…` and `app:…` stand in control grants, which hold nothing else. A valid scope holds no blank, so the joined
  -- text says what each of them is.
  IF (CASE WHEN NEW.kind = 'control' THEN ' ' || array_to_string(NEW.scopes, ' ') ~ '^( (admin|app):[^ ]+)+$'
           ELSE array_to_string(NEW.scopes, ' ') !~ '(^| )(admin|app):' END) IS NOT TRUE THEN
    RAISE EXCEPTION 'reserved scopes are of control grants' USING ERRCODE = 'check_violation', CONSTRAINT = 'grants_reserved';
  END IF;
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
    IF NEW.root <> NEW.id
       OR NOT EXISTS (SELECT FROM authority.principals p WHERE p.tenant = NEW.tenant AND p.id = NEW.subject)
       OR (NEW.app <> NEW.subject
           AND NOT EXISTS (SELECT FROM authority.principals p WHERE p.tenant = NEW.tenant AND p.id = NEW.app)) THEN
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
  IF parent.constraints <> '{}' THEN
    IF EXISTS (SELECT FROM jsonb_each(parent.constraints) c WHERE NEW.constraints -> c.key IS DISTINCT FROM c.value) THEN
      RAISE EXCEPTION 'a child grant keeps its parent''s constraints' USING ERRCODE = 'check_violation';
    END IF;
  END IF;
  RETURN NEW;
END $$;

-- ── Children ──────────────────────────────────────────────────────────────────────────────────────────────

-- The one maker of children (DESIGN §3): cuts the scopes, inserts, records. Whoever calls it holds the parent's path and the
-- principals, and has found them alive.
--   active       epochs by principal id, of those that are active
--   of_child     the same, of all on the child's path
--   ceilings     of the new actor and of the parent's app; NULL means no limit
-- Of the request: see `attenuate`.
CREATE FUNCTION authority.make_child(request jsonb, parent authority.grants, active jsonb, of_child jsonb, subject_kind text,
  ceiling text[], app_ceiling text[]) RETURNS jsonb
LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  at timestamptz := (request ->> 'now')::timestamptz;
  made authority.grants;
  allowed text[] := parent.scopes;
  asked text[] := authority.texts(request -> 'scopes');
  before bytea;
  statement text;
BEGIN
  made.actor := (request ->> 'actor')::uuid;
  IF parent.kind = 'control' OR (active ? made.actor::text) IS NOT TRUE THEN PERFORM authority.refuse('forbidden'); END IF;
  IF made.actor = parent.actor AND (request ->> 'toSelf')::boolean IS NOT TRUE THEN PERFORM authority.refuse('invalid_request'); END IF;
  IF parent.depth >= 5 THEN PERFORM authority.refuse('depth_exceeded'); END IF;

  made.audiences := authority.texts(request -> 'audiences');
  IF ((request ->> 'edges')::boolean IS FALSE AND made.audiences <@ parent.audiences) IS NOT TRUE THEN
    IF EXISTS (SELECT FROM unnest(made.audiences) t(audience)
      WHERE NOT (t.audience = ANY (parent.audiences) AND (request ->> 'edges')::boolean IS FALSE)
        AND NOT EXISTS (SELECT FROM authority.edges e
          WHERE e.tenant = parent.tenant AND e.actor = made.actor AND e.audience = t.audience)) THEN
      PERFORM authority.refuse('invalid_target');
    END IF;
  END IF;

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

-- A child asked for by itself: holds the parent's path, checks it lives, then makes it.
--   scopes       asked for; absent = all that is allowed
--   exact        true: refuse what is not covered; false: hand on what is
--   edges        true: every audience needs an (actor → audience) edge; false: the parent's own audiences need none
--   toSelf       true: the parent's actor may narrow its own grant
--   exchanger    who exchanges: must answer at one of `tokenAudiences`, or be the parent's actor; no tool audience (SR-10)
--   viaToken     issuer and jti of the exchanged token, with the epochs that it carries
--   record       a signed statement of the hop: { statement, signature (hex), signedBy }
CREATE OR REPLACE FUNCTION authority.attenuate(request jsonb) RETURNS jsonb
LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  at timestamptz := (request ->> 'now')::timestamptz;
  parent authority.grants;
  deputy uuid := (request ->> 'actor')::uuid;
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
BEGIN
  SELECT * INTO parent FROM authority.grants g
    WHERE g.tenant = request ->> 'tenant' AND g.id = (request ->> 'parent')::uuid;
  IF parent.id IS NULL THEN PERFORM authority.refuse('grant_revoked'); END IF;
  IF parent.kind = 'control' THEN PERFORM authority.refuse('forbidden'); END IF;
  principals := array_remove(parent.actors || parent.subject || parent.app, NULL);

  SELECT jsonb_object_agg(p.id, p.epoch) FILTER (WHERE p.state = 'active'),
         jsonb_object_agg(p.id, p.epoch) FILTER (WHERE p.id = ANY (principals)),
         jsonb_object_agg(p.id, p.epoch) FILTER (WHERE p.id = ANY (principals) OR p.id = deputy),
         max(p.kind) FILTER (WHERE p.id = parent.subject),
         max(p.ceiling) FILTER (WHERE p.id = deputy), max(p.ceiling) FILTER (WHERE p.id = parent.app)
    INTO active, of_path, of_child, subject_kind, ceiling, app_ceiling
    FROM (SELECT x.id, x.kind, x.state, x.epoch, x.ceiling FROM authority.principals x WHERE x.tenant = parent.tenant AND x.id = ANY (principals || deputy || exchanger)
          ORDER BY x.id FOR SHARE) p;
  SELECT count(*) FILTER (WHERE g.state = 'active' AND g.expires_at > at), max(g.expires_at) FILTER (WHERE g.id = parent.id)
    INTO living, parent.expires_at
    FROM (SELECT x.id, x.state, x.expires_at FROM authority.grants x WHERE x.id = ANY (parent.path)
          ORDER BY x.depth, x.id FOR SHARE) g;
  IF living <> cardinality(parent.path) OR (active ?& principals::text[]) IS NOT TRUE THEN
    PERFORM authority.refuse('grant_revoked');
  END IF;

  IF request ->> 'viaToken' IS NOT NULL THEN
    IF ((request -> 'epochs') @> of_path) IS NOT TRUE
       OR EXISTS (SELECT FROM authority.revoked_tokens r WHERE r.token = request ->> 'viaToken') THEN
      PERFORM authority.refuse('grant_revoked');
    END IF;
  END IF;

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

  RETURN authority.make_child(request, parent, active, of_child, subject_kind, ceiling, app_ceiling);
END $$;

-- ── What workers call ─────────────────────────────────────────────────────────────────────────────────────

-- One hop. What `attenuate` holds and asks for one child is held and asked here for all items at once; besides, whom a
-- SPIFFE id names, and that this one is of the same app and alive.
CREATE OR REPLACE FUNCTION authority.broker_delegate(in_tenant text, items jsonb) RETURNS jsonb
LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  answers jsonb[] := '{}';
  entries jsonb := '[]';
  item jsonb;
  at timestamptz;
  grants uuid[];
  principals uuid[];
  seen record;
  parent authority.grants;
  view jsonb;
  reason text;
BEGIN
  SELECT ARRAY(SELECT x::uuid FROM jsonb_array_elements(items) i, jsonb_array_elements_text(i -> 'path') x) || array_agg(w.grant_id) FILTER (WHERE w.tenant = in_tenant),
         ARRAY(SELECT x::uuid FROM jsonb_array_elements(items) i, jsonb_array_elements_text(i -> 'principals') x) || array_agg(w.principal_id) FILTER (WHERE w.tenant = in_tenant)
    INTO grants, principals
    FROM authority.workers w WHERE w.spiffe = ANY (ARRAY(SELECT i ->> 'delegateTo' FROM jsonb_array_elements(items) i));
  PERFORM FROM authority.principals p WHERE p.tenant = in_tenant AND p.id = ANY (principals) ORDER BY p.id FOR SHARE;
  PERFORM FROM authority.grants g WHERE g.id = ANY (grants) ORDER BY g.depth, g.id FOR SHARE;
  FOR n IN 0 .. jsonb_array_length(items) - 1 LOOP
    item := items -> n;
    at := (item ->> 'now')::timestamptz;
    -- A new statement, hence a new snapshot: it sees what was committed while we waited for the locks.
    SELECT g AS parent, t.jti IS NOT NULL AS token_lives, used.jti IS NOT NULL AS jti_used,
           (SELECT count(*) FILTER (WHERE x.state = 'active' AND x.expires_at > at) = cardinality(g.path)
              FROM authority.grants x WHERE x.id = ANY (g.path)) AS path_lives,
           w.principal_id AS deputy, w.bound, w.public_key, own.state = 'active' AND own.expires_at > at AS deputy_lives,
           p.active, p.epochs, p.subject_kind, p.ceiling, p.app_ceiling
      INTO seen
      FROM authority.grants g
      LEFT JOIN authority.broker_tokens t
        ON t.jti = (item ->> 'jti')::uuid AND t.live AND t.tenant = g.tenant AND t.grant_id = g.id
      LEFT JOIN authority.broker_tokens used ON used.jti = (item ->> 'nextJti')::uuid
      -- Of another app, released, revoked or never there: one answer.
      LEFT JOIN authority.workers w ON w.tenant = g.tenant AND w.spiffe = item ->> 'delegateTo' AND w.app = g.app
      LEFT JOIN authority.grants own ON own.tenant = g.tenant AND own.id = w.grant_id
      CROSS JOIN LATERAL (
        SELECT jsonb_object_agg(x.id, x.epoch) FILTER (WHERE x.state = 'active') AS active, jsonb_object_agg(x.id, x.epoch) AS epochs,
               max(x.kind) FILTER (WHERE x.id = g.subject) AS subject_kind,
               max(x.ceiling) FILTER (WHERE x.id = w.principal_id) AS ceiling, max(x.ceiling) FILTER (WHERE x.id = g.app) AS app_ceiling
          FROM authority.principals x
          WHERE x.tenant = g.tenant AND x.id = ANY (g.actors || g.subject || g.app || w.principal_id)) p
      WHERE g.tenant = in_tenant AND g.id = (item ->> 'grant')::uuid;
    parent := seen.parent;
    reason := CASE
      WHEN (seen.token_lives AND seen.path_lives
            AND seen.active ?& array_remove(parent.actors || parent.subject || parent.app, NULL)::text[]) IS NOT TRUE THEN 'grant_revoked'
      WHEN parent.kind = 'control' THEN 'forbidden'
      WHEN parent.depth >= 5 THEN 'depth_exceeded'
      WHEN (item ->> 'malformed')::boolean
        OR NOT authority.scopes_within(authority.texts(item #> '{attenuate,scopes}'), parent.scopes) THEN 'scope_exceeded'
      WHEN (seen.deputy_lives AND seen.active ? seen.deputy::text) IS NOT TRUE THEN 'not_found'
      WHEN seen.deputy = parent.actor THEN 'forbidden'
      WHEN seen.jti_used THEN 'jti_used' END;
    IF reason IS NOT NULL THEN
      answers := answers || jsonb_build_object('refused', reason);
      CONTINUE;
    END IF;
    view := authority.make_child((item -> 'attenuate') || jsonb_build_object('actor', seen.deputy), parent, seen.active, seen.epochs,
      seen.subject_kind, seen.ceiling, seen.app_ceiling);
    INSERT INTO authority.broker_tokens (jti, tenant, grant_id, renewal, live)
      VALUES ((item ->> 'nextJti')::uuid, in_tenant, (view ->> 'id')::uuid, 0, true);
    FOR e IN 0 .. jsonb_array_length(item -> 'entries') - 1 LOOP
      entries := entries || jsonb_set(item -> 'entries' -> e, '{event,about}', jsonb_build_array(seen.deputy));
    END LOOP;
    answers := answers || jsonb_build_object('view', view, 'boundTo', CASE WHEN seen.bound THEN encode(seen.public_key, 'hex') END);
  END LOOP;
  PERFORM audit.submit_many(entries);
  RETURN to_jsonb(answers);
END $$;

CREATE OR REPLACE FUNCTION authority.broker_launch(in_tenant text, items jsonb) RETURNS jsonb
LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  item jsonb;
  answers jsonb[] := '{}';
  entries jsonb := '[]';
  seen record;
  asked text[];
  at timestamptz;
  principals uuid[];
  grants uuid[];
BEGIN
  SELECT array_agg((i ->> 'app')::uuid) || array_agg((i ->> 'by')::uuid), array_agg((i ->> 'grant')::uuid)
    INTO principals, grants FROM jsonb_array_elements(items) i;
  PERFORM FROM authority.principals p WHERE p.tenant = in_tenant AND p.id = ANY (principals) ORDER BY p.id FOR SHARE;
  PERFORM FROM authority.grants g WHERE g.id = ANY (grants) ORDER BY g.depth, g.id FOR SHARE;
  FOR n IN 0 .. jsonb_array_length(items) - 1 LOOP
    item := items -> n;
    at := (item ->> 'now')::timestamptz;
    asked := authority.texts(item -> 'allowed');
    SELECT t.live AND g.state = 'active' AND g.expires_at > at AS stands, a.id AS app,
           a.kind = 'app' AND a.state = 'active' AS app_lives, a.ceiling
      INTO seen
      FROM authority.broker_tokens t
      JOIN authority.grants g ON g.tenant = t.tenant AND g.id = t.grant_id
      LEFT JOIN authority.principals a ON a.tenant = g.tenant AND a.id = (item ->> 'app')::uuid
      WHERE t.jti = (item ->> 'jti')::uuid AND t.tenant = in_tenant AND t.grant_id = (item ->> 'grant')::uuid;
    IF seen.stands IS NOT TRUE THEN
      answers := answers || '{"refused": "grant_revoked"}'::jsonb;
    ELSIF seen.app_lives IS NOT TRUE THEN
      answers := answers || '{"refused": "not_found"}'::jsonb;
    ELSIF NOT authority.scopes_within(asked, coalesce(seen.ceiling, '{}')) THEN
      answers := answers || '{"refused": "scope_exceeded"}'::jsonb;
    ELSE
      INSERT INTO authority.launch_tokens (hash, tenant, app, agent_name, allowed, max_ttl, single_use, created_by, created_at, expires_at)
        VALUES (decode(item ->> 'hash', 'hex'), in_tenant, seen.app, item ->> 'agentName', asked, (item ->> 'maxTtl')::integer,
                (item ->> 'singleUse')::boolean, (item ->> 'by')::uuid, at, (item ->> 'expires')::timestamptz);
      entries := entries || (item -> 'entries');
      answers := answers || '{}'::jsonb;
    END IF;
  END LOOP;
  PERFORM audit.submit_many(entries);
  RETURN to_jsonb(answers);
END $$;

-- Checks in the protocol's order: launch token, scope, (transcript demanded), nonce, proof; then the launch token is
-- spent. A refusal before the nonce consumes nothing; one after it leaves the nonce spent, and only that.
CREATE OR REPLACE FUNCTION authority.broker_register(in_tenant text, items jsonb) RETURNS jsonb
LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  hashes bytea[] := ARRAY(SELECT decode(i ->> 'hash', 'hex') FROM jsonb_array_elements(items) i);
  answers jsonb[] := array_fill(NULL::jsonb, ARRAY[jsonb_array_length(items)]);
  entries jsonb := '[]';
  item jsonb;
  entry jsonb;
  n bigint;
  at timestamptz;
  seen record;
  asked text[];
  made authority.grants;
  reason text;
  apps uuid[] := ARRAY(SELECT DISTINCT l.app FROM authority.launch_tokens l WHERE l.hash = ANY (hashes));
BEGIN
  PERFORM FROM authority.principals p WHERE p.tenant = in_tenant AND p.id = ANY (apps) ORDER BY p.id FOR SHARE;
  PERFORM FROM authority.launch_tokens l WHERE l.hash = ANY (hashes) AND l.single_use ORDER BY l.hash FOR UPDATE;
  -- By nonce: two batches that hold the same ones wait for each other in one direction only.
  FOR item, n IN SELECT t.i, t.n FROM jsonb_array_elements(items) WITH ORDINALITY AS t(i, n) ORDER BY t.i ->> 'nonce', t.n LOOP
    at := (item ->> 'now')::timestamptz;
    asked := authority.texts(item -> 'scopes');
    SELECT l.hash, l.app, l.agent_name, l.allowed, l.max_ttl, l.single_use, p.state, p.ceiling, p.epoch,
           coalesce(a.app_id, 'operator') AS app_id, coalesce(a.require_transcript, false) AS transcript
      INTO seen
      FROM authority.launch_tokens l
      LEFT JOIN authority.principals p ON p.tenant = l.tenant AND p.id = l.app
      LEFT JOIN authority.apps a ON a.tenant = l.tenant AND a.principal_id = l.app
      WHERE l.hash = decode(item ->> 'hash', 'hex') AND l.tenant = in_tenant AND l.expires_at > at;
    IF seen.hash IS NULL THEN
      answers[n] := '{"refused": "launch_token"}';
      CONTINUE;
    END IF;
    reason := CASE
      WHEN seen.state <> 'active' OR NOT authority.scopes_within(seen.allowed, coalesce(seen.ceiling, '{}')) THEN 'launch_token'
      WHEN (item ->> 'malformed')::boolean OR NOT authority.scopes_within(asked, seen.allowed) THEN 'scope_exceeded'
      WHEN seen.transcript AND (item ->> 'transcript')::boolean IS NULL THEN 'transcript'
      WHEN (item ->> 'nonceHolds')::boolean IS NOT TRUE THEN 'nonce' END;
    IF reason IS NULL THEN
      INSERT INTO authority.used_nonces (nonce) VALUES ((item ->> 'nonce')::uuid) ON CONFLICT DO NOTHING;
      reason := CASE WHEN NOT FOUND THEN 'nonce' WHEN (item ->> 'proofHolds')::boolean IS NOT TRUE THEN 'proof' END;
    END IF;
    IF reason IS NOT NULL THEN
      answers[n] := jsonb_build_object('refused', reason, 'app', seen.app, 'appId', seen.app_id);
      CONTINUE;
    END IF;
    IF seen.single_use THEN DELETE FROM authority.launch_tokens l WHERE l.hash = seen.hash; END IF;

    INSERT INTO authority.principals (tenant, id, kind, name, created)
      VALUES (in_tenant, (item ->> 'worker')::uuid, 'agent', seen.agent_name, at);
    INSERT INTO authority.workers (tenant, principal_id, spiffe, app, app_id, grant_id, task, orchestration, public_key, bound, created_at)
      VALUES (in_tenant, (item ->> 'worker')::uuid, item ->> 'spiffe', seen.app, seen.app_id, (item ->> 'id')::uuid, item ->> 'task', item ->> 'orchestration',
              decode(item ->> 'publicKey', 'hex'), (item ->> 'bound')::boolean, at);
    made.tenant := in_tenant;
    made.id := (item ->> 'id')::uuid;
    made.root := made.id;
    made.depth := 0;
    made.path := ARRAY[made.id];
    made.kind := 'app';
    made.app := seen.app;
    made.subject := seen.app;
    made.actor := (item ->> 'worker')::uuid;
    made.actors := ARRAY[made.actor];
    made.client_id := seen.app_id;
    made.task := item ->> 'task';
    made.orchestration := item ->> 'orchestration';
    made.scopes := asked;
    made.audiences := authority.texts(item -> 'audiences');
    made.constraints := '{}';
    made.issued_at := at;
    -- A token is good through the second of its `exp`, so the grant ends with the next.
    made.expires_at := at + (least(seen.max_ttl, (item ->> 'maxTtl')::integer) + 1) * interval '1 second';
    made.renew_until := greatest(made.expires_at, at + (item ->> 'renewSeconds')::integer * interval '1 second');
    made.state := 'active';
    INSERT INTO authority.grants (tenant, id, root, depth, path, kind, app, subject, actor, actors, client_id, task, orchestration,
      scopes, audiences, constraints, issued_at, expires_at, renew_until, state)
    VALUES (made.tenant, made.id, made.root, made.depth, made.path, made.kind, made.app, made.subject, made.actor, made.actors,
      made.client_id, made.task, made.orchestration, made.scopes, made.audiences, made.constraints, made.issued_at,
      made.expires_at, made.renew_until, made.state);
    INSERT INTO authority.broker_tokens (jti, tenant, grant_id, renewal, live)
      VALUES ((item ->> 'jti')::uuid, in_tenant, made.id, 0, true);
    FOR e IN 0 .. jsonb_array_length(item -> 'entries') - 1 LOOP
      entry := item -> 'entries' -> e;
      entries := entries || jsonb_set(entry, '{event}', (entry -> 'event') || jsonb_build_object('subject', seen.app, 'app', seen.app,
        'detail', (entry #> '{event,detail}') || jsonb_build_object('app_id', seen.app_id, 'agent_name', seen.agent_name)));
    END LOOP;
    answers[n] := jsonb_build_object('appId', seen.app_id, 'view',
      authority.grant_json(made, 'app', jsonb_build_object(seen.app, seen.epoch, made.actor, 0)));
  END LOOP;
  PERFORM audit.submit_many(entries);
  RETURN to_jsonb(answers);
END $$;

REVOKE ALL ON FUNCTION authority.make_child(jsonb, authority.grants, jsonb, jsonb, text, text[], text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION authority.make_child(jsonb, authority.grants, jsonb, jsonb, text, text[], text[]) TO {{authority}};
-- Nobody calls them any more.
DROP FUNCTION authority.broker_alive(text, uuid, uuid, timestamptz);
