/**
 * A place to get tokens while developing: `POST /dev/token` answers with a token for whomever one asks to be.
 *
 * Guarantees: it is off unless turned on, refuses to be turned on in production and on a server with a public address,
 * and answers only requests from this machine to this machine's own name, not passed on by a proxy. For everybody else
 * there is nothing at that address.
 * Does not: check who asks. Any program of this machine can be anyone here, which is why production refuses it.
 */
import { isIP } from "node:net";
import { DeputizeError } from "@deputize/core";
import { readRequestBody } from "@modelcontextprotocol/server";
import { z } from "zod";
import { problemResponse } from "../http/responses.ts";
import type { FetchInfo } from "../server-options.ts";
import { isLoopbackHost } from "./fetch-json.ts";
import type { JwtAuth } from "./jwt-auth.ts";

export interface DevTokenOptions {
  /** What makes the tokens; must be the `auth` of this server, or one of them. */
  readonly auth: JwtAuth;
  /** `/dev/token` unless told. */
  readonly path?: string;
  /** Seconds that tokens live; 3600 unless told. */
  readonly expiresIn?: number;
  /** Who may be asked for, and what the token says of them. Anyone may be while this is absent. */
  readonly users?: Readonly<
    Record<
      string,
      { readonly roles?: readonly string[]; readonly scope?: string; readonly tenant_id?: string }
    >
  >;
}

export interface DevTokens {
  readonly path: string;
  answer(request: Request, info: FetchInfo, requestId: string): Promise<Response>;
}

const Body = z.strictObject({
  sub: z.string().min(1).max(256),
  roles: z.array(z.string().min(1).max(256)).max(64).exactOptional(),
  scope: z.string().max(4096).exactOptional(),
  tenant_id: z.string().min(1).max(64).exactOptional(),
});
const MAX_BYTES = 16 * 1024;
const PASSED_ON = ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"];

/** The setting that says that this is production, if any. */
export function productionSetting(
  environment: Readonly<Record<string, string | undefined>>,
): string | undefined {
  return ["NODE_ENV", "DEPUTIZE_ENV", "ENVIRONMENT", "MODE"].find(
    (name) => environment[name] === "production",
  );
}

/** Throws `config_invalid` in production. `what` gives tokens to anyone. */
export function refuseInProduction(what: string, environment: NodeJS.ProcessEnv = process.env): void {
  const setting = productionSetting(environment);
  if (setting)
    throw new DeputizeError(
      "config_invalid",
      `${what} gives a token to anyone, so it is refused with ${setting}=production; leave the call out there and use jwksAuth or authorityAuth`,
    );
}

/** Throws `config_invalid` in production. `environment` is that of the process. */
export function devTokens(options: DevTokenOptions, environment: NodeJS.ProcessEnv = process.env): DevTokens {
  const { auth, path = "/dev/token", expiresIn = 3600, users } = options;
  refuseInProduction("devTokenEndpoint", environment);
  return {
    path,
    async answer(request, info, requestId) {
      try {
        if (!isOfThisMachine(request, info))
          throw new DeputizeError("not_found", "there is nothing at this address");
        if (request.method !== "POST") throw new DeputizeError("method_not_allowed", "use POST");
        const { sub, ...asked } = await readBody(request);
        if (users && (!Object.hasOwn(users, sub) || Object.keys(asked).length > 0))
          throw new DeputizeError("invalid_request", "ask for one of the configured users, by `sub` alone");
        const access_token = await auth.createToken({ ...asked, ...users?.[sub], sub }, { expiresIn });
        return Response.json(
          { access_token, token_type: "Bearer", expires_in: expiresIn },
          { headers: { "cache-control": "no-store" } },
        );
      } catch (error) {
        return problemResponse(error, requestId);
      }
    },
  };
}

function isOfThisMachine(request: Request, info: FetchInfo): boolean {
  const { ipAddress = "" } = info;
  if (!isLoopbackAddress(ipAddress) || PASSED_ON.some((name) => request.headers.has(name))) return false;
  const host = request.headers.get("host") ?? new URL(request.url).host;
  return URL.canParse(`http://${host}`) && isLoopbackHost(new URL(`http://${host}`).hostname);
}

function isLoopbackAddress(address: string): boolean {
  const plain = address.replace(/^::ffff:/, "");
  return plain === "::1" || (isIP(plain) === 4 && plain.startsWith("127."));
}

async function readBody(request: Request): Promise<z.infer<typeof Body>> {
  // A form of another site can send text, but not JSON, without asking first.
  if (!/^application\/json\s*(;|$)/i.test(request.headers.get("content-type") ?? ""))
    throw new DeputizeError("invalid_request", "send `Content-Type: application/json`");
  const read = await readRequestBody(request, MAX_BYTES);
  if (read.tooLarge) throw new DeputizeError("payload_too_large", "the request body is too large");
  try {
    return Body.parse(JSON.parse(read.text));
  } catch (cause) {
    throw new DeputizeError("invalid_request", "send { sub, roles?, scope?, tenant_id? }", { cause });
  }
}
