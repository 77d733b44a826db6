/** The settings `auth` and `authorization` of a project: who may come in, and what they may do. */
import { z } from "zod";
import { address, codePlace, count, either, names, settings, word } from "./setting.ts";

const roleList = settings({
  /** Roles of the issuer that count under their own name. */
  allow: names.optional(),
  /** Roles of the issuer, each with the name that it has here. */
  map: z.record(z.string().min(1).max(256), z.string().min(1).max(256)).optional(),
});

/** What each way in may say of its users here. */
const policy = {
  roles: roleList.optional(),
  tenant: z.string().min(1).max(64).optional(),
  tenants: names.optional(),
};

const claimPath = either("is the name of a claim, or a list of the names on the way to it", [
  z.string().min(1).max(256),
  names.min(1),
]);

const jwt = settings({
  method: z.literal("jwt"),
  required_claims: either("is a list of claims, or an object of claims and their values", [
    names,
    z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  ]).optional(),
  leeway_seconds: count(0, 60).optional(),
  types: names.min(1).optional(),
  roles_at: claimPath.optional(),
  tenant_at: claimPath.optional(),
  ...policy,
}).refine(({ tenants, tenant_at: at }) => tenants === undefined || at !== undefined, {
  error:
    "needs `tenant_at`, the claim that names the tenant: without it users of all `tenants` would be in one",
});

const custom = settings({
  method: z.literal("custom"),
  /** An `Authenticator`, a class of one, or a function that makes one. */
  path: codePlace,
  ...policy,
});

const deputize = settings({
  method: z.literal("deputize"),
  /** Where the authority is, which is the issuer of its tokens. */
  issuer: address("https:", "http:"),
  /** The audience that tokens for this server name. */
  audience: z.string().min(1).max(512),
  /** The issuer of workers' tokens, `agentwrit` unless the authority was told another; without it workers do not come in. */
  workers: z.string().min(1).max(512).optional(),
  ...policy,
});

const METHODS = z.discriminatedUnion("method", [jwt, custom, deputize], {
  error: ({ code }) => (code === "invalid_union" ? 'is one of "jwt", "custom", "deputize"' : undefined),
});

const JWT = z.literal("jwt");
const SAYS = 'is "jwt" or { "method": … }, and no other word exists';
const WAY_IN = either(SAYS, [JWT, METHODS]);

/** `null`, one way in, or several that are asked in order. There is no other word than `"jwt"` (AF-D01). */
export const AuthSetting = either(`is null, a way in, or a list of ways in; a way in ${SAYS}`, [
  z.null(),
  JWT,
  METHODS,
  z.array(WAY_IN).min(1, { error: "is null where there is no way in; an empty list is none" }).max(8),
]);

const scope = z.string().regex(/^(?:\*|[a-z][a-z_]*:(?:\*|[a-z][a-z_]*))$/, {
  error: "is a scope such as `graph:invoke`, `threads:*` or `*`",
});
const scopes = z.array(scope).max(256);
const roleScopes = z.record(z.string().min(1).max(256), scopes);
const RBAC = word("rbac", "role_based", "roles");

const roles = settings({
  backend: RBAC.optional(),
  /** Another name of `backend`. */
  type: RBAC.optional(),
  roles: roleScopes.optional(),
  /** Another name of `roles`. */
  role_scopes: roleScopes.optional(),
  /** What everybody may who came in. Nothing unless set. */
  default_scopes: scopes.optional(),
  isolation: word("owner", "none").optional(),
})
  .refine((it) => it.backend !== undefined || it.type !== undefined, { error: 'needs `"backend": "rbac"`' })
  .refine((it) => it.backend === undefined || it.type === undefined, {
    error: "`backend` and `type` are one thing; give one of them",
  })
  .refine((it) => (it.roles === undefined) !== (it.role_scopes === undefined), {
    error: "needs `roles`, or `role_scopes`, one of both",
  });

const WORDS = ["ownership", "default", "allow_all", "none"] as const;

/** `null` is ownership whenever `auth` is on. */
export const AuthorizationSetting = either(
  'is null, "ownership", "allow_all", code such as `./auth/rules.ts#rules`, or { "backend": "rbac", … }',
  [z.null(), z.enum(WORDS), codePlace, roles],
  WORDS,
);

export type AuthSetting = z.output<typeof AuthSetting>;
export type WayIn = z.output<typeof WAY_IN>;
export type RolesSetting = z.output<typeof roles>;
