/** `deputize token …`: does a token stand, what does it say, let it go. The token itself is never an argument. */
import { Command } from "commander";
import { AuthenticationError, validate } from "@deputize/client";
import { DeputizeError } from "@deputize/core";
import { type TokenOptions, openServer, readToken, withToken } from "../cli/connection.ts";
import { print, printJson } from "../cli/print.ts";
import { decodeToken, tokenInWords } from "../cli/token-words.ts";

function validateCommand(): Command {
  const command = new Command("validate")
    .description("ask the server whether a token stands now; exits 1 when it does not")
    .addHelpText("after", "\nExample:\n  deputize token validate --token-file token.txt");
  return withToken(command).action(async (options: TokenOptions) => {
    const token = await readToken(options);
    const result = await validate(openServer(options).brokerUrl, token);
    if (!result.valid) process.exitCode = 1;
    if (options.json) {
      printJson(
        result.valid
          ? { valid: true, claims: result.claims }
          : { valid: false, error: result.error, reason: result.reason },
      );
    } else if (result.valid) print("The token stands.", ...tokenInWords(decodeToken(token)).slice(0, -1));
    else
      print(
        `The token does NOT stand: ${result.error}${result.reason === "expired" ? " (it has expired)" : ""}`,
      );
  });
}

function inspectCommand(): Command {
  const command = new Command("inspect")
    .description("decode a token here, offline, and say in words what it means; checks no signature")
    .addHelpText("after", "\nExample:\n  pbpaste | deputize token inspect --token-file -");
  return withToken(command).action(async (options: TokenOptions) => {
    const decoded = decodeToken(await readToken(options));
    if (options.json) printJson({ ...decoded, verified: false });
    else print(...tokenInWords(decoded));
  });
}

function releaseCommand(): Command {
  const command = new Command("release")
    .description("end a worker's own token, with everything that it handed on; a dead one is no error")
    .addHelpText("after", "\nExample:\n  deputize token release --token-file token.txt");
  return withToken(command).action(async (options: TokenOptions) => {
    const token = await readToken(options);
    if (decodeToken(token).claims.cnf) {
      throw new DeputizeError(
        "config_invalid",
        "the token is bound to a key, which only its worker holds; end it with `deputize revoke --level token`",
      );
    }
    let released = true;
    try {
      await openServer(options).send({
        method: "POST",
        path: "/v1/token/release",
        credentials: () => Promise.resolve({ Authorization: `Bearer ${token}` }),
        repeatable: false,
      });
    } catch (error) {
      if (!(error instanceof AuthenticationError)) throw error;
      released = false;
    }
    if (options.json) printJson({ released, dead: true });
    else
      print(
        released ? "released: the token and all that hung from it are dead" : "the token was dead already",
      );
  });
}

export function tokenCommand(): Command {
  return new Command("token")
    .description("one token: validate, inspect, release")
    .addCommand(validateCommand())
    .addCommand(inspectCommand())
    .addCommand(releaseCommand());
}
