/** How a credential is sent and where it comes from, for those who ask what to send: agent cards, and API documents. */

/** One way to prove who asks. */
export type AuthScheme =
  | {
      readonly kind: "bearer";
      /** `JWT` where tokens are, absent where they are opaque. */
      readonly format?: string;
      readonly description?: string;
    }
  | { readonly kind: "apiKey"; readonly header: string; readonly description?: string }
  | {
      readonly kind: "openIdConnect";
      /** The issuer; its metadata is at `<issuer>/.well-known/openid-configuration`. */
      readonly issuer: string;
      readonly scopes?: readonly string[];
      readonly description?: string;
    }
  | {
      readonly kind: "oauth2";
      readonly tokenUrl: string;
      /** With it people sign in by authorization code and PKCE; without, programs by their own credentials. */
      readonly authorizationUrl?: string;
      /** RFC 8414 metadata. */
      readonly metadataUrl?: string;
      /** Scope → what it is for. */
      readonly scopes?: Readonly<Record<string, string>>;
      readonly description?: string;
    };
