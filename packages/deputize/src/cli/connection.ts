/** Where the server is and as whom the command speaks to it: the options that all online commands share. */
import { type BrokerHttp, OperatorClient, TransportError, createBrokerHttp } from "@deputize/client";
import { type Command, Option } from "commander";
import { z } from "zod";
import { readAnswer } from "./read-answer.ts";
import { type SecretSource, findSecret, requireSecret } from "./secret-input.ts";

export const DEFAULT_URL = "http://127.0.0.1:8080";

export interface ServerOptions {
  readonly url?: string;
  readonly json?: boolean;
}

export interface OperatorOptions extends ServerOptions {
  readonly secretFile?: string;
}

export interface TokenOptions extends ServerOptions {
  readonly tokenFile?: string;
}

const jsonOption = (): Option =>
  new Option("--json", "one JSON document on stdout, errors as JSON on stderr");

/** `--json` only. */
export function withJson(command: Command): Command {
  return command.addOption(jsonOption());
}

/** `--url` and `--json`. */
export function withServer(command: Command): Command {
  return command
    .option("--url <url>", `the server (DEPUTIZE_URL; ${DEFAULT_URL} unless told)`)
    .addOption(jsonOption());
}

/** And whose secret signs in. */
export function withOperator(command: Command): Command {
  return withServer(command).option(
    "--secret-file <file>",
    "holds the admin secret, readable by you alone; - reads stdin (else DEPUTIZE_ADMIN_SECRET, else a prompt)",
  );
}

/** And the token that the command is about. */
export function withToken(command: Command): Command {
  return withTokenFile(withServer(command));
}

/** `--token-file` only. */
export function withTokenFile(command: Command): Command {
  return command.option(
    "--token-file <file>",
    "holds the token, readable by you alone; - reads stdin (else DEPUTIZE_TOKEN, else a prompt)",
  );
}

function urlOf(options: ServerOptions): string {
  const { env } = process;
  return (
    options.url ||
    env["DEPUTIZE_URL"] ||
    env["AGENTWRIT_BROKER_URL"] ||
    env["AACTL_BROKER_URL"] ||
    DEFAULT_URL
  );
}

const adminSecret = (options: OperatorOptions): SecretSource => ({
  variables: ["DEPUTIZE_ADMIN_SECRET", "AGENTWRIT_ADMIN_SECRET", "AACTL_ADMIN_SECRET"],
  file: options.secretFile,
  fileFlag: "--secret-file",
  name: "admin secret",
});

/**
 * Requests that need no credential, or carry one of their own; `attempts` 1 asks once. Throws `config_invalid` for a bad
 * address.
 */
export function openServer(options: ServerOptions, attempts?: number): BrokerHttp {
  return createBrokerHttp({
    brokerUrl: urlOf(options),
    userAgent: "deputize-command",
    ...(attempts !== undefined && { retry: { attempts } }),
  });
}

function operator(options: OperatorOptions, secret: string): OperatorClient {
  return new OperatorClient({
    brokerUrl: urlOf(options),
    adminSecret: secret,
    userAgent: "deputize-command",
  });
}

/** The operator's connection; signs in when first used. Throws `UsageError` without a secret. */
export async function openOperator(options: OperatorOptions): Promise<OperatorClient> {
  return operator(options, await requireSecret(adminSecret(options)));
}

const SignedIn = z.looseObject({ access_token: z.string() });

/** An operator's answer that is too long to hold, piece by piece. Throws as `BrokerHttp.send`, and `UsageError`. */
export async function* readStream(options: OperatorOptions, path: string): AsyncGenerator<Uint8Array> {
  const server = openServer(options);
  const body = { secret: await requireSecret(adminSecret(options)) };
  const signedIn = await server.send({ method: "POST", path: "/v1/admin/auth", body, repeatable: true });
  const { access_token: token } = readAnswer(SignedIn, signedIn);
  const response = await server.fetch(`${server.brokerUrl}${path}`, {
    headers: { Authorization: `Bearer ${token}` },
    redirect: "error",
  });
  if (!response.ok || !response.body) {
    throw new TransportError(`the server answered ${response.status}; see its log`);
  }
  yield* response.body;
}

/** As `openOperator`; undefined without a secret. */
export async function findOperator(options: OperatorOptions): Promise<OperatorClient | undefined> {
  const secret = await findSecret(adminSecret(options));
  return secret === undefined ? undefined : operator(options, secret);
}

/** The token that the command is about. Throws `UsageError` without one. */
export function readToken(options: TokenOptions): Promise<string> {
  return requireSecret({
    variables: ["DEPUTIZE_TOKEN"],
    file: options.tokenFile,
    fileFlag: "--token-file",
    name: "token",
  });
}
