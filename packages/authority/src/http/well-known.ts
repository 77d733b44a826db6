/** Public documents: the key set (RFC 7517) and the authorization server's metadata (RFC 8414). */
import { Hono } from "hono";
import type { Keys } from "../keys/keys.ts";
import { TOKEN_EXCHANGE } from "./oauth-routes.ts";

export function wellKnownRoutes(options: {
  readonly keys: Keys;
  readonly issuer: string;
  readonly offersRefresh: boolean;
}): Hono {
  const { keys, issuer } = options;
  const app = new Hono();
  const base = issuer.replace(/\/$/, "");

  app.get("/.well-known/jwks.json", async (c) => {
    // Shorter than any overlap of keys, so that a cache between us and a verifier does no harm.
    c.header("Cache-Control", "public, max-age=60");
    return c.json(await keys.jwks());
  });

  const metadata = {
    issuer,
    token_endpoint: `${base}/oauth/token`,
    introspection_endpoint: `${base}/oauth/introspect`,
    revocation_endpoint: `${base}/oauth/revoke`,
    jwks_uri: `${base}/.well-known/jwks.json`,
    // There is no authorization endpoint yet, hence no response type.
    response_types_supported: [],
    grant_types_supported: [
      TOKEN_EXCHANGE,
      "client_credentials",
      ...(options.offersRefresh ? ["refresh_token"] : []),
    ],
    token_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post"],
    introspection_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post"],
    revocation_endpoint_auth_methods_supported: ["none", "client_secret_basic", "client_secret_post"],
  };
  app.get("/.well-known/oauth-authorization-server", (c) => {
    c.header("Cache-Control", "public, max-age=300");
    return c.json(metadata);
  });

  // OpenID Connect Discovery 1.0 §3. There is no authorization endpoint and no ID token yet: clients find keys and
  // endpoints here, and what they cannot do.
  app.get("/.well-known/openid-configuration", (c) => {
    c.header("Cache-Control", "public, max-age=300");
    return c.json({
      ...metadata,
      subject_types_supported: ["public"],
      id_token_signing_alg_values_supported: ["EdDSA"],
      scopes_supported: [],
      claims_supported: ["iss", "sub", "aud", "exp", "iat", "jti"],
    });
  });

  return app;
}
