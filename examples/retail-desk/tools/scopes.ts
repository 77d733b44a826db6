/** What the desk's tools ask for, and what a customer holds. */
export const READ = "read:retail:*";
export const CHANGE = "change:retail:*";
export const CUSTOMER_SCOPES = [READ, CHANGE] as const;
