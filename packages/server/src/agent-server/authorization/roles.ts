/** The object of roles in a configuration, as its file has it: roles, and the scopes of each. */
import { z } from "zod";

const Scopes = z.array(
  z
    .string()
    .regex(
      /^(\*|[a-z][a-z0-9_]*:(\*|[a-z][a-z0-9_]*))$/,
      "a scope is `resource:action`, `resource:*` or `*`",
    ),
);
const RoleScopes = z.record(z.string().min(1).max(256), Scopes);

/**
 * `{ backend: "rbac", roles: { editor: ["graph:invoke"] }, default_scopes: [], isolation: "owner" }`. `type` stands for `backend`,
 * `role_scopes` for `roles`. A user with none of these roles has `default_scopes`, and without them nothing.
 */
export const RolesSetting = z
  .strictObject({
    backend: z.enum(["rbac", "role_based", "roles"]).optional(),
    type: z.enum(["rbac", "role_based", "roles"]).optional(),
    roles: RoleScopes.optional(),
    role_scopes: RoleScopes.optional(),
    default_scopes: Scopes.default([]),
    isolation: z.enum(["owner", "none"]).default("owner"),
  })
  .refine(({ backend, type }) => (backend === undefined) !== (type === undefined), {
    message: "say `backend` once (or `type`): `rbac`",
    path: ["backend"],
  })
  .refine(({ roles, role_scopes }) => (roles === undefined) !== (role_scopes === undefined), {
    message: "list the scopes of each role, once, in `roles`",
    path: ["roles"],
  })
  .transform(({ roles, role_scopes, default_scopes, isolation }) => ({
    roles: roles ?? role_scopes ?? {},
    defaultScopes: default_scopes,
    isolation,
  }));

export type RolesInput = z.input<typeof RolesSetting>;
