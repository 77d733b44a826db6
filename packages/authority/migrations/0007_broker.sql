-- The broker's rooms: apps with ceilings, launch tokens, workers with keys, one live token a grant.
--
-- Guarantees, whatever TypeScript does: scopes `admin:…` and `app:…` stand only in grants of kind `control`, which hold
-- nothing else, so no child of one can be made; a launch token, a nonce and a token about to be renewed are each used
-- once; every write looks at the caller's own token again under the locks of its path (SR-13) and submits its audit
-- entries in the same transaction (SR-18). Locks are taken in one order: principals by id, launch tokens by hash, grants
-- by (depth, id), nonces, the feed's counter.
--
-- Rows are looked up by `= ANY (array)`: a join with the items would be planned while the tables are small, and kept, and
-- would read whole indexes when they are large.
--
-- The functions that workers call take many items at once: calls of one moment share a statement and a commit. What is
-- refused is a value and not an error, so that one item's refusal leaves the others; where `attenuate` or `renew` still
-- raises, nothing is done, and TypeScript sends the items again one by one.

-- ── Reserved scopes ───────────────────────────────────────────────────────────────────────────────────────

ALTER TABLE authority.grants DROP CONSTRAINT grants_kind_check;
ALTER TABLE authority.grants ADD CONSTRAINT grants_kind_check
  CHECK (kind IN ('session', 'api_key', 'mandate', 'app', 'service', 'exchange', 'delegation', 'control'));
-- A valid scope holds no blank, so the joined text says what each of them is.
ALTER TABLE authority.grants ADD CONSTRAINT grants_reserved CHECK (CASE WHEN kind = 'control'
  THEN ' ' || array_to_string(scopes, ' ') ~ '^( (admin|app):[^ ]+)+$'
  ELSE array_to_string(scopes, ' ') !~ '(^| )(admin|app):' END);
ALTER TABLE authority.principals ADD CONSTRAINT principals_reserved
  CHECK (ceiling IS NULL OR array_to_string(ceiling, ' ') !~ '(^| )(admin|app):');

-- ── Tables ────────────────────────────────────────────────────────────────────────────────────────────────

-- The ceiling and the state of an app are its principal's.
CREATE TABLE authority.apps (
  tenant             text NOT NULL,
  principal_id       uuid NOT NULL,
  app_id             text NOT NULL UNIQUE CHECK (app_id ~ '^app-[a-z0-9-]{2,64}-[0-9a-f]{6}$'),
  name               text NOT NULL CHECK (length(name) BETWEEN 2 AND 64),
  client_id          text NOT NULL UNIQUE CHECK (client_id ~ '^[a-z0-9]{2,3}-[0-9a-f]{12}$'),
  token_ttl          integer NOT NULL CHECK (token_ttl BETWEEN 60 AND 86400),
  require_transcript boolean NOT NULL,
  created_at         timestamptz NOT NULL,
  updated_at         timestamptz NOT NULL,
  deregistered_at    timestamptz,
  PRIMARY KEY (tenant, principal_id),
  UNIQUE (tenant, name),
  FOREIGN KEY (tenant, principal_id) REFERENCES authority.principals (tenant, id)
);

-- HMAC over client id and secret: one indexed equality answers both "who" and "is it so", at one cost for all.
CREATE TABLE authority.app_secrets (
  hash         bytea PRIMARY KEY CHECK (length(hash) = 32),
  tenant       text NOT NULL,
  principal_id uuid NOT NULL,
  created_at   timestamptz NOT NULL,
  expires_at   timestamptz,
  FOREIGN KEY (tenant, principal_id) REFERENCES authority.apps (tenant, principal_id)
);
CREATE INDEX app_secrets_app ON authority.app_secrets (tenant, principal_id);

-- Only what can still be used: one for single use is deleted by its use, all of an app by its end. `app` is the built-in
-- app of the operator where no app was named.
CREATE TABLE authority.launch_tokens (
  hash       bytea PRIMARY KEY CHECK (length(hash) = 32),
  tenant     text NOT NULL,
  app        uuid NOT NULL,
  agent_name text NOT NULL CHECK (length(agent_name) BETWEEN 1 AND 200),
  allowed    text[] NOT NULL CHECK (cardinality(allowed) > 0 AND authority.scopes_valid(allowed)
                                    AND array_to_string(allowed, ' ') !~ '(^| )(admin|app):'),
  max_ttl    integer NOT NULL CHECK (max_ttl > 0),
  single_use boolean NOT NULL,
  created_by uuid NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL CHECK (expires_at > created_at AND expires_at <= created_at + interval '1 hour 1 second'),
  FOREIGN KEY (tenant, app) REFERENCES authority.principals (tenant, id)
);

