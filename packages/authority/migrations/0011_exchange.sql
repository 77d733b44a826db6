-- Token exchange in one call, many at once: permission, child and audit entry share a statement and a commit.
--
-- Guarantees: the permissions asked are those of the grant's own subject, whatever the caller of this function says; they are
-- held, with the path, until the commit (SR-10, SR-13). What is refused is a value, so that it leaves the others. Locks are
-- taken for all items first, in one order: permissions, principals, grants.
CREATE FUNCTION authority.exchange(in_tenant text, items jsonb) RETURNS jsonb
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
  answers jsonb[] := '{}';
  entries jsonb := '[]';
  item jsonb;
  at timestamptz;
  person uuid;
  agents uuid[];
  view jsonb;
BEGIN
  PERFORM FROM authority.agent_permissions ap WHERE ap.tenant = in_tenant AND (ap.person_id, ap.agent_id) IN (
    SELECT (i ->> 'subject')::uuid, a::uuid FROM jsonb_array_elements(items) i, jsonb_array_elements_text(i -> 'agents') a)
    ORDER BY ap.person_id, ap.agent_id FOR SHARE;
  PERFORM FROM authority.principals p WHERE p.tenant = in_tenant AND p.id IN (
    SELECT x::uuid FROM jsonb_array_elements(items) i, jsonb_array_elements_text(i -> 'principals') x) ORDER BY p.id FOR SHARE;
  PERFORM FROM authority.grants g WHERE g.tenant = in_tenant AND g.id IN (
    SELECT x::uuid FROM jsonb_array_elements(items) i, jsonb_array_elements_text(i -> 'path') x) ORDER BY g.depth, g.id FOR SHARE;
  FOR item IN SELECT i FROM jsonb_array_elements(items) i LOOP
    at := (item #>> '{attenuate,now}')::timestamptz;
    agents := authority.texts(item -> 'agents')::uuid[];
    -- An agent or app that acts for itself needs nobody's permission; its scopes are its own.
    SELECT g.subject INTO person FROM authority.grants g JOIN authority.principals p ON p.tenant = g.tenant AND p.id = g.subject
      WHERE g.tenant = in_tenant AND g.id = (item #>> '{attenuate,parent}')::uuid AND p.kind = 'user';
    IF person IS NOT NULL AND cardinality(agents) <> (
        SELECT count(*) FROM authority.agent_permissions ap
        WHERE ap.tenant = in_tenant AND ap.person_id = person AND ap.agent_id = ANY (agents)
          AND ap.revoked_at IS NULL AND (ap.expires_at IS NULL OR ap.expires_at > at)) THEN
      answers := answers || '{"refused": "permission"}'::jsonb;
      CONTINUE;
    END IF;
    BEGIN
      view := authority.attenuate((item -> 'attenuate') || jsonb_build_object('tenant', in_tenant));
      entries := entries || jsonb_set(item -> 'entry', '{event}', (item #> '{entry,event}') || jsonb_strip_nulls(jsonb_build_object(
        'subject', view -> 'subject', 'actors', view -> 'actors', 'grant', view -> 'id', 'grants', view -> 'path', 'task', view -> 'task',
        'detail', jsonb_build_object('kind', view -> 'kind', 'scopes', view -> 'scopes', 'audiences', view -> 'audiences',
          'expires', to_timestamp((view ->> 'expiresAt')::double precision / 1000)))));
      answers := answers || jsonb_build_object('view', view);
    EXCEPTION WHEN SQLSTATE 'DPA01' THEN
      answers := answers || jsonb_build_object('refused', SQLERRM);
    END;
  END LOOP;
  PERFORM audit.submit_many(entries);
  RETURN to_jsonb(answers);
END $$;

REVOKE ALL ON FUNCTION authority.exchange(text, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION authority.exchange(text, jsonb) TO {{authority}};
