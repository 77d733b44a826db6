/**
 * Who a client is for a server: one credential, in a header.
 *
 * Guarantees: two identities at once are refused when the client is made, before any request [AF-D23]. A credential stands in no
 * address. A token from a provider is got once for all calls, and once anew when the server refuses it [AF-F15].
 */
import { DeputizeError } from "@deputize/core/portable";
import { type HeldToken, holdToken } from "../sdk/held-token.ts";

/** Gets a token. `refused`: the server did not take the one before, so another is wanted. */
export type TokenProvider = (why: { readonly refused: boolean }) => string | Promise<string>;

export type ServerAuth =
  | { readonly type: "bearer"; readonly token: string | TokenProvider }
  | { readonly type: "basic"; readonly username: string; readonly password: string }
  | {
      readonly type: "header";
      readonly name: string;
      readonly value: string;
      readonly prefix?: string | null;
    };

/** `Authorization: Bearer …` with a token, or with what a provider gives. */
export function bearerAuth(token: string | TokenProvider): ServerAuth {
  return { type: "bearer", token };
}

/** `Authorization: Basic …`. */
export function basicAuth(username: string, password: string): ServerAuth {
  return { type: "basic", username, password };
}

/** A header of its own, such as `X-API-Key`; `prefix` goes before the value. */
export function headerAuth(name: string, value: string, prefix?: string | null): ServerAuth {
  return { type: "header", name, value, ...(prefix !== undefined && { prefix }) };
}

export interface AuthOptions {
  readonly auth?: ServerAuth | null | undefined;
  /** The same as `bearerAuth(authToken)`. Not beside `auth`. */
  readonly authToken?: string | TokenProvider | null | undefined;
  /** Sent with every request. A credential among them is one: not beside `auth`. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Cookies are a credential, too: `include` and `same-origin` not beside another. `omit` unless told. */
  readonly credentials?: "omit" | "same-origin" | "include" | undefined;
}

/** One header, and what it came from. */
export interface Credential {
  readonly name: string;
  readonly value: string;
  /** The token, where it is one: a socket carries it in its subprotocol. */
  readonly token?: string;
}

export interface Credentials {
  /** The credential now, or another than one that was refused; undefined when there is none, or no other. */
  current(refused?: Credential): Promise<Credential | undefined>;
  /** Another can be had. */
  readonly renewable: boolean;
}

const NAMES = /^(authorization|proxy-authorization|cookie|x-api-key|dpop)$/i;
const TOKEN = /^[\x21-\x7e]{1,16384}$/;
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const HEADER_VALUE = /^[\x20-\x7e]*$/;

function wrong(message: string): DeputizeError {
  return new DeputizeError("config_invalid", message);
}

function bearer(token: unknown): Credential {
  if (typeof token !== "string" || !TOKEN.test(token))
    throw wrong("a bearer token is a text without spaces; the provider, or `auth`, gave something else");
  return { name: "Authorization", value: `Bearer ${token}`, token };
}

function basic(username: string, password: string): Credential {
  if (username.includes(":")) throw wrong("a user name for basic authentication holds no colon (RFC 7617)");
  const bytes = new TextEncoder().encode(`${username}:${password}`);
  return { name: "Authorization", value: `Basic ${btoa(String.fromCharCode(...bytes))}` };
}

function header({ name, value, prefix }: Extract<ServerAuth, { type: "header" }>): Credential {
  const whole = prefix === undefined || prefix === null || prefix === "" ? value : `${prefix} ${value}`;
  if (!HEADER_NAME.test(name) || !HEADER_VALUE.test(whole) || value === "")
    throw wrong("`headerAuth` takes the name of a header and a value that a header can hold");
  const token = name.toLowerCase() === "authorization" && prefix?.toLowerCase() === "bearer";
  return { name, value: whole, ...(token && { token: value }) };
}

/** Throws `config_invalid` when there is more than one identity, or one that no header can hold. */
export function credentialsOf(options: AuthOptions): Credentials {
  const { auth, authToken, headers = {}, credentials = "omit" } = options;
  const said = [
    ...(auth ? ["`auth`"] : []),
    ...(authToken ? ["`authToken`"] : []),
    ...Object.keys(headers).flatMap((name) => (NAMES.test(name) ? [`the header \`${name}\``] : [])),
    ...(credentials === "omit" ? [] : [`\`credentials: "${credentials}"\``]),
  ];
  if (said.length > 1)
    throw wrong(`${said.join(" and ")} are two identities on one request; keep the one that is meant`);
  const one: ServerAuth | undefined = auth ?? (authToken ? bearerAuth(authToken) : undefined);
  if (!one) return { renewable: false, current: async () => undefined };
  if (one.type === "bearer" && typeof one.token === "function") {
    const { token } = one;
    const held: HeldToken<Credential> = holdToken(async (stale) =>
      bearer(await token({ refused: stale !== undefined })),
    );
    return { renewable: true, current: (refused) => held(refused) };
  }
  const fixed =
    one.type === "bearer"
      ? bearer(one.token)
      : one.type === "basic"
        ? basic(one.username, one.password)
        : header(one);
  return { renewable: false, current: async (refused) => (refused ? undefined : fixed) };
}
