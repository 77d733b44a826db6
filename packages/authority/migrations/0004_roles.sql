-- Tokens carry the role that a person has at the moment of signing.
CREATE OR REPLACE FUNCTION authority.roles_of(in_tenant text, in_principal uuid) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce((SELECT ARRAY[p.role] FROM authority.people p WHERE p.tenant = in_tenant AND p.principal_id = in_principal), '{}')
$$;
