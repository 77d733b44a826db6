/**
 * How to prove oneself at an agent, as its card says it (A2A 1.0 §4.5): the schemes of the authenticators in force.
 *
 * Guarantees: one of the schemes is enough, so each is a requirement of its own; addresses in a card are https, or on this machine.
 */
import type { AgentCard, SecurityScheme } from "@a2a-js/sdk";
import { DeputizeError } from "@deputize/core";
import { providerUrl } from "@deputize/mcp/auth";
import type { AuthScheme } from "../authenticators/index.ts";

function schemeOf(scheme: AuthScheme): NonNullable<SecurityScheme["scheme"]> {
  const description = scheme.description ?? "";
  switch (scheme.kind) {
    case "bearer":
      return {
        $case: "httpAuthSecurityScheme",
        value: { description, scheme: "Bearer", bearerFormat: scheme.format ?? "" },
      };
    case "apiKey":
      return {
        $case: "apiKeySecurityScheme",
        value: { description, location: "header", name: scheme.header },
      };
    case "openIdConnect": {
      const issuer = providerUrl(scheme.issuer, "the issuer of a card's security scheme").href;
      const openIdConnectUrl = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
      return { $case: "openIdConnectSecurityScheme", value: { description, openIdConnectUrl } };
    }
    case "oauth2": {
      const at = (url: string): string => providerUrl(url, "an address of a card's security scheme").href;
      const shared = { tokenUrl: at(scheme.tokenUrl), refreshUrl: "", scopes: { ...scheme.scopes } };
      return {
        $case: "oauth2SecurityScheme",
        value: {
          description,
          flows: {
            flow:
              scheme.authorizationUrl === undefined
                ? { $case: "clientCredentials", value: shared }
                : {
                    $case: "authorizationCode",
                    value: {
                      ...shared,
                      authorizationUrl: at(scheme.authorizationUrl),
                      pkceRequired: true,
                    },
                  },
          },
          oauth2MetadataUrl: scheme.metadataUrl === undefined ? "" : at(scheme.metadataUrl),
        },
      };
    }
  }
}

function scopesOf(scheme: AuthScheme): string[] {
  if (scheme.kind === "openIdConnect") return [...(scheme.scopes ?? [])];
  return scheme.kind === "oauth2" ? Object.keys(scheme.scopes ?? {}) : [];
}

/**
 * `securitySchemes` and `securityRequirements` of a card, by the name of each scheme. Throws `config_invalid` for none, as an agent
 * that asks nobody who they are is not served, and for an address that is neither https nor on this machine.
 */
export function cardSecurity(
  schemes: Readonly<Record<string, AuthScheme>>,
): Pick<AgentCard, "securitySchemes" | "securityRequirements"> {
  const named = Object.entries(schemes);
  if (named.length === 0)
    throw new DeputizeError("config_invalid", "an agent's card names one way or more to prove who asks");
  return {
    securitySchemes: Object.fromEntries(named.map(([name, scheme]) => [name, { scheme: schemeOf(scheme) }])),
    securityRequirements: named.map(([name, scheme]) => ({
      schemes: { [name]: { list: scopesOf(scheme) } },
    })),
  };
}
