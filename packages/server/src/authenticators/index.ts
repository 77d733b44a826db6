/**
 * authenticators: who is asking an agent server. The contract, the chain that asks, the mode `jwt`, and the five that ship: Firebase, API keys,
 * OAuth 2.0 and OpenID Connect, a database, and second factors. docs/authenticators.md shows each.
 */
export { type ApiKeyOptions, apiKeyAuthenticator } from "./api-key.ts";
export {
  type ApiKeyHolder,
  type ApiKeyStore,
  type ApiKeyStoreOptions,
  type ApiKeyView,
  type IssuedApiKey,
  type NewApiKey,
  apiKeyStore,
} from "./api-key-store.ts";
export {
  AUTH_CODES,
  type AuthCode,
  AuthRefused,
  type AuthResponseOptions,
  authResponse,
} from "./auth-code.ts";
export { type AuthRequestOptions, authRequestOf } from "./auth-request.ts";
export type { AuthScheme } from "./auth-scheme.ts";
export {
  type AuthOutcome,
  type AuthRequest,
  type Authenticator,
  type Identity,
  type IdentityInput,
  type Rejection,
  issuerOf,
} from "./authenticator.ts";
export {
  type ChainCallersOptions,
  type IssuerPolicies,
  type IssuerPolicy,
  callerOf,
  chainCallers,
} from "./callers.ts";
export {
  AUTH_TIMEOUT_MS,
  type AuthenticatorChain,
  type ChainOptions,
  type ChainOutcome,
  type RefusalNote,
  authenticatorChain,
} from "./chain.ts";
export {
  type DatabaseOptions,
  type DatabaseUser,
  type UserChanges,
  type UserLookup,
  databaseAuthenticator,
  notifiedChanges,
  sqlUsers,
} from "./database.ts";
export { type FirebaseOptions, firebaseAuthenticator, firebaseIssuer } from "./firebase.ts";
export type { FirebaseAccountsOptions } from "./firebase-accounts.ts";
export { type FreshSignIn, staleSignIn } from "./fresh-sign-in.ts";
export type { IntrospectionOptions } from "./introspection.ts";
export {
  type JwtOptions,
  type NamedPublicKey,
  type NamedSecret,
  type RequiredClaims,
  jwtAuthenticator,
} from "./jwt.ts";
export { JWT_SETTINGS, jwtFromEnvironment } from "./jwt-environment.ts";
export { type OidcOptions, oidcAuthenticator } from "./oidc.ts";
export { type OidcProfile, oidcProfile } from "./oidc-profile.ts";
export type { OwnerRef } from "./owner.ts";
export { type StepUpOptions, stepUpAuthenticator } from "./step-up.ts";
export {
  type Enrolment,
  type ProofResult,
  type SecondFactorOptions,
  type SecondFactors,
  type StepUp,
  secondFactors,
} from "./totp.ts";