-- A worker is a principal with a key and a name that says orchestration and task.
CREATE TABLE authority.workers (
  tenant        text NOT NULL,
  principal_id  uuid NOT NULL,
  spiffe        text NOT NULL CHECK (spiffe LIKE 'spiffe://%'),
  app           uuid NOT NULL,
  app_id        text NOT NULL,
  -- The root that its registration made: a worker whose own grant has ended gets nothing more.
  grant_id      uuid NOT NULL,
  task          text NOT NULL,
  orchestration text NOT NULL,
  public_key    bytea NOT NULL CHECK (length(public_key) = 32),
  -- Every token of this worker is of use only with its key.
  bound         boolean NOT NULL,
  created_at    timestamptz NOT NULL,
  -- What tells rows apart comes first: without statistics, any index that begins with the tenant seems as good as another.
  PRIMARY KEY (principal_id, tenant),
  UNIQUE (spiffe, tenant),
  FOREIGN KEY (tenant, principal_id) REFERENCES authority.principals (tenant, id)
);
CREATE INDEX workers_task ON authority.workers (task, tenant);

-- Every token of a grant, oldest first; one of them lives. The number makes a second successor impossible.
CREATE TABLE authority.broker_tokens (
  jti        uuid PRIMARY KEY,
  tenant     text NOT NULL,
  grant_id   uuid NOT NULL,
  renewal    integer NOT NULL CHECK (renewal >= 0),
  live       boolean NOT NULL,
  UNIQUE (grant_id, renewal, tenant),
  FOREIGN KEY (tenant, grant_id) REFERENCES authority.grants (tenant, id)
);

-- The first 16 bytes of a nonce, which begin with the moment it expires: order is age.
CREATE TABLE authority.used_nonces (nonce uuid PRIMARY KEY);

-- ── Ending grants: one lock order for many trees, and a feed that forgets in time ───────────────────────────

