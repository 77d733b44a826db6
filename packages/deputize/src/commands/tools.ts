/** `deputize tools …`: serve a tool server while writing it, see what it offers and to whom, call one of its tools, rank tools. */
import { Command } from "commander";
import { newId } from "@deputize/core";
import type { Explanation } from "@deputize/mcp";
import { readToken, withJson, withTokenFile } from "../cli/connection.ts";
import { list, wholeNumber } from "../cli/parse.ts";
import { plain, print, printJson, printTable } from "../cli/print.ts";
import type { ArgumentOptions } from "../cli/tool-call.ts";
import type { Listening } from "../cli/tool-dev.ts";
import { UsageError } from "../cli/usage-error.ts";
import { rankCommand } from "./tools-rank.ts";

interface DevOptions {
  readonly port: number;
  readonly host: string;
  readonly tokenFor?: string;
  readonly roles?: readonly string[];
  readonly scopes?: readonly string[];
  readonly tenant?: string;
  readonly json?: boolean;
}

const FILE = "a file that exports an MCPServer, as `server` or by default; TypeScript runs as it is";

function devCommand(): Command {
  const command = new Command("dev")
    .description("serve the tool server of a file, and start it anew when that or what it imports is saved")
    .argument("<file>", FILE)
    .option("--port <n>", "the port; 0 takes a free one and keeps it", wholeNumber(0, 65_535), 8000)
    .option("--host <address>", "the address to bind", "127.0.0.1")
    .option(
      "--token-for <subject>",
      "print a token for this subject, good for 15 minutes; never in production",
    )
    .option("--roles <role...>", "with --token-for", list)
    .option("--scopes <scope...>", "with --token-for", list)
    .option("--tenant <tenant>", "with --token-for")
    .addHelpText(
      "after",
      `
A token can be made where the server's auth has jwtAuth. What the server prints goes to stderr.

Example:
  deputize tools dev server.ts --token-for ada --roles analyst`,
    );
  return withJson(command).action(async (file: string, options: DevOptions) => {
    const { tokenFor, roles = [], scopes = [], tenant } = options;
    if (tokenFor === undefined && (options.roles || options.scopes || tenant !== undefined))
      throw new UsageError("--roles, --scopes and --tenant go with --token-for");
    const { serveTools } = await import("../cli/tool-dev.ts");
    const token = tokenFor !== undefined && {
      sub: tokenFor,
      roles,
      scope: scopes.join(" "),
      ...(tenant !== undefined && { tenant_id: tenant }),
    };
    const order = { file, port: options.port, host: options.host, ...(token && { token }) };
    const { stop } = serveTools(order, {
      listening: (started) =>
        options.json ? printJson({ ...started, tools: started.tools.map(short) }) : say(started),
      failed: (why) => {
        process.stderr.write(
          options.json
            ? `${JSON.stringify({ error: { code: "config_invalid", message: why } })}\n`
            : `deputize: ${plain(why)}; waiting for the next save\n`,
        );
      },
    });
    const end = () => void stop().finally(() => process.exit(0));
    process.on("SIGINT", end);
    process.on("SIGTERM", end);
  });
}

function say({ name, url, tools, token }: Listening): void {
  print(`${plain(name)}: ${plain(url)}`, "");
  table(tools);
  const one = tools.find(({ kind }) => kind === "tool")?.name ?? "TOOL";
  print(
    "",
    `Call one:  ${token ? "" : "DEPUTIZE_TOKEN=… "}deputize tools call ${plain(url)} ${one} --args '{…}'`,
    ...(token ? ["with this token, for 15 minutes:", "", `  export DEPUTIZE_TOKEN=${plain(token)}`, ""] : []),
    "Saving a file starts it anew. Ctrl-C ends it.",
  );
}

const short = ({ kind, name, effect, guards, tags }: Explanation) => ({
  kind,
  name,
  effect,
  guards,
  ...(tags.length > 0 && { tags }),
});

function table(all: readonly Explanation[]): void {
  printTable(
    ["kind", "name", "effect", "guards"],
    all.map(({ kind, name, effect, guards }) => [kind, name, effect, guards.join(", ")]),
  );
}

interface ListOptions extends CredentialOptions {
  readonly explain?: boolean;
}

interface CredentialOptions {
  readonly tokenFile?: string;
  readonly tokenHeader?: string;
  readonly json?: boolean;
}

/** Who asks. */
function withCredential(command: Command): Command {
  return withJson(
    withTokenFile(command).option(
      "--token-header <name>",
      "the header that takes the token as it is, such as x-api-key (Authorization: Bearer unless told)",
    ),
  );
}

function listCommand(): Command {
  const command = new Command("list")
    .description(
      "the tools of a file, with effects and guards; or those of a running server that a token may see",
    )
    .argument("<file-or-url>", "a file as for dev, or the address of a running server")
    .option("--explain", "of a file: the checks of each tool, in the order in which they run")
    .addHelpText(
      "after",
      `
Example:
  deputize tools list server.ts --explain
  deputize tools list http://127.0.0.1:8000/mcp --token-file token.txt`,
    );
  return withCredential(command).action(async (target: string, options: ListOptions) => {
    const { isAddress } = await import("../cli/tool-client.ts");
    if (!isAddress(target)) return listFile(target, options);
    if (options.explain) throw new UsageError("--explain is for a file; a server does not tell its callers");
    return listServer(target, options);
  });
}

