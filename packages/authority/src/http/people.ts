/**
 * HTTP of signing in and out, and of a person's sessions (docs/architecture.md, "HTTP of the shop").
 *
 * Guarantees: bodies are strict, so that a role in a sign-up is refused and not ignored [SH-D15]; a browser gets
 * cookies and no token; an API client gets tokens and no cookie; nothing here is ever cached.
 */
import { type Context, Hono } from "hono";
import { problemHandler, readJson } from "@deputize/client";
import { DeputizeError, type Caller, isDeputizeError } from "@deputize/core";
import { z } from "zod";
import { PASSWORD_LENGTH_MAX } from "../credentials/password-policy.ts";
import { emailSchema } from "../people/email.ts";
import type { People } from "../people/people.ts";
import { nameSchema, userView } from "../people/person.ts";
import { CSRF_COOKIE, DEVICE_COOKIE, SESSION_COOKIE, readCookie, setCookie } from "../sessions/cookies.ts";
import type { AuthenticateRequest } from "../sessions/request-authenticator.ts";
import type { SessionTokens, Sessions } from "../sessions/sessions.ts";
import { DEVICE_SECONDS } from "../throttle/device.ts";
import type { Throttle } from "../throttle/throttle.ts";

/** Sent by our own page. A page of another origin cannot send it without asking first (CORS preflight). */
const BROWSER_HEADER = "x-deputize-client";
/** Where an API client sends the device token of an earlier sign-in. */
const DEVICE_HEADER = "x-deputize-device";

// Not checked further: a malformed address is simply one that nobody has.
export const LoginBody = z.strictObject({
  email: z.string().min(1).max(254),
  password: z.string().min(1).max(1_024),
});
export const SignUpBody = z.strictObject({
  email: emailSchema,
  password: z
    .string()
    .min(1)
    .max(PASSWORD_LENGTH_MAX * 4),
  name: nameSchema,
});
export const RefreshBody = z.strictObject({ refresh_token: z.string().min(1).max(200) });

export interface PeopleRoutesOptions {
  readonly people: People;
  readonly sessions: Sessions;
  readonly throttle: Throttle;
  readonly authenticate: AuthenticateRequest;
  /** Where a request comes from: the socket's address, or what a trusted proxy says. */
  readonly sourceOf: (c: Context) => string;
  /** True when the public URL is https; cookies are then `Secure`. */
  readonly secure: boolean;
  /** What `GET /api/auth/session` adds: the shop's demo accounts and model. */
  readonly sessionExtras?: (caller: Caller | undefined) => Record<string, unknown>;
}

