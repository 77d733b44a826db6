-- What the authority knows of a person, for the job that erases or exports them.
--
-- Guarantees: only a person who can do nothing any more is erased here, so no sign-in, key or approval goes away under a living
-- token. Grants, delegation records and the feed hold ids and stay: what was done under them is still explained. {{authority}}
-- still deletes nothing of its own [SR-03].
ALTER TABLE authority.people ADD COLUMN erased_at timestamptz;

-- Removes what is personal; how many rows it touched. Repeatable.
CREATE FUNCTION authority.forget_person(in_tenant text, in_person uuid, at timestamptz) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  address text;
  agents uuid[];
  claimed uuid[];
  signed_in uuid[];
  n integer;
  total integer := 0;
BEGIN
  SELECT p.email INTO address FROM authority.people p WHERE p.tenant = in_tenant AND p.principal_id = in_person FOR UPDATE;
  SELECT coalesce(array_agg(a.principal_id), '{}') INTO agents FROM authority.agents a
    WHERE a.tenant = in_tenant AND a.owner_id = in_person AND NOT a.built_in;
  -- What a stranger registered for this address, and nobody confirmed.
  SELECT coalesce(array_agg(a.principal_id), '{}') INTO claimed FROM authority.agents a
    WHERE a.tenant = in_tenant AND a.owner_id IS NULL AND NOT a.built_in AND a.owner_email = address;
  IF address IS NULL OR EXISTS (SELECT FROM authority.principals q
      WHERE q.tenant = in_tenant AND q.id = ANY (in_person || agents || claimed) AND q.state = 'active') THEN
    RAISE EXCEPTION 'only who can do nothing any more is erased' USING ERRCODE = 'check_violation';
  END IF;
  agents := agents || claimed;

  DELETE FROM authority.passwords p WHERE p.tenant = in_tenant AND p.principal_id = in_person;
  GET DIAGNOSTICS n = ROW_COUNT; total := total + n;
  DELETE FROM authority.agent_permissions p WHERE p.tenant = in_tenant AND p.person_id = in_person;
  GET DIAGNOSTICS n = ROW_COUNT; total := total + n;
  DELETE FROM authority.mandates m WHERE m.tenant = in_tenant AND m.person = in_person;
  GET DIAGNOSTICS n = ROW_COUNT; total := total + n;
  DELETE FROM authority.linked_grants l WHERE l.tenant = in_tenant AND l.subject = in_person;
  GET DIAGNOSTICS n = ROW_COUNT; total := total + n;
  DELETE FROM authority.approvals a WHERE a.tenant = in_tenant AND a.subject = in_person;
  GET DIAGNOSTICS n = ROW_COUNT; total := total + n;
  -- What they said when they decided for others.
  UPDATE authority.approvals a SET note = NULL WHERE a.tenant = in_tenant AND a.decided_by = in_person AND a.note IS NOT NULL;
  GET DIAGNOSTICS n = ROW_COUNT; total := total + n;
  DELETE FROM authority.cases c WHERE c.tenant = in_tenant AND in_person IN (c.subject, c.opened_by);
  GET DIAGNOSTICS n = ROW_COUNT; total := total + n;

  SELECT coalesce(array_agg(s.id), '{}') INTO signed_in FROM authority.sessions s
    WHERE s.tenant = in_tenant AND s.principal_id = ANY (in_person || agents);
  DELETE FROM authority.refresh_tokens r WHERE r.tenant = in_tenant AND r.session_id = ANY (signed_in);
  GET DIAGNOSTICS n = ROW_COUNT; total := total + n;
  DELETE FROM authority.sessions s WHERE s.id = ANY (signed_in)
    AND NOT EXISTS (SELECT FROM authority.approvals a WHERE a.tenant = in_tenant AND a.decided_session = s.id);
  GET DIAGNOSTICS n = ROW_COUNT; total := total + n;
  -- In these they decided for somebody else, whose approval says so.
  UPDATE authority.sessions s SET user_agent = NULL,
      cookie_hash = CASE WHEN s.kind = 'browser' THEN sha256(uuid_send(gen_random_uuid())) END
    WHERE s.id = ANY (signed_in);
  UPDATE authority.api_keys k SET replaced_by = NULL WHERE k.tenant = in_tenant AND k.principal_id = ANY (agents);
  DELETE FROM authority.api_keys k WHERE k.tenant = in_tenant AND k.principal_id = ANY (agents);
  GET DIAGNOSTICS n = ROW_COUNT; total := total + n;

  UPDATE authority.agents a SET name = 'erased', owner_email = NULL, deleted_at = coalesce(a.deleted_at, at)
    WHERE a.tenant = in_tenant AND a.principal_id = ANY (agents) AND (a.name <> 'erased' OR a.owner_email IS NOT NULL);
  GET DIAGNOSTICS n = ROW_COUNT; total := total + n;
  UPDATE authority.people p SET email = in_person || '@erased.invalid', name = 'erased', role = 'customer',
      address_vouched = false, erased_at = at, updated_at = at
    WHERE p.tenant = in_tenant AND p.principal_id = in_person AND p.erased_at IS NULL;
  GET DIAGNOSTICS n = ROW_COUNT; total := total + n;
  UPDATE authority.principals q SET name = 'erased'
    WHERE q.tenant = in_tenant AND q.id = ANY (in_person || agents) AND q.name <> 'erased';
  GET DIAGNOSTICS n = ROW_COUNT;
  RETURN total + n;
