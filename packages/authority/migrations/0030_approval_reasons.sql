-- Why a person is asked: sentences, and for each argument of the call where its value came from. Shown on the card, and never
-- decided by [SR-06].
ALTER TABLE authority.approvals ADD COLUMN because jsonb CHECK (jsonb_typeof(because) = 'array');
