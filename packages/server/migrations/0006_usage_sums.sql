-- Sums are made of the ledger's own lines now (agent.usage_of_tenant).
drop function agent.usage_since(timestamptz);
