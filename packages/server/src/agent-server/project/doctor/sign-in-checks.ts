/** What is unsafe about who may come in, and what they may do. */
import { isDeputizeError } from "@deputize/core";
import { JWT_SETTINGS, jwtFromEnvironment } from "../../../authenticators/index.ts";
import { mistaken } from "../../../config/nearest.ts";
import { weaknessOf } from "../../../config/secret-strength.ts";
import type { WayIn } from "../auth-setting.ts";
import { type Project, isLoopback } from "../read-project.ts";
import type { Notes } from "./note.ts";

function waysIn({ config }: Project): readonly { readonly way: WayIn; readonly setting: string }[] {
  const { auth = null } = config;
  if (auth === null) return [];
  return Array.isArray(auth)
    ? auth.map((way, at) => ({ way, setting: `auth[${at}]` }))
    : [{ way: auth, setting: "auth" }];
}

export function ofAuth(project: Project, { errors, warnings, serving }: Notes): void {
  const ways = waysIn(project);
  if (ways.length === 0 && !errors.some(({ id }) => id === "anonymous"))
    warnings.push({
      id: "anonymous",
      setting: "auth",
      says: "nobody is asked who they are, and all share what is kept; set `auth` before anybody else reaches this server",
    });
  if (ways.length > 0 && project.config.allow_anonymous === true)
    warnings.push({
      id: "allow-anonymous",
      setting: "allow_anonymous",
      says: "is of no use beside `auth`; take it out",
    });
  if (ways.some(({ way }) => way === "jwt" || way.method === "jwt"))
    ofJwt(project, { errors, warnings, serving });
  for (const { way, setting } of ways) {
    if (way === "jwt" || way.method !== "deputize") continue;
    const { protocol, hostname } = new URL(way.issuer);
    if (protocol === "http:" && !isLoopback(hostname))
      errors.push({
        id: "plain-http",
        setting: `${setting}.issuer`,
        says: "asks the authority over plain http, where keys can be replaced on the way; use its https address",
      });
  }
}

function ofJwt({ env }: Project, { errors, warnings, serving }: Notes): void {
  const key = env["JWT_SECRET_KEY"]?.trim() ?? "";
  const shared = key !== "" && !key.includes("-----BEGIN");
  try {
    jwtFromEnvironment(env);
  } catch (error) {
    if (!isDeputizeError(error)) throw error;
    errors.push({ id: jwtFault(key, error.message), setting: "JWT_SECRET_KEY", says: error.message });
  }
  const weak = shared && errors.every(({ id }) => id !== "short-secret") ? weaknessOf(key) : undefined;
  if (weak !== undefined)
    errors.push({
      id: "weak-secret",
      setting: "JWT_SECRET_KEY",
      says: `${weak}; make one with \`openssl rand -base64 32\``,
    });
  if (shared) {
    if (!env["JWT_ISSUER"])
      warnings.push({
        id: "no-issuer",
        setting: "JWT_ISSUER",
        says: "is not set: a token that the same secret signed for something else is accepted; set it to the `iss` of your tokens",
      });
    if (!env["JWT_AUDIENCE"])
      warnings.push({
        id: "no-audience",
        setting: "JWT_AUDIENCE",
        says: "is not set: a token for another service with this secret is accepted; set it to the `aud` of your tokens",
      });
  }
  const jwks = env["JWT_JWKS_URL"];
  const plain = [jwks, jwks === "discover" ? env["JWT_ISSUER"] : undefined].find((one) =>
    one?.startsWith("http://"),
  );
  if (plain !== undefined && !(URL.canParse(plain) && isLoopback(new URL(plain).hostname)))
    errors.push({
      id: "plain-http",
      setting: "JWT_JWKS_URL",
      says: "reads keys over plain http, where they can be replaced on the way; use https",
    });
  for (const name of Object.keys(env)) {
    if (!name.startsWith("JWT_") || (JWT_SETTINGS as readonly string[]).includes(name)) continue;
    const meant = mistaken(name, JWT_SETTINGS);
    if (meant !== undefined)
      warnings.push({
        id: "unread-setting",
        setting: name,
        says: `is read by nobody; did you mean ${meant}?`,
      });
  }
  if (serving.production && shared && !env["JWT_ALGORITHM"])
    warnings.push({
      id: "shared-secret",
      setting: "JWT_SECRET_KEY",
      says: "whoever can check such tokens can make them; give a public key (PEM or JWT_JWKS_URL) where another service signs",
    });
}

function jwtFault(key: string, says: string): string {
  if (key.includes("PRIVATE KEY")) return "private-key";
  if (/bytes or more/.test(says)) return "short-secret";
  if (/`issuer` and `audience`/.test(says)) return "no-issuer";
  return "jwt";
}

export function ofAuthorization({ config }: Project, { warnings }: Notes): void {
  const { authorization = null, auth = null } = config;
  if (auth === null) return;
  if (authorization === "allow_all" || authorization === "none")
    warnings.push({
      id: "allow-all",
      setting: "authorization",
      says: "everybody who signs in reads and changes what belongs to others; take `ownership`, or roles",
    });
  if (typeof authorization !== "object" || authorization === null) return;
  if (authorization.isolation === "none")
    warnings.push({
      id: "no-isolation",
      setting: "authorization.isolation",
      says: "threads, files and memories belong to everybody of a tenant together; take `owner`",
    });
  if (authorization.default_scopes?.includes("*"))
    warnings.push({
      id: "default-all",
      setting: "authorization.default_scopes",
      says: "whoever has no role may do everything; list what they need",
    });
}
