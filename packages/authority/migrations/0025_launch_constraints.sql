-- A launch token may promise limits on the arguments of tools, beside its scopes: every worker that it launches holds them, and so
-- does whoever that worker delegates to. Both functions are as before but for that.
ALTER TABLE authority.launch_tokens
  ADD COLUMN constraints jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(constraints) = 'object');

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
      INSERT INTO authority.launch_tokens (hash, tenant, app, agent_name, allowed, max_ttl, single_use, constraints, created_by, created_at, expires_at)
        VALUES (decode(item ->> 'hash', 'hex'), in_tenant, seen.app, item ->> 'agentName', asked, (item ->> 'maxTtl')::integer,
                (item ->> 'singleUse')::boolean, coalesce(item -> 'constraints', '{}'), (item ->> 'by')::uuid, at, (item ->> 'expires')::timestamptz);
      entries := entries || (item -> 'entries');
      answers := answers || '{}'::jsonb;
    END IF;
  END LOOP;
  PERFORM audit.submit_many(entries);
  RETURN to_jsonb(answers);
END $$;

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
    SELECT l.hash, l.app, l.agent_name, l.allowed, l.max_ttl, l.single_use, l.constraints, p.state, p.ceiling, p.epoch,
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
    made.constraints := seen.constraints;
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