async function listFile(file: string, options: ListOptions): Promise<void> {
  const { loadToolServer } = await import("../cli/tool-file.ts");
  const server = await loadToolServer(file);
  const all = server.explain();
  if (options.json) printJson({ server: server.name, tools: options.explain ? all : all.map(short) });
  else if (options.explain)
    for (const { kind, name, effect, steps } of all)
      print(`${kind} ${name} (${effect})`, ...steps.map((step, at) => `  ${at + 1}. ${plain(step)}`), "");
  else table(all);
  await endOf(server);
}

/** What the file opened, such as a database, would keep this process alive. */
async function endOf(server: { close(): Promise<void> }): Promise<never> {
  await server.close();
  await new Promise((done) => process.stdout.write("", done));
  process.exit(0);
}

async function listServer(url: string, options: ListOptions): Promise<void> {
  const { readAddress, toolsOf, withToolServer } = await import("../cli/tool-client.ts");
  const address = readAddress(url);
  const token = await readToken(options);
  const { server, tools } = await withToolServer(
    { address, token, header: options.tokenHeader },
    async (client) => ({
      server: client.getServerVersion()?.name ?? "",
      tools: await toolsOf(client),
    }),
  );
  const rows = tools.map(({ name, description = "", annotations = {}, inputSchema }) => ({
    name,
    effect:
      annotations.readOnlyHint === true
        ? "read"
        : annotations.destructiveHint === true
          ? "sensitive"
          : "write",
    description,
    input_schema: inputSchema,
  }));
  if (options.json) printJson({ server, tools: rows });
  else
    printTable(
      ["name", "effect", "description"],
      rows.map(({ name, effect, description }) => [name, effect, description]),
    );
}

function validateCommand(): Command {
  const command = new Command("validate")
    .description("load the tool server of a file as a start would; exits 1 and says why when it cannot")
    .argument("<file>", FILE)
    .addHelpText("after", "\nExample:\n  deputize tools validate server.ts");
  return withJson(command).action(async (file: string, options: { readonly json?: boolean }) => {
    const { loadToolServer } = await import("../cli/tool-file.ts");
    const server = await loadToolServer(file);
    const counted = (kind: Explanation["kind"]) => server.explain().filter((one) => one.kind === kind).length;
    const counts = { tools: counted("tool"), resources: counted("resource"), prompts: counted("prompt") };
    if (options.json) printJson({ valid: true, server: server.name, ...counts });
    else
      print(
        `${plain(server.name)} loads: ${counts.tools} tools, ${counts.resources} resources, ${counts.prompts} prompts, each with a guard`,
      );
    await endOf(server);
  });
}

interface CallOptions extends ArgumentOptions, CredentialOptions {
  readonly callId?: string;
  readonly approval?: string;
  readonly trusted?: boolean;
}

function callCommand(): Command {
  const command = new Command("call")
    .description(
      "call one tool of a running server; shows its answer, the entry in the log, or what it waits for",
    )
    .argument("<url>", "the address of the server, such as http://127.0.0.1:8000/mcp")
    .argument("<name>", "the tool")
    .option("--args <json>", "the arguments; nothing secret, which --args-file is for")
    .option("--args-file <file>", "holds the arguments as JSON; - reads stdin")
    .option("--approval <id>", "what a person agreed to; with the --call-id of the call that waited")
    .option("--call-id <id>", "names the call; made anew unless told")
    .option(
      "--trusted",
      "say that nothing that others wrote shaped the arguments; else a write waits for a person",
    )
    .addHelpText(
      "after",
      `
Exit codes: 0 done; 1 refused or failed; 2 not a command that can work; 3 waits for a person's approval.

Example:
  deputize tools call http://127.0.0.1:8000/mcp get_order --args '{"order_id":"o-17"}'`,
    );
  return withCredential(command).action(call);
}

async function call(url: string, name: string, options: CallOptions): Promise<void> {
  const { readAddress, withToolServer } = await import("../cli/tool-client.ts");
  const { quoted, readArguments, showAnswer } = await import("../cli/tool-call.ts");
  const { META } = await import("@deputize/mcp");
  if (options.approval !== undefined && options.callId === undefined)
    throw new UsageError("--approval needs the --call-id of the call that waited; it agreed to no other");
  if (options.argsFile === "-" && options.tokenFile === "-")
    throw new UsageError("stdin holds the arguments or the token, not both");
  const address = readAddress(url);
  const args = readArguments(options);
  const id = options.callId ?? newId();
  const token = await readToken(options);
  const meta = {
    [META.callId]: id,
    ...(options.approval !== undefined && { [META.approvalId]: options.approval }),
    ...(options.trusted && { [META.context]: { integrity: "trusted" } }),
  };
  const answer = await withToolServer({ address, token, header: options.tokenHeader }, (client) =>
    client.callTool({ name, arguments: args, _meta: meta }),
  );
  const given = [
    ...(options.args === undefined ? [] : ["--args", options.args]),
    ...(options.argsFile === undefined ? [] : ["--args-file", options.argsFile]),
    ...(options.tokenFile === undefined ? [] : ["--token-file", options.tokenFile]),
    ...(options.tokenHeader === undefined ? [] : ["--token-header", options.tokenHeader]),
    ...(options.trusted ? ["--trusted"] : []),
  ];
  const again = ["deputize", "tools", "call", url, name, ...given].map(quoted).join(" ");
  process.exitCode = showAnswer(answer, { id, json: options.json ?? false, again });
}

export function toolsCommand(): Command {
  return new Command("tools")
    .description(
      "tool servers: serve one while writing it, see what it offers and to whom, call a tool, rank tools",
    )
    .addCommand(devCommand())
    .addCommand(listCommand())
    .addCommand(callCommand())
    .addCommand(validateCommand())
    .addCommand(rankCommand());
}
