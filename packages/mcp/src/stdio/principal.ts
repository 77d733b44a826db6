/**
 * For whom a server over stdio works: one principal for as long as the process lives.
 *
 * Guarantees: there is always one. A stated principal stands in a private table under the request object that carries it,
 * which nothing that arrives from outside can be; no header says it. A token comes from the environment, is taken out of there,
 * and is checked for every message like any other, so that its end and its revocation count.
 * Does not: prove who started the process. A stated principal is the author's word, as good as the machine's own accounts.
 */
import { type Caller, DeputizeError, freezeCaller, parseGrantId, parsePrincipalId } from "@deputize/core";
import { z } from "zod";

/** A caller in the author's own words. What is absent is nobody's: no roles, no scopes, no grant. */
export type StatedPrincipal = Pick<Caller, "subject"> &
  Partial<Omit<Caller, "subject" | "token" | "session">>;

/** A credential in an environment variable. */
export interface CredentialFrom {
  /** The variable's name, such as `DEPUTIZE_TOKEN`. */
  readonly tokenFrom: string;
  /** The header that the server's `auth` reads it from, such as `x-api-key`; `Authorization: Bearer` unless told. */
  readonly header?: string;
}

export type StdioPrincipal = StatedPrincipal | CredentialFrom;

/** An id that is none is a mistake in the shape, not a fault of ours. */
function parsed<T>(parse: (text: string) => T) {
  return (text: string, context: z.RefinementCtx): T => {
    try {
      return parse(text);
    } catch {
      context.addIssue({ code: "custom", message: "is no lower-case UUID" });
      return z.NEVER;
    }
  };
}

const Principal = z.string().transform(parsed(parsePrincipalId));
const Grant = z.string().transform(parsed(parseGrantId));
const Names = z.array(z.string().min(1).max(256)).default([]);
const Stated = z.strictObject({
  subject: Principal,
  subjectKind: z.enum(["user", "agent", "app", "service"]).default("user"),
  tenant: z.string().min(1).max(64).default("default"),
  actors: z.array(Principal).default([]),
  roles: Names,
  scopes: Names,
  grants: z.array(Grant).default([]),
  clientId: z.string().min(1).max(256).default("stdio"),
  constraints: z.record(z.string(), z.unknown()).exactOptional(),
  task: z.string().max(256).exactOptional(),
  orchestration: z.string().max(256).exactOptional(),
});
const Credential = z.strictObject({
  tokenFrom: z.string().min(1).max(256),
  header: z
    .string()
    .regex(/^[A-Za-z0-9-]{1,64}$/)
    .exactOptional(),
});

/** Who stands behind request objects of this process. */
export class StatedCallers {
  readonly #callers = new WeakMap<Request, Caller>();

  /** Undefined for every request that came from outside. */
  of(request: Request): Caller | undefined {
    return this.#callers.get(request);
  }

  state(request: Request, caller: Caller): Request {
    this.#callers.set(request, caller);
    return request;
  }

  /** Hands what is known of a request to the one that is sent on in its place. */
  passOn(from: Request, to: Request): Request {
    const caller = this.of(from);
    return caller ? this.state(to, caller) : to;
  }
}

/** Makes a request this principal's own. */
export type Sign = (request: Request) => Request;

/**
 * How requests of this principal say whose they are. Throws `config_invalid` without one, and `unauthenticated` when the
 * variable is empty.
 */
export function signFor(
  principal: StdioPrincipal | undefined,
  stated: StatedCallers,
  environment: NodeJS.ProcessEnv = process.env,
): Sign {
  if (typeof principal !== "object" || principal === null)
    throw new DeputizeError(
      "config_invalid",
      'stdio has no headers, so say for whom it works: `server.stdio({ principal: { subject, roles } })` or `{ tokenFrom: "DEPUTIZE_TOKEN" }`',
    );
  if ("tokenFrom" in principal) {
    const { tokenFrom, header } = checked(Credential, principal);
    const credential = environment[tokenFrom];
    // What handlers start shall not inherit it.
    delete environment[tokenFrom];
    if (!credential)
      throw new DeputizeError(
        "unauthenticated",
        `${tokenFrom} is not set; put the token of this server's user there`,
      );
    return (request) => {
      request.headers.set(header ?? "authorization", header ? credential : `Bearer ${credential}`);
      return request;
    };
  }
  const caller = freezeCaller(checked(Stated, principal));
  return (request) => stated.state(request, caller);
}

function checked<S extends z.ZodType>(shape: S, principal: unknown): z.output<S> {
  const read = shape.safeParse(principal);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  const where = issue?.path.join(".");
  throw new DeputizeError(
    "config_invalid",
    `stdio: \`principal\` ${where ? `(${where}) ` : ""}${issue?.message ?? "is wrong"}`,
  );
}
