/** A session for trying the server out: `node dev/token.ts ada`. Your login makes them otherwise. */
import { existsSync } from "node:fs";
import { makeSession } from "../auth/session.ts";

/** A session of an hour, unless told. */
export function tokenFor(
  userId: string,
  options: { readonly secret: string; readonly seconds?: number },
): string {
  const expiresAt = Math.floor(Date.now() / 1000) + (options.seconds ?? 3600);
  return makeSession({ userId, expiresAt }, options.secret);
}

if (process.argv[1] === import.meta.filename) {
  if (existsSync(".env")) process.loadEnvFile(".env");
  console.log(tokenFor(process.argv[2] ?? "ada", { secret: process.env["SESSION_SECRET"] ?? "" }));
}
