-- Approvals (a person's yes to one exact call) and cases (a person's reason to see another's data). The app role
-- reads and writes neither table; it consumes an approval by one function, in the transaction of the effect, and
-- policies ask the other whom the caller may see [SR-03] [SR-04] [SR-15].

CREATE TABLE authority.approvals (
  id uuid PRIMARY KEY,
  tenant text NOT NULL,
  -- Bound to: for whom, who asked, which call, with what, as shown.
  subject uuid NOT NULL,
  actor uuid NOT NULL,
  agent text NOT NULL CHECK (length(agent) BETWEEN 1 AND 100),
  tool text NOT NULL CHECK (length(tool) BETWEEN 1 AND 200),
  call_id text NOT NULL CHECK (length(call_id) BETWEEN 1 AND 200),
  args_digest text NOT NULL CHECK (length(args_digest) BETWEEN 16 AND 128),
  preview_digest text NOT NULL CHECK (length(preview_digest) BETWEEN 16 AND 128),
  -- Shown to the person: redacted name, value, source.
  args jsonb NOT NULL CHECK (jsonb_typeof(args) = 'array'),
  preview jsonb,
  summary text NOT NULL CHECK (length(summary) BETWEEN 1 AND 2000),
  amount_cents bigint CHECK (amount_cents >= 0),
  kind text NOT NULL CHECK (kind IN ('owner', 'staff')),
  run_id text CHECK (length(run_id) <= 200),
  conversation_id text CHECK (length(conversation_id) <= 200),
  status text NOT NULL CHECK (status IN ('pending', 'approved', 'rejected', 'expired', 'executed', 'failed', 'superseded')),
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL CHECK (expires_at > created_at),
  decided_by uuid,
  decided_at timestamptz,
  decided_session uuid,
  note text CHECK (length(note) <= 1000),
  closed_at timestamptz,
  -- The transaction that spent it, so that its effect can show in SQL that it is the one agreed to.
  spent_in xid8,
  FOREIGN KEY (tenant, subject) REFERENCES authority.people (tenant, principal_id),
  FOREIGN KEY (tenant, actor) REFERENCES authority.principals (tenant, id),
  FOREIGN KEY (tenant, decided_session) REFERENCES authority.sessions (tenant, id),
  FOREIGN KEY (tenant, decided_by) REFERENCES authority.people (tenant, principal_id),
  -- Nothing runs that nobody decided, whoever writes the row.
  CHECK (status NOT IN ('approved', 'rejected', 'executed') OR (decided_by IS NOT NULL AND decided_at IS NOT NULL AND decided_session IS NOT NULL)),
  CHECK (kind <> 'staff' OR decided_by IS DISTINCT FROM subject),
  CHECK (kind <> 'owner' OR decided_by IS NULL OR decided_by = subject)
);
CREATE INDEX approvals_subject ON authority.approvals (tenant, subject, created_at DESC);
CREATE INDEX approvals_staff ON authority.approvals (tenant, created_at DESC) WHERE kind = 'staff';
CREATE INDEX approvals_open ON authority.approvals (expires_at) WHERE status IN ('pending', 'approved');
-- One open card for one exact call.
CREATE UNIQUE INDEX approvals_one_open ON authority.approvals (tenant, subject, actor, tool, call_id)
  WHERE status IN ('pending', 'approved');

GRANT SELECT, INSERT ON authority.approvals TO {{authority}};
GRANT UPDATE (status, expires_at, decided_by, decided_at, decided_session, note, closed_at) ON authority.approvals TO {{authority}};

-- Spends an approval in the transaction of its effect. Raises DP409 unless it is approved, unexpired, unspent, and
-- bound to exactly this caller, call and content. One answer for every reason, so that nothing is learned of others'.
CREATE FUNCTION authority.consume_approval(p_id uuid, p_call_id text, p_tool text, p_args_digest text, p_preview_digest text)
  RETURNS void
  LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  -- The row lock makes the second of two takers wait, and find the approval spent.
  UPDATE authority.approvals a SET status = 'executed', closed_at = clock_timestamp(), spent_in = pg_current_xact_id()
  WHERE a.id = p_id
    AND a.status = 'approved'
    AND a.expires_at > clock_timestamp()
    AND a.tenant = deputize.tenant()
    AND a.subject = deputize.subject()
    AND a.actor = deputize.actor()
    AND a.call_id = p_call_id
    AND a.tool = p_tool
    AND a.args_digest = p_args_digest
    AND a.preview_digest = p_preview_digest;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the approval does not fit this call, is spent, or has run out; ask again' USING ERRCODE = 'DP409';
  END IF;
END
$$;
REVOKE ALL ON FUNCTION authority.consume_approval(uuid, text, text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION authority.consume_approval(uuid, text, text, text, text) TO {{app}};

-- The other half: a definer function with an effect asks here, so that SQL which calls it without an approval, or with
-- one for another row or another version, changes nothing [SR-15]. Transaction ids do not come again in one database;
-- the time keeps one from before a restore out. Nobody but definer functions of the owner may ask.
CREATE OR REPLACE FUNCTION deputize.assert_approved(tool text, row_key text, row_version text) RETURNS void
  LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM FROM authority.approvals a
  WHERE a.spent_in = pg_current_xact_id()
    AND a.closed_at >= transaction_timestamp()
    AND a.status = 'executed'
    AND a.tenant = deputize.tenant()
    AND a.subject = deputize.subject()
    AND a.actor = deputize.actor()
    AND a.tool = assert_approved.tool
    AND a.preview->'rows'->>assert_approved.row_key = assert_approved.row_version;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no approval for this was spent here; ask the person first' USING ERRCODE = 'DP409';
  END IF;
END
$$;

CREATE TABLE authority.cases (
  id uuid PRIMARY KEY,
  tenant text NOT NULL,
  opened_by uuid NOT NULL,
  subject uuid NOT NULL,
  purpose text NOT NULL CHECK (length(purpose) BETWEEN 1 AND 500),
  resources text[] NOT NULL CHECK (cardinality(resources) BETWEEN 1 AND 20),
  session_id uuid NOT NULL,
  opened_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL CHECK (expires_at > opened_at),
  closed_at timestamptz,
  CHECK (opened_by <> subject),
  FOREIGN KEY (tenant, session_id) REFERENCES authority.sessions (tenant, id),
  FOREIGN KEY (tenant, opened_by) REFERENCES authority.people (tenant, principal_id),
  FOREIGN KEY (tenant, subject) REFERENCES authority.people (tenant, principal_id)
);
CREATE INDEX cases_open ON authority.cases (tenant, opened_by) WHERE closed_at IS NULL;

GRANT SELECT, INSERT ON authority.cases TO {{authority}};
GRANT UPDATE (closed_at) ON authority.cases TO {{authority}};

-- Whom the sealed caller may see for a resource: persons of cases that this person opened in the very session that
-- the caller's grant path starts from. A case does not reach another session, a mandate, or a person who is no
-- longer active staff.
CREATE OR REPLACE FUNCTION deputize.case_subjects(resource text) RETURNS uuid[]
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
  SELECT coalesce(array_agg(DISTINCT c.subject), '{}'::uuid[])
  FROM authority.cases c
  JOIN authority.sessions s ON s.id = c.session_id AND s.principal_id = c.opened_by
  JOIN authority.people p ON p.principal_id = c.opened_by AND p.tenant = c.tenant AND p.role = 'admin'
  JOIN authority.principals pr ON pr.tenant = c.tenant AND pr.id = c.opened_by AND pr.state = 'active'
  WHERE c.opened_by = deputize.subject()
    AND c.tenant = deputize.tenant()
    AND c.closed_at IS NULL
    AND c.expires_at > clock_timestamp()
    AND resource = ANY (c.resources)
    AND s.revoked_at IS NULL
    AND s.expires_at > clock_timestamp()
    AND deputize.sealed()->'grs' ? s.grant_id::text
$$;