export function peopleRoutes(options: PeopleRoutesOptions): Hono {
  const { people, sessions, throttle, authenticate, sourceOf, secure } = options;
  const app = new Hono();
  problemHandler(app);
  for (const path of ["/api/auth/*", "/api/sessions/*"]) {
    app.use(path, async (c, next) => {
      c.header("Cache-Control", "no-store");
      await next();
    });
  }

  const hasJson = (c: Context) => /^application\/json/i.test(c.req.header("content-type") ?? "");
  const isBrowser = (c: Context) => c.req.header(BROWSER_HEADER) === "browser";

  function setSessionCookies(
    c: Context,
    cookie: { secret: string; csrf: string; maxAgeSeconds: number },
  ): void {
    const { maxAgeSeconds } = cookie;
    const append = { append: true };
    c.header(
      "Set-Cookie",
      setCookie(SESSION_COOKIE, cookie.secret, { maxAgeSeconds, httpOnly: true, secure }),
      append,
    );
    c.header(
      "Set-Cookie",
      setCookie(CSRF_COOKIE, cookie.csrf, { maxAgeSeconds, httpOnly: false, secure }),
      append,
    );
  }

  const clearCookies = (c: Context) => setSessionCookies(c, { secret: "", csrf: "", maxAgeSeconds: 0 });

  async function person(caller: Caller) {
    const found = caller.subjectKind === "user" ? await people.get(caller.subject, caller.tenant) : undefined;
    if (!found) throw new DeputizeError("first_party_session_required", "only people have sessions");
    return userView(found);
  }

  const tokenBody = (tokens: SessionTokens) => ({
    access_token: tokens.accessToken,
    refresh_token: tokens.refreshToken,
    token_type: "Bearer",
    expires_in: tokens.expiresIn,
  });

  app.post("/api/auth/login", async (c) => {
    const body = await readJson(c, LoginBody);
    const device = readCookie(c.req.raw, DEVICE_COOKIE) ?? c.req.header(DEVICE_HEADER);
    const userAgent = c.req.header("user-agent");
    const signedIn = await sessions.signIn({
      ...body,
      client: isBrowser(c) ? "browser" : "api",
      source: sourceOf(c),
      ...(device !== undefined && { device }),
      ...(userAgent !== undefined && { userAgent }),
    });
    const user = userView(signedIn.person);
    if (!signedIn.cookie) {
      c.header(DEVICE_HEADER, signedIn.device);
      return c.json({ ...(signedIn.tokens && tokenBody(signedIn.tokens)), user });
    }
    // The browser's earlier session would live on with nobody to end it.
    await sessions.signOutByCookie(c.req.raw);
    setSessionCookies(c, signedIn.cookie);
    const remembered = { maxAgeSeconds: DEVICE_SECONDS, httpOnly: true, secure };
    c.header("Set-Cookie", setCookie(DEVICE_COOKIE, signedIn.device, remembered), { append: true });
    return c.json({ user, csrf_token: signedIn.cookie.csrf });
  });

  app.post("/api/auth/signup", async (c) => {
    const body = await readJson(c, SignUpBody);
    await throttle.once("signUp", sourceOf(c));
    await people.signUp(body);
    return c.json({}, 202);
  });

  app.post("/api/auth/refresh", async (c) => {
    if (hasJson(c)) {
      const body = await readJson(c, RefreshBody);
      const rotated = await sessions.refresh(body.refresh_token, sourceOf(c));
      return c.json({ ...tokenBody(rotated.tokens), user: userView(rotated.person) });
    }
    const caller = await authenticate(c.req.raw);
    const secret = readCookie(c.req.raw, SESSION_COOKIE);
    const csrf = sessions.csrfOf(c.req.raw);
    if (secret === undefined || csrf === undefined || !caller.session) {
      throw new DeputizeError("invalid_request", "send `refresh_token` in the body, or the session cookie");
    }
    return c.json({ user: await person(caller), csrf_token: csrf });
  });

  app.post("/api/auth/logout", async (c) => {
    if (hasJson(c)) {
      const body = await readJson(c, RefreshBody.partial());
      if (body.refresh_token !== undefined) {
        await sessions.signOutByRefreshToken(body.refresh_token);
        return c.body(null, 204);
      }
    }
    try {
      await sessions.signOut(await authenticate(c.req.raw));
    } catch (error) {
      // Signing out of what has ended is done already.
      if (!isDeputizeError(error, "unauthenticated")) throw error;
    }
    clearCookies(c);
    return c.body(null, 204);
  });

  app.post("/api/auth/logout-all", async (c) => {
    await sessions.signOutEverywhere(await authenticate(c.req.raw));
    clearCookies(c);
    return c.body(null, 204);
  });

  app.get("/api/auth/session", async (c) => {
    let caller: Caller | undefined;
    try {
      caller = await authenticate(c.req.raw);
    } catch (error) {
      // Nobody is signed in: that is an answer here, and a stale cookie goes away.
      if (!isDeputizeError(error) || error.status !== 401) throw error;
      if (readCookie(c.req.raw, SESSION_COOKIE) !== undefined) clearCookies(c);
    }
    const csrf = caller?.session && !caller.token ? sessions.csrfOf(c.req.raw) : undefined;
    return c.json({
      user: caller ? await person(caller) : null,
      ...(csrf !== undefined && { csrf_token: csrf }),
      ...options.sessionExtras?.(caller),
    });
  });

  app.get("/api/sessions", async (c) =>
    c.json({ sessions: await sessions.list(await authenticate(c.req.raw)) }),
  );

  app.delete("/api/sessions/:id", async (c) => {
    await sessions.end(await authenticate(c.req.raw), c.req.param("id"));
    return c.body(null, 204);
  });

  return app;
}
