/**
 * `cnf` (RFC 7800): the key that a token is bound to. Only `jkt`, the thumbprint of a DPoP key (RFC 9449 §6.1), can be
 * checked here; any other `cnf` is refused, because passing it over would be a downgrade (SR-25).
 */
import { z } from "zod";

export const Confirmation = z.strictObject({ jkt: z.string().regex(/^[A-Za-z0-9_-]{43}$/) });
