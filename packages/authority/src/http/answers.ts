/** What the authority's routes answer, as schemas for its documentation. Nothing is parsed with these at run time. */
import { z } from "zod";
import { APPROVAL_STATUSES } from "../approvals/approval.ts";
import { ROLES } from "../people/person.ts";

const id = z.uuid();
const instant = z.iso.datetime({ offset: true });

export const User = z.strictObject({ id, email: z.string(), name: z.string(), role: z.enum(ROLES) });

export const Tokens = z.strictObject({
  access_token: z.string(),
  refresh_token: z.string(),
  token_type: z.literal("Bearer"),
  expires_in: z.int(),
  user: User,
});

/** The composer adds members of its own, such as the shop's model. */
export const SessionAnswer = z.looseObject({ user: User.nullable(), csrf_token: z.string().optional() });

export const SessionList = z.strictObject({
  sessions: z.array(
    z.strictObject({
      id,
      user_agent: z.string(),
      created: instant,
      last_used: instant,
      current: z.boolean(),
    }),
  ),
});

export const Approval = z.strictObject({
  id,
  tool: z.string(),
  agent: z.string(),
  summary: z.string(),
  arguments: z.array(
    z.strictObject({ name: z.string(), value: z.string(), source: z.enum(["you", "your data", "other"]) }),
  ),
  amount: z.int().optional(),
  status: z.enum(APPROVAL_STATUSES),
  expires: instant,
  created: instant,
  conversation_id: z.string().optional(),
});
export const ApprovalList = z.strictObject({ approvals: z.array(Approval) });
export const DecideAnswer = z.looseObject({ approval: Approval });

export const Case = z.strictObject({
  id,
  subject: z.strictObject({ id, email: z.string(), name: z.string() }),
  purpose: z.string(),
  resources: z.array(z.string()),
  opened: instant,
  expires: instant,
  closed: instant.optional(),
});
export const CaseList = z.strictObject({ cases: z.array(Case) });

export const Mandate = z.strictObject({
  id,
  agent: z.strictObject({ id, name: z.string() }),
  purpose: z.string(),
  tools: z.array(z.string()),
  audiences: z.array(z.string()),
  scopes: z.array(z.string()),
  constraints: z.record(z.string(), z.unknown()).optional(),
  status: z.enum(["active", "expired", "ended"]),
  made: instant,
  expires: instant,
  ended: instant.optional(),
  reason: z.string().optional(),
});
export const MandateList = z.strictObject({ mandates: z.array(Mandate) });

export const TokenAnswer = z.looseObject({
  access_token: z.string(),
  token_type: z.literal("Bearer"),
  expires_in: z.int(),
  scope: z.string(),
  issued_token_type: z.string().optional(),
  refresh_token: z.string().optional(),
});
export const IntrospectAnswer = z.looseObject({ active: z.boolean() });
export const CheckAnswer = z.strictObject({ active: z.boolean() });
export const PingAnswer = z.looseObject({ epoch: z.string(), position: z.int() });

export const JwkSet = z.looseObject({
  keys: z.array(z.looseObject({ kty: z.string(), kid: z.string(), alg: z.string().optional() })),
});
export const Metadata = z.looseObject({
  issuer: z.string(),
  token_endpoint: z.string(),
  jwks_uri: z.string(),
});
