/** What a tool does, from harmless to what a person must agree to. */
export const EFFECTS = ["read", "write", "sensitive"] as const;
export type Effect = (typeof EFFECTS)[number];
