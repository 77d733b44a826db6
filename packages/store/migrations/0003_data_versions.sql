-- Versions of data, so that whoever keeps an answer can tell whether what it was made of has changed since [SR-22].
--
-- Guarantees: a tracked table raises the version of (tenant, tag, owner of the row) in the very transaction that writes it,
-- whoever writes and by whatever way; a version that was read before the data is never newer than the data. Rows that are not
-- there have a version too, so an answer of "none" ends with the first insert. Raising never waits for another
-- transaction, so it can neither queue writers nor dead-lock them. {{app}} reads the versions of its sealed caller's own
-- rows and of nobody's rows, by one function, and can write none.
-- Does not: cover rows of others that a caller sees under a case, or sums over owners; a table may be tracked under a
-- second tag without an owner for those. Writers run READ COMMITTED, as all of ours do.

-- The tags that are tracked at all: one that nothing raises would keep its answers for ever.
CREATE TABLE deputize.data_tags (tag text PRIMARY KEY CHECK (tag ~ '^[a-z][a-z0-9_-]{0,63}$'));

-- A version is the sum over its slots. A writer takes a slot that no other transaction holds, or makes one.
CREATE TABLE deputize.data_versions (
  tenant text NOT NULL, -- '' where the table has none
  tag text NOT NULL REFERENCES deputize.data_tags (tag),
  owner uuid NOT NULL,  -- the nil UUID where the rows are nobody's
  slot uuid NOT NULL,
  version bigint NOT NULL,
  PRIMARY KEY (tenant, tag, owner, slot)
) WITH (fillfactor = 50);

CREATE FUNCTION deputize.raise_version_of(of_tenant text, of_tag text, of_owner uuid) RETURNS void
  LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  -- Counted from the clock, so that versions after a restore are none that were given out before it.
  at_least bigint := (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
  free uuid;
BEGIN
  SELECT v.slot INTO free FROM deputize.data_versions v
    WHERE (v.tenant, v.tag, v.owner) = (of_tenant, of_tag, of_owner) LIMIT 1 FOR UPDATE SKIP LOCKED;
  IF FOUND THEN
    UPDATE deputize.data_versions v SET version = greatest(v.version + 1, at_least)
      WHERE (v.tenant, v.tag, v.owner, v.slot) = (of_tenant, of_tag, of_owner, free);
  ELSE
    INSERT INTO deputize.data_versions (tenant, tag, owner, slot, version)
      VALUES (of_tenant, of_tag, of_owner, gen_random_uuid(), at_least);
  END IF;
END
$$;

-- The trigger of tracked tables. Arguments: tag, tenant column, owner column; the columns may be ''.
CREATE FUNCTION deputize.raise_version() RETURNS trigger
  LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  tenant_of text := CASE WHEN TG_ARGV[1] = '' THEN '''''' ELSE format('coalesce(%I, '''')', TG_ARGV[1]) END;
  owner_of text := format('coalesce(%s, %L::uuid)', CASE WHEN TG_ARGV[2] = '' THEN 'NULL::uuid' ELSE quote_ident(TG_ARGV[2]) END,
    '00000000-0000-0000-0000-000000000000');
  written text := CASE TG_OP WHEN 'INSERT' THEN 'TABLE after_rows' WHEN 'DELETE' THEN 'TABLE before_rows'
    ELSE 'TABLE before_rows UNION ALL TABLE after_rows' END;
  touched record;
BEGIN
  IF TG_OP = 'TRUNCATE' THEN
    FOR touched IN SELECT DISTINCT v.tenant, v.owner FROM deputize.data_versions v WHERE v.tag = TG_ARGV[0] LOOP
      PERFORM deputize.raise_version_of(touched.tenant, TG_ARGV[0], touched.owner);
    END LOOP;
    RETURN NULL;
  END IF;
  FOR touched IN EXECUTE format('SELECT DISTINCT %s AS tenant, %s AS owner FROM (%s) w', tenant_of, owner_of, written) LOOP
    PERFORM deputize.raise_version_of(touched.tenant, TG_ARGV[0], touched.owner);
  END LOOP;
  RETURN NULL;
END
$$;

-- For migrations: every write of `target` raises `tag`, for the tenant and the owner of each row that it touches. Leave a
-- column out (NULL) where the table has none.
CREATE FUNCTION deputize.track_versions(target regclass, tag text, tenant_column name, owner_column name) RETURNS void
  LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  call text := format('EXECUTE FUNCTION deputize.raise_version(%L, %L, %L)', tag, coalesce(tenant_column, ''), coalesce(owner_column, ''));
  event text;
  rows_of text;
  existing record;
BEGIN
  INSERT INTO deputize.data_tags (tag) VALUES (track_versions.tag) ON CONFLICT DO NOTHING;
  FOR event, rows_of IN VALUES ('INSERT', 'REFERENCING NEW TABLE AS after_rows'), ('DELETE', 'REFERENCING OLD TABLE AS before_rows'),
    ('UPDATE', 'REFERENCING OLD TABLE AS before_rows NEW TABLE AS after_rows'), ('TRUNCATE', '') LOOP
    EXECUTE format('CREATE TRIGGER %I AFTER %s ON %s %s FOR EACH STATEMENT %s',
      'raise_' || tag || '_on_' || lower(event), event, target, rows_of, call);
  END LOOP;
  -- Rows that are there already get a version, so that truncating them raises it.
  FOR existing IN EXECUTE format('SELECT DISTINCT %s AS tenant, %s AS owner FROM %s',
    CASE WHEN tenant_column IS NULL THEN '''''' ELSE format('coalesce(%I, '''')', tenant_column) END,
    CASE WHEN owner_column IS NULL THEN 'NULL::uuid' ELSE quote_ident(owner_column) END, target) LOOP
    PERFORM deputize.raise_version_of(existing.tenant, tag, coalesce(existing.owner, '00000000-0000-0000-0000-000000000000'));
  END LOOP;
END
$$;

-- The versions of these tags for the sealed caller, as text; a tag that nothing tracks is left out.
CREATE FUNCTION deputize.versions_of(tags text[]) RETURNS TABLE (tag text, version text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
  SELECT t.tag, coalesce(sum(v.version), 0)::text
  FROM deputize.data_tags t
    LEFT JOIN deputize.data_versions v ON v.tag = t.tag AND v.tenant IN ('', (SELECT deputize.tenant()))
      AND v.owner IN ('00000000-0000-0000-0000-000000000000', (SELECT deputize.subject()))
  WHERE t.tag = ANY (tags) GROUP BY t.tag
$$;

REVOKE ALL ON deputize.data_tags, deputize.data_versions FROM PUBLIC;
REVOKE ALL ON FUNCTION deputize.raise_version_of(text, text, uuid), deputize.raise_version(),
  deputize.track_versions(regclass, text, name, name), deputize.versions_of(text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION deputize.versions_of(text[]) TO {{app}};
