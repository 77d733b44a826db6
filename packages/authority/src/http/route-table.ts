/**
 * The authority's routes beside the broker protocol: people, approvals, cases, mandates, agents, OAuth, the revocation feed. The
 * schemas are those that the handlers parse with.
 */
import type { RouteDoc } from "@deputize/client";
import { AGENT_ROUTES } from "./agent-route-table.ts";
import * as answers from "./answers.ts";
import { ApprovalQuery, DecideBody } from "./approvals.ts";
import { OpenCaseBody } from "./cases.ts";
import { MandateBody } from "./mandates.ts";
import { TokenForm, TokenOnlyForm } from "./oauth-routes.ts";
import { LoginBody, RefreshBody, SignUpBody } from "./people.ts";
import { CheckBody, FeedQuery, PingQuery } from "./revocation-routes.ts";

const SIGNING_IN: readonly RouteDoc[] = [
  {
    method: "POST",
    path: "/api/auth/login",
    group: "Signing in",
    summary:
      "Sign in with e-mail and password. With header `X-Deputize-Client: browser`: cookies and no token.",
    access: "public",
    body: LoginBody,
    answer: answers.Tokens,
  },
  {
    method: "POST",
    path: "/api/auth/signup",
    group: "Signing in",
    summary: "Make an account. Answers the same for known and new addresses.",
    access: "public",
    body: SignUpBody,
    status: 202,
  },
  {
    method: "POST",
    path: "/api/auth/refresh",
    group: "Signing in",
    summary: "Trade a refresh token for the next pair; each works once.",
    access: "public",
    body: RefreshBody,
    answer: answers.Tokens,
  },
  {
    method: "POST",
    path: "/api/auth/logout",
    group: "Signing in",
    summary: "End the session, and everything made from it. The body may name it by its refresh token.",
    access: "signed in",
    body: RefreshBody.partial(),
    status: 204,
  },
  {
    method: "POST",
    path: "/api/auth/logout-all",
    group: "Signing in",
    summary: "End all sessions of the person.",
    access: "own session",
    status: 204,
  },
  {
    method: "GET",
    path: "/api/auth/session",
    group: "Signing in",
    summary: "Who is signed in; `user` is null for nobody.",
    access: "signed in",
    answer: answers.SessionAnswer,
  },
  {
    method: "GET",
    path: "/api/sessions",
    group: "Signing in",
    summary: "The person's sessions.",
    access: "own session",
    answer: answers.SessionList,
  },
  {
    method: "DELETE",
    path: "/api/sessions/{id}",
    group: "Signing in",
    summary: "End one session.",
    access: "own session",
    status: 204,
  },
];

const DECISIONS: readonly RouteDoc[] = [
  {
    method: "GET",
    path: "/api/approvals",
    group: "Approvals",
    summary: "Own approvals, newest first.",
    access: "signed in",
    query: ApprovalQuery,
    answer: answers.ApprovalList,
  },
  {
    method: "GET",
    path: "/api/approvals/{id}",
    group: "Approvals",
    summary: "One approval.",
    access: "signed in",
    answer: answers.Approval,
  },
  {
    method: "POST",
    path: "/api/approvals/{id}/decide",
    group: "Approvals",
    summary: "Decide, and let the turn go on. Agents and exchanged tokens get 403.",
    access: "own session",
    body: DecideBody,
    answer: answers.DecideAnswer,
  },
  {
    method: "POST",
    path: "/api/cases",
    group: "Staff",
    summary: "Open a case: see one person's data, for a purpose, for half an hour.",
    access: "own session",
    body: OpenCaseBody,
    answer: answers.Case,
    status: 201,
  },
  {
    method: "GET",
    path: "/api/cases",
    group: "Staff",
    summary: "Own cases.",
    access: "signed in",
    answer: answers.CaseList,
  },
  {
    method: "DELETE",
    path: "/api/cases/{id}",
    group: "Staff",
    summary: "Close a case.",
    access: "own session",
    status: 204,
  },
];

const MANDATES: readonly RouteDoc[] = [
  {
    method: "POST",
    path: "/api/mandates",
    group: "Mandates",
    summary:
      "Let an agent do exact things while you are away, for 90 days at most. Agents and exchanged tokens get 403.",
    access: "own session",
    body: MandateBody,
    answer: answers.Mandate,
    status: 201,
  },
  {
    method: "GET",
    path: "/api/mandates",
    group: "Mandates",
    summary: "Own mandates, newest first, with those that ended.",
    access: "signed in",
    answer: answers.MandateList,
  },
  {
    method: "GET",
    path: "/api/mandates/{id}",
    group: "Mandates",
    summary: "One mandate.",
    access: "signed in",
    answer: answers.Mandate,
  },
  {
    method: "POST",
    path: "/api/mandates/{id}/stop",
    group: "Mandates",
    summary: "End a mandate and all that was made of it, at once. Agents and exchanged tokens get 403.",
    access: "own session",
    answer: answers.Mandate,
  },
];

/** OAuth, the revocation feed, and the documents that verifiers read. */
const TOKENS: readonly RouteDoc[] = [
  {
    method: "POST",
    path: "/oauth/token",
    group: "Authority",
    summary:
      "Token exchange (RFC 8693), client credentials (with `mandate_id`: under that mandate), refresh.",
    access: "client",
    form: TokenForm,
    answer: answers.TokenAnswer,
  },
  {
    method: "POST",
    path: "/oauth/introspect",
    group: "Authority",
    summary: "What a token is (RFC 7662).",
    access: "client",
    form: TokenOnlyForm,
    answer: answers.IntrospectAnswer,
  },
  {
    method: "POST",
    path: "/oauth/revoke",
    group: "Authority",
    summary: "End a token and what was made from it (RFC 7009). Holding it is enough.",
    access: "public",
    form: TokenOnlyForm,
  },
  {
    method: "GET",
    path: "/authority/revocations",
    group: "Authority",
    summary: "The revocation feed, as JSON or, with `Accept: text/event-stream`, as events.",
    access: "public",
    query: FeedQuery,
  },
  {
    method: "GET",
    path: "/authority/revocations/ping",
    group: "Authority",
    summary:
      "The feed's epoch and position now, for verifiers that measure their own age. A nonce comes back.",
    access: "public",
    query: PingQuery,
    answer: answers.PingAnswer,
  },
  {
    method: "POST",
    path: "/authority/check",
    group: "Authority",
    summary: "Does this token stand? For verifiers whose feed is old.",
    access: "public",
    body: CheckBody,
    answer: answers.CheckAnswer,
  },
  {
    method: "GET",
    path: "/.well-known/jwks.json",
    group: "Authority",
    summary: "The keys that sign tokens (RFC 7517).",
    access: "public",
    answer: answers.JwkSet,
  },
  {
    method: "GET",
    path: "/.well-known/oauth-authorization-server",
    group: "Authority",
    summary: "The authority's metadata (RFC 8414).",
    access: "public",
    answer: answers.Metadata,
  },
  {
    method: "GET",
    path: "/.well-known/openid-configuration",
    group: "Authority",
    summary: "The same for clients that look for OpenID Connect discovery.",
    access: "public",
    answer: answers.Metadata,
  },
];

/** Everything that `Authority.routes` serves. */
export const AUTHORITY_ROUTES: readonly RouteDoc[] = [
  ...SIGNING_IN,
  ...DECISIONS,
  ...MANDATES,
  ...AGENT_ROUTES,
  ...TOKENS,
];