-- Several positions by one turn of the counter.
CREATE FUNCTION authority.feed_append_many(kind text, vals text[], keep timestamptz[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
  place bigint;
BEGIN
  IF cardinality(vals) = 0 THEN RETURN; END IF;
  UPDATE authority.feed_state SET position = feed_state.position + cardinality(vals) WHERE feed_state.one RETURNING feed_state.position INTO place;
  INSERT INTO authority.revocation_feed (position, kind, value, number, expires_at)
    SELECT place - cardinality(vals) + n, feed_append_many.kind, v, NULL, k FROM unnest(vals, keep) WITH ORDINALITY AS t(v, k, n);
  PERFORM pg_notify('deputize_revocations', place::text);
END $$;

-- Locks the grants and everything below them, across all their trees in one order.
CREATE FUNCTION authority.hold_subtrees(in_tenant text, ids uuid[]) RETURNS void
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
  roots uuid[];
BEGIN
  SELECT coalesce(array_agg(DISTINCT g.root), '{}') INTO roots FROM authority.grants g WHERE g.tenant = in_tenant AND g.id = ANY (ids);
  PERFORM FROM authority.grants g WHERE g.tenant = in_tenant AND g.root = ANY (roots) AND g.path && ids
    ORDER BY g.depth, g.id FOR UPDATE;
  -- A new statement, hence a new snapshot: it sees children that committed while we waited for the locks.
  PERFORM FROM authority.grants g WHERE g.tenant = in_tenant AND g.root = ANY (roots) AND g.path && ids
    ORDER BY g.depth, g.id FOR UPDATE;
END $$;

-- Ends grants and everything below them. `feed` is false when an epoch of the feed already says it. The feed remembers a
-- grant until the last token that it or a child of it can have made has expired on any clock, and never past `keep_until`.
-- Answers the ids that ended.
CREATE OR REPLACE FUNCTION authority.revoke_grants(in_tenant text, ids uuid[], why text, at timestamptz, keep_until timestamptz, feed boolean DEFAULT true)
RETURNS uuid[]
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
  roots uuid[];
  ended uuid[];
  vals text[];
  keep timestamptz[];
BEGIN
  PERFORM authority.hold_subtrees(in_tenant, ids);
  SELECT coalesce(array_agg(DISTINCT g.root), '{}') INTO roots FROM authority.grants g WHERE g.tenant = in_tenant AND g.id = ANY (ids);
  WITH dead AS (
    UPDATE authority.grants g SET state = 'revoked', revoked_at = at, reason = why
    WHERE g.tenant = in_tenant AND g.root = ANY (roots) AND g.path && ids AND g.state = 'active'
    RETURNING g.id, least(keep_until, g.expires_at + interval '2 minutes') AS until)
  SELECT coalesce(array_agg(dead.id), '{}'),
         coalesce(array_agg(dead.id::text ORDER BY dead.id) FILTER (WHERE dead.id = ANY (ids)), '{}'),
         coalesce(array_agg(dead.until ORDER BY dead.id) FILTER (WHERE dead.id = ANY (ids)), '{}')
    INTO ended, vals, keep FROM dead;
  IF feed THEN PERFORM authority.feed_append_many('grant', vals, keep); END IF;
  RETURN ended;
END $$;

-- A new ceiling ends only the grants that exceed it, with what is below them; control is not authority over data, so it
-- stays. Launch tokens that promise more than the new ceiling are gone.
CREATE OR REPLACE FUNCTION authority.narrow(in_tenant text, in_principal uuid, next_ceiling text[], why text, at timestamptz, keep_until timestamptz)
RETURNS uuid[]
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
  exceeding uuid[];
BEGIN
  PERFORM FROM authority.principals x WHERE x.tenant = in_tenant AND x.id = in_principal FOR UPDATE;
  IF NOT FOUND THEN PERFORM authority.refuse('not_found'); END IF;
  UPDATE authority.principals x SET ceiling = next_ceiling WHERE x.tenant = in_tenant AND x.id = in_principal;
  IF next_ceiling IS NULL THEN RETURN '{}'; END IF;
  DELETE FROM authority.launch_tokens l WHERE l.tenant = in_tenant AND l.app = in_principal
    AND NOT authority.scopes_within(l.allowed, next_ceiling);
  SELECT coalesce(array_agg(g.id), '{}') INTO exceeding FROM authority.grants g
    WHERE g.tenant = in_tenant AND g.state = 'active' AND (g.actor = in_principal OR g.app = in_principal)
      AND g.kind <> 'control' AND NOT authority.scopes_within(g.scopes, next_ceiling);
  RETURN authority.revoke_grants(in_tenant, exceeding, why, at, keep_until);
END $$;

-- What all items name under one key, as an array.
CREATE FUNCTION authority.broker_ids(items jsonb, key text) RETURNS uuid[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$ BEGIN
  RETURN ARRAY(SELECT (i ->> key)::uuid FROM jsonb_array_elements(items) i);
END $$;

-- The same where each names a list.
CREATE FUNCTION authority.broker_lists(items jsonb, key text) RETURNS uuid[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$ BEGIN
  RETURN ARRAY(SELECT DISTINCT x::uuid FROM jsonb_array_elements(items) i, jsonb_array_elements_text(i -> key) x);
END $$;

-- ── Control: the tokens of operator and apps ───────────────────────────────────────────────────────────────

-- True while the token that the caller showed is the live one of a living grant. A grant that lives has living
-- ancestors: ending one ends what is below it in the same transaction, and none outlives its parent.
CREATE FUNCTION authority.broker_stands(in_tenant text, in_grant uuid, in_jti uuid, at timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$ BEGIN
  RETURN EXISTS (SELECT FROM authority.broker_tokens t
      WHERE t.jti = in_jti AND t.live AND t.tenant = in_tenant AND t.grant_id = in_grant)
    AND EXISTS (SELECT FROM authority.grants g
      WHERE g.tenant = in_tenant AND g.id = in_grant AND g.state = 'active' AND g.expires_at > at);
END $$;

-- An operator's or app's own token. `secretHash` is checked again here, in the transaction that uses it.
CREATE FUNCTION authority.broker_control(in_tenant text, item jsonb) RETURNS jsonb
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
  at timestamptz := (item #>> '{root,now}')::timestamptz;
  who authority.principals;
  view jsonb;
BEGIN
  SELECT * INTO who FROM authority.principals p WHERE p.tenant = in_tenant AND p.id = (item #>> '{root,actor}')::uuid FOR SHARE;
  IF who.id IS NULL OR who.state <> 'active'
     OR (item ->> 'secretHash' IS NOT NULL AND NOT EXISTS (
       SELECT FROM authority.app_secrets s WHERE s.hash = decode(item ->> 'secretHash', 'hex') AND s.tenant = in_tenant
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

-- ── Launch tokens ─────────────────────────────────────────────────────────────────────────────────────────

CREATE FUNCTION authority.broker_launch(in_tenant text, items jsonb) RETURNS jsonb
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
  item jsonb;
  answers jsonb[] := '{}';
  entries jsonb := '[]';
  app authority.principals;
  asked text[];
  at timestamptz;
  principals uuid[] := authority.broker_ids(items, 'app') || authority.broker_ids(items, 'by');
  grants uuid[] := authority.broker_ids(items, 'grant');
BEGIN
  PERFORM FROM authority.principals p WHERE p.tenant = in_tenant AND p.id = ANY (principals) ORDER BY p.id FOR SHARE;
  PERFORM FROM authority.grants g WHERE g.tenant = in_tenant AND g.id = ANY (grants) ORDER BY g.depth, g.id FOR SHARE;
  FOR item IN SELECT i FROM jsonb_array_elements(items) i LOOP
    at := (item ->> 'now')::timestamptz;
    asked := authority.texts(item -> 'allowed');
    SELECT * INTO app FROM authority.principals p WHERE p.tenant = in_tenant AND p.id = (item ->> 'app')::uuid;
    IF NOT authority.broker_stands(in_tenant, (item ->> 'grant')::uuid, (item ->> 'jti')::uuid, at) THEN
      answers := answers || '{"refused": "grant_revoked"}'::jsonb;
    ELSIF app.id IS NULL OR app.kind <> 'app' OR app.state <> 'active' THEN
      answers := answers || '{"refused": "not_found"}'::jsonb;
    ELSIF NOT authority.scopes_within(asked, coalesce(app.ceiling, '{}')) THEN
      answers := answers || '{"refused": "scope_exceeded"}'::jsonb;
    ELSE
      INSERT INTO authority.launch_tokens (hash, tenant, app, agent_name, allowed, max_ttl, single_use, created_by, created_at, expires_at)
        VALUES (decode(item ->> 'hash', 'hex'), in_tenant, app.id, item ->> 'agentName', asked, (item ->> 'maxTtl')::integer,
                (item ->> 'singleUse')::boolean, (item ->> 'by')::uuid, at, (item ->> 'expires')::timestamptz);
      entries := entries || (item -> 'entries');
      answers := answers || '{}'::jsonb;
    END IF;
  END LOOP;
  PERFORM audit.submit_many(entries);
  RETURN to_jsonb(answers);
END $$;

-- ── Workers ───────────────────────────────────────────────────────────────────────────────────────────────

-- Checks in the protocol's order: launch token, scope, (transcript demanded), nonce, proof; then the launch token is
-- spent. A refusal before the nonce consumes nothing; one after it leaves the nonce spent, and only that.
CREATE FUNCTION authority.broker_register(in_tenant text, items jsonb) RETURNS jsonb
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
  hashes bytea[] := ARRAY(SELECT decode(i ->> 'hash', 'hex') FROM jsonb_array_elements(items) i);
  answers jsonb[] := array_fill(NULL::jsonb, ARRAY[jsonb_array_length(items)]);
  entries jsonb := '[]';
  item jsonb;
  n bigint;
  at timestamptz;
  launch authority.launch_tokens;
  app record;
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
    launch := NULL;
    SELECT * INTO launch FROM authority.launch_tokens l
      WHERE l.hash = decode(item ->> 'hash', 'hex') AND l.tenant = in_tenant AND l.expires_at > at;
    IF launch.hash IS NULL THEN
      answers[n] := '{"refused": "launch_token"}';
      CONTINUE;
    END IF;
    SELECT p.state, p.ceiling, p.epoch, coalesce(a.app_id, 'operator') AS app_id, coalesce(a.require_transcript, false) AS transcript
      INTO app FROM authority.principals p LEFT JOIN authority.apps a ON a.tenant = p.tenant AND a.principal_id = p.id
      WHERE p.tenant = in_tenant AND p.id = launch.app;
    reason := CASE
      WHEN app.state <> 'active' OR NOT authority.scopes_within(launch.allowed, coalesce(app.ceiling, '{}')) THEN 'launch_token'
      WHEN (item ->> 'malformed')::boolean OR NOT authority.scopes_within(asked, launch.allowed) THEN 'scope_exceeded'
      WHEN app.transcript AND (item ->> 'transcript')::boolean IS NULL THEN 'transcript'
      WHEN (item ->> 'nonceHolds')::boolean IS NOT TRUE THEN 'nonce' END;
    IF reason IS NULL THEN
      INSERT INTO authority.used_nonces (nonce) VALUES ((item ->> 'nonce')::uuid) ON CONFLICT DO NOTHING;
      reason := CASE WHEN NOT FOUND THEN 'nonce' WHEN (item ->> 'proofHolds')::boolean IS NOT TRUE THEN 'proof' END;
    END IF;
    IF reason IS NOT NULL THEN
      answers[n] := jsonb_build_object('refused', reason, 'app', launch.app, 'appId', app.app_id);
      CONTINUE;
    END IF;
    IF launch.single_use THEN DELETE FROM authority.launch_tokens l WHERE l.hash = launch.hash; END IF;

    INSERT INTO authority.principals (tenant, id, kind, name, created)
      VALUES (in_tenant, (item ->> 'worker')::uuid, 'agent', launch.agent_name, at);
    INSERT INTO authority.workers (tenant, principal_id, spiffe, app, app_id, grant_id, task, orchestration, public_key, bound, created_at)
      VALUES (in_tenant, (item ->> 'worker')::uuid, item ->> 'spiffe', launch.app, app.app_id, (item ->> 'id')::uuid, item ->> 'task', item ->> 'orchestration',
              decode(item ->> 'publicKey', 'hex'), (item ->> 'bound')::boolean, at);
    made.tenant := in_tenant;
    made.id := (item ->> 'id')::uuid;
    made.root := made.id;
    made.depth := 0;
    made.path := ARRAY[made.id];
    made.kind := 'app';
    made.app := launch.app;
    made.subject := launch.app;
    made.actor := (item ->> 'worker')::uuid;
    made.actors := ARRAY[made.actor];
    made.client_id := app.app_id;
    made.task := item ->> 'task';
    made.orchestration := item ->> 'orchestration';
    made.scopes := asked;
    made.audiences := authority.texts(item -> 'audiences');
    made.constraints := '{}';
    made.issued_at := at;
    -- A token is good through the second of its `exp`, so the grant ends with the next.
    made.expires_at := at + (least(launch.max_ttl, (item ->> 'maxTtl')::integer) + 1) * interval '1 second';
    made.renew_until := greatest(made.expires_at, at + (item ->> 'renewSeconds')::integer * interval '1 second');
    made.state := 'active';
    INSERT INTO authority.grants (tenant, id, root, depth, path, kind, app, subject, actor, actors, client_id, task, orchestration,
      scopes, audiences, constraints, issued_at, expires_at, renew_until, state)
    VALUES (made.tenant, made.id, made.root, made.depth, made.path, made.kind, made.app, made.subject, made.actor, made.actors,
      made.client_id, made.task, made.orchestration, made.scopes, made.audiences, made.constraints, made.issued_at,
      made.expires_at, made.renew_until, made.state);
    INSERT INTO authority.broker_tokens (jti, tenant, grant_id, renewal, live)
      VALUES ((item ->> 'jti')::uuid, in_tenant, made.id, 0, true);
    entries := entries || (SELECT jsonb_agg(jsonb_set(e, '{event}', (e -> 'event') || jsonb_build_object(
        'subject', launch.app, 'app', launch.app,
        'detail', (e #> '{event,detail}') || jsonb_build_object('app_id', app.app_id, 'agent_name', launch.agent_name))))
      FROM jsonb_array_elements(item -> 'entries') e);
    answers[n] := jsonb_build_object('appId', app.app_id, 'view',
      authority.grant_json(made, 'app', jsonb_build_object(launch.app, app.epoch, made.actor, 0)));
  END LOOP;
  PERFORM audit.submit_many(entries);
  RETURN to_jsonb(answers);
END $$;

-- The presented token ends and its successor lives, or neither: whoever comes second finds it spent.
CREATE FUNCTION authority.broker_renew(in_tenant text, items jsonb) RETURNS jsonb
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
  answers jsonb[] := '{}';
  entries jsonb := '[]';
  item jsonb;
  at timestamptz;
  spent integer;
  renewed jsonb;
  vals text[] := '{}';
  keep timestamptz[] := '{}';
  principals uuid[] := authority.broker_lists(items, 'principals');
  grants uuid[] := authority.broker_lists(items, 'path');
BEGIN
  PERFORM FROM authority.principals p WHERE p.tenant = in_tenant AND p.id = ANY (principals) ORDER BY p.id FOR SHARE;
  PERFORM FROM authority.grants g WHERE g.tenant = in_tenant AND g.id = ANY (grants) ORDER BY g.depth, g.id FOR UPDATE;
  FOR item IN SELECT i FROM jsonb_array_elements(items) i LOOP
    at := (item ->> 'now')::timestamptz;
    IF NOT authority.broker_stands(in_tenant, (item ->> 'grant')::uuid, (item ->> 'jti')::uuid, at)
       -- A grant ends a second after its last token, which is good for a second at least: less room makes no token.
       OR NOT EXISTS (
         SELECT FROM authority.grants g LEFT JOIN authority.grants p ON p.tenant = g.tenant AND p.id = g.parent
         WHERE g.tenant = in_tenant AND g.id = (item ->> 'grant')::uuid
           AND least(g.renew_until, p.expires_at) >= at + interval '2 seconds') THEN
      answers := answers || '{"refused": "grant_revoked"}'::jsonb;
      CONTINUE;
    END IF;
    renewed := authority.renew(in_tenant, (item ->> 'grant')::uuid, (item ->> 'ttlSeconds')::integer, at);
    UPDATE authority.broker_tokens t SET live = false WHERE t.jti = (item ->> 'jti')::uuid AND t.live RETURNING t.renewal INTO STRICT spent;
    INSERT INTO authority.broker_tokens (jti, tenant, grant_id, renewal, live)
      VALUES ((item ->> 'nextJti')::uuid, in_tenant, (item ->> 'grant')::uuid, spent + 1, true);
    vals := vals || (item ->> 'tokenKey');
    keep := keep || (item ->> 'keepUntil')::timestamptz;
    entries := entries || (item -> 'entries');
    answers := answers || jsonb_build_object('view', renewed);
  END LOOP;
  PERFORM authority.feed_append_many('jti', vals, keep);
  PERFORM audit.submit_many(entries);
  RETURN to_jsonb(answers);
END $$;

-- Ends the grants of the presented tokens with all below. One that does not stand is refused.
CREATE FUNCTION authority.broker_release(in_tenant text, items jsonb, why text) RETURNS jsonb
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
  at timestamptz := (items -> 0 ->> 'now')::timestamptz;
  ids uuid[] := authority.broker_ids(items, 'grant');
  jtis uuid[] := authority.broker_ids(items, 'jti');
  living uuid[];
  standing uuid[];
BEGIN
  PERFORM authority.hold_subtrees(in_tenant, ids);
  SELECT coalesce(array_agg(g.id), '{}') INTO living FROM authority.grants g
    WHERE g.tenant = in_tenant AND g.id = ANY (ids) AND g.state = 'active' AND g.expires_at > at;
  -- One token of a grant lives, so these are as many grants.
  SELECT coalesce(array_agg(t.jti), '{}'), coalesce(array_agg(t.grant_id), '{}') INTO standing, living FROM authority.broker_tokens t
    WHERE t.jti = ANY (jtis) AND t.live AND t.tenant = in_tenant AND t.grant_id = ANY (living);
  PERFORM authority.revoke_grants(in_tenant, living, why, at, 'infinity');
  -- Asked twice in one batch, it ends once.
  PERFORM audit.submit_many((
    SELECT coalesce(jsonb_agg(e), '[]') FROM (
      SELECT DISTINCT ON (i ->> 'jti') i FROM jsonb_array_elements(items) i WHERE (i ->> 'jti')::uuid = ANY (standing)) once,
      jsonb_array_elements(once.i -> 'entries') e));
  RETURN (SELECT jsonb_agg(CASE WHEN (t.i ->> 'jti')::uuid = ANY (standing) AND t.copy = 1 THEN '{}'::jsonb
                                ELSE '{"refused": "grant_revoked"}'::jsonb END ORDER BY t.n)
    FROM (SELECT i, n, row_number() OVER (PARTITION BY i ->> 'jti' ORDER BY n) AS copy
          FROM jsonb_array_elements(items) WITH ORDINALITY AS x(i, n)) t);
END $$;

-- True while a worker is active and its own grant lives.
CREATE FUNCTION authority.broker_alive(in_tenant text, in_worker uuid, own_grant uuid, at timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$ BEGIN
  RETURN EXISTS (SELECT FROM authority.principals p WHERE p.tenant = in_tenant AND p.id = in_worker AND p.state = 'active')
    AND EXISTS (SELECT FROM authority.grants g WHERE g.tenant = in_tenant AND g.id = own_grant AND g.state = 'active' AND g.expires_at > at);
END $$;

-- One hop. The child is made by `attenuate`, the one maker of children; here is only what it cannot know: whom a SPIFFE
-- id names, and that this one is of the same app and alive.
CREATE FUNCTION authority.broker_delegate(in_tenant text, items jsonb) RETURNS jsonb
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
  answers jsonb[] := '{}';
  entries jsonb := '[]';
  item jsonb;
  at timestamptz;
  parent authority.grants;
  deputy authority.workers;
  asked text[];
  view jsonb;
  reason text;
  names text[] := ARRAY(SELECT i ->> 'delegateTo' FROM jsonb_array_elements(items) i);
  grants uuid[] := authority.broker_lists(items, 'path')
    || ARRAY(SELECT w.grant_id FROM authority.workers w WHERE w.tenant = in_tenant AND w.spiffe = ANY (names));
  principals uuid[] := authority.broker_lists(items, 'principals')
    || ARRAY(SELECT w.principal_id FROM authority.workers w WHERE w.tenant = in_tenant AND w.spiffe = ANY (names));
BEGIN
  PERFORM FROM authority.principals p WHERE p.tenant = in_tenant AND p.id = ANY (principals) ORDER BY p.id FOR SHARE;
  PERFORM FROM authority.grants g WHERE g.tenant = in_tenant AND g.id = ANY (grants) ORDER BY g.depth, g.id FOR SHARE;
  FOR item IN SELECT i FROM jsonb_array_elements(items) i LOOP
    at := (item ->> 'now')::timestamptz;
    asked := authority.texts(item -> 'scopes');
    IF NOT authority.broker_stands(in_tenant, (item ->> 'grant')::uuid, (item ->> 'jti')::uuid, at) THEN
      answers := answers || '{"refused": "grant_revoked"}'::jsonb;
      CONTINUE;
    END IF;
    SELECT * INTO parent FROM authority.grants g WHERE g.tenant = in_tenant AND g.id = (item ->> 'grant')::uuid;
    reason := CASE WHEN parent.kind = 'control' THEN 'forbidden' WHEN parent.depth >= 5 THEN 'depth_exceeded'
      WHEN (item ->> 'malformed')::boolean OR NOT authority.scopes_within(asked, parent.scopes) THEN 'scope_exceeded' END;
    IF reason IS NULL THEN
      deputy := NULL;
      -- Of another app, released, revoked or never there: one answer.
      SELECT w.* INTO deputy FROM authority.workers w
        WHERE w.tenant = in_tenant AND w.spiffe = item ->> 'delegateTo' AND w.app = parent.app;
      reason := CASE WHEN deputy.principal_id IS NULL OR NOT authority.broker_alive(in_tenant, deputy.principal_id, deputy.grant_id, at) THEN 'not_found'
        WHEN deputy.principal_id = parent.actor THEN 'forbidden'
        WHEN EXISTS (SELECT FROM authority.broker_tokens t WHERE t.jti = (item ->> 'nextJti')::uuid) THEN 'jti_used' END;
    END IF;
    IF reason IS NOT NULL THEN
      answers := answers || jsonb_build_object('refused', reason);
      CONTINUE;
    END IF;
    view := authority.attenuate((item -> 'attenuate') || jsonb_build_object('tenant', in_tenant, 'parent', parent.id, 'actor', deputy.principal_id));
    INSERT INTO authority.broker_tokens (jti, tenant, grant_id, renewal, live)
      VALUES ((item ->> 'nextJti')::uuid, in_tenant, (view ->> 'id')::uuid, 0, true);
    entries := entries || (SELECT jsonb_agg(jsonb_set(e, '{event,about}', jsonb_build_array(deputy.principal_id)))
                           FROM jsonb_array_elements(item -> 'entries') e);
    answers := answers || jsonb_build_object('view', view, 'boundTo', CASE WHEN deputy.bound THEN encode(deputy.public_key, 'hex') END);
  END LOOP;
  PERFORM audit.submit_many(entries);
  RETURN to_jsonb(answers);
END $$;

-- ── Pruning ───────────────────────────────────────────────────────────────────────────────────────────────

-- Forgets whole trees of grants that ended long ago, with their records and tokens, then workers that nothing refers to
-- any more, spent nonces, and launch tokens that expired.
--
-- Guarantees: a bounded number of rows a call; a tree goes only when every grant of it ended before `ended_before`, which
-- is at least an hour ago by the database's own clock whatever is asked; grants that a session names stay with it.
-- Does not: touch the audit log, which keeps that it happened.
CREATE FUNCTION authority.prune_grants(ended_before timestamptz, max_rows integer) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
  edge timestamptz := least(ended_before, clock_timestamp() - interval '1 hour');
  in_tenant text;
  dead uuid[];
  ids uuid[];
  actors uuid[];
  gone uuid[];
  total integer := 0;
  n integer;
BEGIN
  -- A tree may be renewed until its root's `renew_until` unless it was revoked; its root outlives all below it.
  FOR in_tenant, dead IN SELECT r.tenant, array_agg(r.id) FROM (
      SELECT g.tenant, g.id FROM authority.grants g
      WHERE g.parent IS NULL AND g.expires_at < edge AND (g.renew_until < edge OR g.revoked_at < edge)
        AND NOT EXISTS (SELECT FROM authority.sessions s WHERE s.grant_id = g.id)
      ORDER BY g.expires_at LIMIT max_rows FOR UPDATE SKIP LOCKED) r GROUP BY r.tenant LOOP
    SELECT array_agg(g.id), array_agg(DISTINCT g.actor) INTO ids, actors FROM authority.grants g
      WHERE g.tenant = in_tenant AND g.root = ANY (dead);
    DELETE FROM authority.broker_tokens t WHERE t.tenant = in_tenant AND t.grant_id = ANY (ids);
    DELETE FROM authority.delegation_records d WHERE d.tenant = in_tenant AND d.grant_id = ANY (ids);
    DELETE FROM authority.grants g WHERE g.tenant = in_tenant AND g.id = ANY (ids);
    total := total + cardinality(ids);
    -- Only workers are made for one task; an agent that somebody registered stays.
    WITH w AS (DELETE FROM authority.workers w WHERE w.tenant = in_tenant AND w.principal_id = ANY (actors)
        AND NOT EXISTS (SELECT FROM authority.grants g WHERE g.tenant = in_tenant AND g.actor = w.principal_id) RETURNING w.principal_id)
      SELECT coalesce(array_agg(w.principal_id), '{}') INTO gone FROM w;
    DELETE FROM authority.principals p WHERE p.tenant = in_tenant AND p.id = ANY (gone);
    total := total + cardinality(gone);
  END LOOP;
  DELETE FROM authority.launch_tokens WHERE hash IN (
    SELECT l.hash FROM authority.launch_tokens l WHERE l.expires_at < clock_timestamp() - interval '1 minute' LIMIT max_rows);
  GET DIAGNOSTICS n = ROW_COUNT; total := total + n;
  -- The first six bytes are the milliseconds at which the nonce expires.
  DELETE FROM authority.used_nonces WHERE nonce IN (
    SELECT u.nonce FROM authority.used_nonces u
    WHERE u.nonce < (lpad(to_hex(floor(extract(epoch FROM clock_timestamp() - interval '5 minutes') * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
    ORDER BY u.nonce LIMIT max_rows);
  GET DIAGNOSTICS n = ROW_COUNT; total := total + n;
  DELETE FROM authority.app_secrets WHERE expires_at < clock_timestamp() - interval '1 hour';
  RETURN total;
END $$;

-- ── Privileges ────────────────────────────────────────────────────────────────────────────────────────────

REVOKE ALL ON FUNCTION authority.feed_append_many(text, text[], timestamptz[]), authority.hold_subtrees(text, uuid[]),
  authority.broker_stands(text, uuid, uuid, timestamptz), authority.broker_control(text, jsonb), authority.broker_launch(text, jsonb),
  authority.broker_register(text, jsonb), authority.broker_renew(text, jsonb), authority.broker_release(text, jsonb, text),
  authority.broker_delegate(text, jsonb), authority.broker_ids(jsonb, text), authority.broker_lists(jsonb, text),
  authority.broker_alive(text, uuid, uuid, timestamptz), authority.prune_grants(timestamptz, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION authority.feed_append_many(text, text[], timestamptz[]), authority.hold_subtrees(text, uuid[]),
  authority.broker_stands(text, uuid, uuid, timestamptz), authority.broker_control(text, jsonb), authority.broker_launch(text, jsonb),
  authority.broker_register(text, jsonb), authority.broker_renew(text, jsonb), authority.broker_release(text, jsonb, text),
  authority.broker_delegate(text, jsonb), authority.broker_ids(jsonb, text), authority.broker_lists(jsonb, text),
  authority.broker_alive(text, uuid, uuid, timestamptz), authority.prune_grants(timestamptz, integer) TO {{authority}};
GRANT EXECUTE ON FUNCTION audit.submit_many(jsonb) TO {{authority}};
GRANT SELECT, INSERT ON authority.apps, authority.workers, authority.broker_tokens, authority.used_nonces TO {{authority}};
GRANT UPDATE (token_ttl, require_transcript, updated_at, deregistered_at) ON authority.apps TO {{authority}};
GRANT SELECT, INSERT, DELETE ON authority.launch_tokens TO {{authority}};
-- Nobody updates one; locking a row asks for the privilege.
GRANT UPDATE (max_ttl) ON authority.launch_tokens TO {{authority}};
GRANT SELECT, INSERT, DELETE, UPDATE (expires_at) ON authority.app_secrets TO {{authority}};
GRANT UPDATE (live) ON authority.broker_tokens TO {{authority}};
