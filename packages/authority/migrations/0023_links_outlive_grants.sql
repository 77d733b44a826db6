-- A link stays when its ended grant is forgotten: it is what remembers that the credential was linked once, so that one that
-- was taken back, and never ends by itself, is not given a new grant. Referring to the grant it kept all grants from
-- being forgotten; a link whose grant is gone is one that does not live.
ALTER TABLE authority.linked_grants DROP CONSTRAINT linked_grants_tenant_grant_id_fkey;