END $$;
REVOKE ALL ON FUNCTION authority.forget_person(text, uuid, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION authority.forget_person(text, uuid, timestamptz) TO {{authority}};

-- In the order of `key`, from after the given one. Nothing that proves who somebody is, and of others nothing.
CREATE FUNCTION authority.person_rows(of_tenant text, of_person uuid, after text, max_rows integer)
RETURNS TABLE (key text, section text, body jsonb)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY SELECT r.* FROM (
    SELECT 'agents/' || a.principal_id, 'agents', jsonb_build_object('id', a.principal_id, 'name', a.name,
        'owner_email', a.owner_email, 'created', a.created_at, 'deleted', a.deleted_at)
      FROM authority.agents a WHERE a.tenant = of_tenant AND a.owner_id = of_person
    UNION ALL
    SELECT 'api_keys/' || k.id, 'api_keys', to_jsonb(k) - '{tenant,hash}'::text[]
      FROM authority.api_keys k JOIN authority.agents a ON a.tenant = k.tenant AND a.principal_id = k.principal_id
      WHERE a.tenant = of_tenant AND a.owner_id = of_person
    UNION ALL
    SELECT 'approvals/' || a.id, 'approvals',
        to_jsonb(a) - '{tenant,decided_by,decided_session,spent_in,args_digest,preview_digest}'::text[]
        -- A member of staff wrote it.
        - CASE WHEN a.decided_by IS DISTINCT FROM of_person THEN 'note' ELSE '' END
      FROM authority.approvals a WHERE a.tenant = of_tenant AND a.subject = of_person
    UNION ALL
    SELECT 'cases/' || c.id, 'cases', to_jsonb(c) - '{tenant,opened_by,session_id}'::text[]
      FROM authority.cases c WHERE c.tenant = of_tenant AND c.subject = of_person
    UNION ALL
    SELECT 'linked_credentials/' || encode(l.credential, 'hex'), 'linked_credentials',
        jsonb_build_object('grant', l.grant_id, 'ends', l.credential_ends)
      FROM authority.linked_grants l WHERE l.tenant = of_tenant AND l.subject = of_person
    UNION ALL
    SELECT 'mandates/' || m.id, 'mandates', to_jsonb(m) - '{tenant,person}'::text[]
      FROM authority.mandates m WHERE m.tenant = of_tenant AND m.person = of_person
    UNION ALL
    SELECT 'permissions/' || p.agent_id, 'permissions', to_jsonb(p) - '{tenant,person_id,granted_by}'::text[]
      FROM authority.agent_permissions p WHERE p.tenant = of_tenant AND p.person_id = of_person
    UNION ALL
    SELECT 'person', 'person', to_jsonb(p) - 'tenant'
      FROM authority.people p WHERE p.tenant = of_tenant AND p.principal_id = of_person
    UNION ALL
    SELECT 'sessions/' || s.id, 'sessions', jsonb_build_object('id', s.id, 'kind', s.kind, 'user_agent', s.user_agent,
        'created', s.created_at, 'last_used', s.last_used_at, 'expires', s.expires_at, 'ended', s.revoked_at)
      FROM authority.sessions s WHERE s.tenant = of_tenant AND s.principal_id = of_person
  ) r (key, section, body) WHERE r.key > after COLLATE "C" ORDER BY r.key COLLATE "C" LIMIT max_rows;
END $$;
REVOKE ALL ON FUNCTION authority.person_rows(text, uuid, text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION authority.person_rows(text, uuid, text, integer) TO {{authority}};
