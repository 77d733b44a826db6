/** Whose rows an identity's are: the tenant, and the id that issuer and user make (SR-09). */
import type { PrincipalId } from "@deputize/core";
import { externalSubject } from "@deputize/mcp/auth";
import type { Identity } from "./authenticator.ts";

/** Enough of an identity to own something. */
export type OwnerRef = Pick<Identity, "issuer" | "userId" | "tenantId">;

export interface RowOwner {
  readonly tenant: string;
  readonly person: PrincipalId;
}

export function rowOwner({ issuer, userId, tenantId = "default" }: OwnerRef): RowOwner {
  return { tenant: tenantId, person: externalSubject(issuer, userId) };
}
