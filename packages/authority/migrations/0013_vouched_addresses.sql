-- Whose address somebody else vouches for: an operator, the seeder, whoever gave the person a role. An address that was typed
-- at sign-up proves nothing, and gives no agent that was registered for it into the person's hands.

ALTER TABLE authority.people ADD COLUMN address_vouched boolean NOT NULL DEFAULT false;
UPDATE authority.people SET address_vouched = true WHERE role <> 'customer';
