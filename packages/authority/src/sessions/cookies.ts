/**
 * The cookies of a browser session (RFC 6265bis): `deputize_session` is the credential and no script can read it;
 * `deputize_csrf` is read by the page and proves nothing alone; `deputize_device` marks a known device.
 */
export const SESSION_COOKIE = "deputize_session";
export const CSRF_COOKIE = "deputize_csrf";
export const DEVICE_COOKIE = "deputize_device";

export interface CookieOptions {
  readonly maxAgeSeconds: number;
  readonly httpOnly: boolean;
  /** Set whenever the page is served over https. */
  readonly secure: boolean;
}

/** A `Set-Cookie` value. A lifetime of 0 deletes the cookie. */
export function setCookie(name: string, value: string, options: CookieOptions): string {
  return [
    `${name}=${value}`,
    "Path=/",
    `Max-Age=${options.maxAgeSeconds}`,
    "SameSite=Lax",
    ...(options.httpOnly ? ["HttpOnly"] : []),
    ...(options.secure ? ["Secure"] : []),
  ].join("; ");
}

/** A cookie's value; undefined when it is absent, or there twice and so nobody knows which is ours. */
export function readCookie(request: Request, name: string): string | undefined {
  const values = (request.headers.get("cookie") ?? "")
    .split(";")
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1));
  return values.length === 1 ? values[0] : undefined;
}
