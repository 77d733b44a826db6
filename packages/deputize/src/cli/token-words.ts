/** What a token says, in words. Decoding is not checking: nothing here says that the token is genuine. */
import { type CompactJws, parseCompactJws } from "@deputize/client";
import { type Clock, isDeputizeError, systemClock } from "@deputize/core";
import { z } from "zod";
import { limitsOf } from "./grant-shape.ts";
import { duration, plain } from "./print.ts";
import { UsageError } from "./usage-error.ts";

const Claims = z.looseObject({
  iss: z.string().optional(),
  sub: z.string().optional(),
  aud: z.union([z.string(), z.array(z.string())]).optional(),
  exp: z.number().optional(),
  nbf: z.number().optional(),
  jti: z.string().optional(),
  scope: z.union([z.string(), z.array(z.string())]).optional(),
  tenant: z.string().optional(),
  app_id: z.string().optional(),
  task_id: z.string().optional(),
  orch_id: z.string().optional(),
  act: z.looseObject({ sub: z.string() }).optional(),
  grants: z.array(z.string()).optional(),
  constraints: z.record(z.string(), z.unknown()).optional(),
  cnf: z.looseObject({ jkt: z.string().optional() }).optional(),
  delegation_chain: z.array(z.looseObject({ agent: z.string() })).optional(),
});

export interface DecodedToken {
  readonly header: CompactJws["header"];
  readonly claims: z.infer<typeof Claims>;
}

/** Throws `UsageError` for what is no token of ours, quoting nothing. */
export function decodeToken(token: string): DecodedToken {
  let jws: CompactJws;
  try {
    jws = parseCompactJws(token);
  } catch (error) {
    if (!isDeputizeError(error)) throw error;
    throw new UsageError("this is no signed token in the form that is accepted (compact JWS, EdDSA)");
  }
  const claims = Claims.safeParse(jws.payload);
  if (!claims.success) throw new UsageError("the token's claims are not of the form that is accepted");
  return { header: jws.header, claims: claims.data };
}

const many = (value: string | readonly string[] | undefined, apart: string): readonly string[] =>
  typeof value === "string" ? value.split(apart).filter(Boolean) : (value ?? []);

/** One line for each thing that the token says. */
export function tokenInWords({ header, claims }: DecodedToken, clock: Clock = systemClock): string[] {
  const now = clock.nowMs() / 1000;
  const lines: string[] = [];
  const actor = claims.act ? `${plain(claims.act.sub)} acting for ` : "";
  lines.push(
    `It speaks for ${actor}${plain(claims.sub ?? "nobody")}${claims.app_id ? `, of app ${plain(claims.app_id)}` : ""}.`,
  );
  const scopes = many(claims.scope, " ");
  lines.push(
    scopes.length > 0 ? `It may: ${plain(scopes.join(", "))}.` : "It may do nothing: it holds no scope.",
  );
  const limits = limitsOf(claims.constraints);
  if (limits.length > 0) lines.push(`Its calls of tools are limited: ${plain(limits.join("; "))}.`);
  if (claims.task_id) {
    lines.push(
      `Its task is ${plain(claims.task_id)}${claims.orch_id ? `, of orchestration ${plain(claims.orch_id)}` : ""}.`,
    );
  }
  const audiences = many(claims.aud, "\n");
  if (audiences.length > 0) lines.push(`It is for ${plain(audiences.join(", "))} only.`);
  if (claims.exp === undefined) lines.push("It names no expiry, so nobody here accepts it.");
  else {
    const until = new Date(claims.exp * 1000).toISOString();
    lines.push(
      claims.exp > now
        ? `It runs out at ${until}, in ${duration(claims.exp - now)}.`
        : `It ran out at ${until}, ${duration(now - claims.exp)} ago.`,
    );
  }
  if (claims.nbf !== undefined && claims.nbf > now)
    lines.push(`It does not count before ${new Date(claims.nbf * 1000).toISOString()}.`);
  lines.push(
    claims.cnf
      ? "It is bound to a key: without a proof of that key it is of no use."
      : "It is a plain bearer token: whoever holds it can use it.",
  );
  const chain = claims.delegation_chain ?? [];
  if (chain.length > 0)
    lines.push(
      `It was handed on ${chain.length} time(s), from ${plain(chain.map((link) => link.agent).join(" to "))}.`,
    );
  lines.push(
    `It says that ${plain(claims.iss ?? "nobody")} signed it, with key ${plain(header.kid)}; its id is ${plain(claims.jti ?? "missing")}.`,
  );
  lines.push(
    "Decoded here only: signature and revocation were NOT checked. `deputize token validate` asks the server.",
  );
  return lines;
}
