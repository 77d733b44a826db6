-- In PL/pgSQL, as the other helpers, whose plans live as long as the connection; a function in SQL is planned anew by
-- each statement that calls it.
CREATE OR REPLACE FUNCTION authority.roles_of(in_tenant text, in_principal uuid) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$ BEGIN
  RETURN coalesce((SELECT ARRAY[p.role] FROM authority.people p WHERE p.tenant = in_tenant AND p.principal_id = in_principal), '{}');
END $$;
