/**
 * The bodies of the agents' routes, parsed once at the edge. Unknown fields are refused. The documentation is made from
 * these too.
 */
import { z } from "zod";
import { PAGE_MAX } from "../agents/agent-rows.ts";
import { KEY_LIMITS } from "../agents/api-keys.ts";
import { emailSchema } from "../people/email.ts";
import { nameSchema } from "../people/person.ts";

const AgentName = nameSchema.max(100);
/** A scope, or short for one: `read_weather` is `read:weather:*`. */
const Permission = z.string().min(1).max(200);
/** RFC 3339, as epoch milliseconds. */
const Moment = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));
const Token = z.string().min(1).max(8192);

export const RegisterAgentBody = z.strictObject({ agent_name: AgentName, owner_email: emailSchema });
export const RegisteredAgent = z.object({
  agent_id: z.uuid(),
  api_key: z.string(),
  key_id: z.uuid(),
  expires_at: z.iso.datetime(),
});

export const AgentLoginBody = z.strictObject({
  api_key: z.string().min(1).max(200),
  /** For whom the token is; the API unless told. */
  audience: z.string().min(1).max(2000).optional(),
  /** Permissions, with blanks between; all that the agent holds unless told. */
  scope: z.string().min(1).max(4096).optional(),
});
export const AgentTokens = z.object({
  access_token: z.string(),
  token_type: z.literal("bearer"),
  expires_in: z.int(),
  refresh_token: z.string(),
  scope: z.string(),
});
export const AgentRefreshBody = z.strictObject({ refresh_token: z.string().min(1).max(200) });
export const AgentTokenBody = z.strictObject({ token: Token });
export const AgentIntrospection = z.object({ active: z.boolean() });

export const AgentListQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(PAGE_MAX).optional(),
  cursor: z.uuid().optional(),
});
export const AgentShape = z.object({
  agent_id: z.uuid(),
  agent_name: z.string(),
  owner_email: z.string().optional(),
  confirmed: z.boolean(),
  status: z.enum(["active", "suspended"]),
  created: z.iso.datetime(),
  permissions: z.array(z.string()),
  roles: z.array(z.string()),
});
export const AgentList = z.object({ agents: z.array(AgentShape), next: z.uuid().optional() });
export const ChangeAgentBody = z
  .strictObject({ status: z.enum(["active", "suspended"]).optional(), agent_name: AgentName.optional() })
  .refine((body) => body.status !== undefined || body.agent_name !== undefined, {
    error: "name `status` or `agent_name`",
  });

export const AddPermissionBody = z.strictObject({ permission: Permission, expires_at: Moment.optional() });
export const SetPermissionsBody = z.strictObject({
  permissions: z
    .array(
      z.union([
        Permission.transform((permission) => ({ permission, expires_at: undefined })),
        z.strictObject({ permission: Permission, expires_at: Moment.optional() }),
      ]),
    )
    .max(50),
  roles: z.array(z.string().min(1).max(64)).max(20).optional(),
});
export const PermissionsShape = z.object({
  permissions: z.array(
    z.object({
      permission: z.string(),
      granted_by: z.uuid(),
      granted: z.iso.datetime(),
      expires: z.iso.datetime().optional(),
    }),
  ),
  roles: z.array(z.string()),
  effective: z.array(z.string()),
});

export const NewKeyBody = z.strictObject({
  scopes: z.array(Permission).min(1).max(50).optional(),
  expires_at: Moment.optional(),
});
export const RotateKeyBody = z
  .strictObject({
    /** How long both keys work; an hour unless told. */
    overlap_seconds: z.int().min(0).max(KEY_LIMITS.overlapSeconds).optional(),
    /** When the new key begins; now unless told. */
    at: Moment.optional(),
    /** The old key ends now, with its tokens, as after a leak. */
    forced: z.boolean().default(false),
  })
  .refine((body) => !body.forced || (body.overlap_seconds === undefined && body.at === undefined), {
    error: "`forced` ends the old key now: name no `at` and no `overlap_seconds`",
  });
export const NewKeyShape = z.object({
  key_id: z.uuid(),
  api_key: z.string(),
  expires_at: z.iso.datetime(),
});
export const KeyList = z.object({
  keys: z.array(
    z.object({
      key_id: z.uuid(),
      created: z.iso.datetime(),
      scopes: z.array(z.string()).optional(),
      not_before: z.iso.datetime().optional(),
      last_used: z.iso.datetime().optional(),
      expires: z.iso.datetime().optional(),
      revoked: z.iso.datetime().optional(),
      replaced_by: z.uuid().optional(),
    }),
  ),
});
