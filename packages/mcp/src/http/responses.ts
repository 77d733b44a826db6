/**
 * Answers of the HTTP edge: RFC 9457 problems, RFC 6750 challenges and RFC 9728 metadata.
 *
 * Guarantees: a challenge names this resource's metadata, so that a client finds where to get a token; it
 * says nothing about which part of a token was wrong.
 */
import { DeputizeError, toProblem } from "@deputize/core";

export function problemResponse(
  error: unknown,
  requestId: string,
  headers: Record<string, string> = {},
): Response {
  const problem = toProblem(error, requestId);
  const retryAfter = error instanceof DeputizeError ? error.retryAfterSeconds : undefined;
  return Response.json(problem, {
    status: problem.status,
    headers: {
      "content-type": "application/problem+json",
      "cache-control": "no-store",
      ...(retryAfter !== undefined && { "retry-after": String(retryAfter) }),
      ...headers,
    },
  });
}

/** A JSON-RPC error for a message that never became a call. */
export function rpcErrorResponse(
  status: number,
  code: number,
  message: string,
  id: unknown,
  data?: Record<string, unknown>,
): Response {
  const known = typeof id === "string" || typeof id === "number" ? id : null;
  return Response.json(
    { jsonrpc: "2.0", id: known, error: { code, message, ...(data && { data }) } },
    { status },
  );
}

/** `WWW-Authenticate` of a 401: without an error code when nothing was sent (RFC 6750 §3.1). */
export function unauthenticatedChallenge(error: DeputizeError, metadataUrl: string): string {
  const parts =
    error.code === "unauthenticated"
      ? []
      : ['error="invalid_token"', `error_description="${quoted(error.message)}"`];
  return `Bearer ${[...parts, `resource_metadata="${quoted(metadataUrl)}"`].join(", ")}`;
}

/** `WWW-Authenticate` of a 403: the scopes of this operation and no others. */
export function scopeChallenge(scopes: readonly string[], metadataUrl: string): string {
  return `Bearer error="insufficient_scope", scope="${quoted(scopes.join(" "))}", resource_metadata="${quoted(metadataUrl)}"`;
}

/** What fits in an HTTP quoted-string without escapes. */
function quoted(text: string): string {
  return text.replaceAll(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, " ");
}

/** RFC 9728 §3.1: the well-known path goes before the resource's own path. */
export function metadataPath(resource: URL): string {
  const path = resource.pathname.replace(/\/$/, "");
  return `/.well-known/oauth-protected-resource${path}`;
}

export function metadataUrl(resource: URL): string {
  return new URL(metadataPath(resource), resource).href;
}
