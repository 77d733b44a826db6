/** A token for trying the server out: `node dev/token.ts ada staff`. Your login makes them otherwise. */
import { createHmac } from "node:crypto";
import { existsSync } from "node:fs";

export interface TokenOptions {
  readonly secret: string;
  readonly issuer?: string | undefined;
  readonly audience?: string | undefined;
  readonly roles?: readonly string[];
  /** An hour unless told. */
  readonly seconds?: number;
}

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

/** A JSON Web Token (HS256) as `auth` of deputize.json takes it. */
export function tokenFor(userId: string, options: TokenOptions): string {
  const { secret, issuer, audience, roles = [], seconds = 3600 } = options;
  const now = Math.floor(Date.now() / 1000);
  const claims = { user_id: userId, roles, iat: now, exp: now + seconds, iss: issuer, aud: audience };
  const text = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
}

if (process.argv[1] === import.meta.filename) {
  if (existsSync(".env")) process.loadEnvFile(".env");
  const { JWT_SECRET_KEY: secret = "", JWT_ISSUER: issuer, JWT_AUDIENCE: audience } = process.env;
  const [userId = "ada", ...roles] = process.argv.slice(2);
  console.log(tokenFor(userId, { secret, issuer, audience, roles }));
}
