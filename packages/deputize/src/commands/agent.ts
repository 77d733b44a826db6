/** `deputize agent …`: registered agents with API keys. */
import { Command } from "commander";
import { z } from "zod";
import { type OperatorOptions, openOperator, withOperator } from "../cli/connection.ts";
import { type NewSecretOptions, checkOut, showSecret, withOut } from "../cli/new-secret.ts";
import { wholeNumber } from "../cli/parse.ts";
import { plain, print, printJson, printTable } from "../cli/print.ts";
import { readAnswer } from "../cli/read-answer.ts";

const BASE = "/v1/admin/agents";

const Agent = z.looseObject({
  agent_id: z.string(),
  agent_name: z.string(),
  owner_email: z.string().optional(),
  confirmed: z.boolean(),
  status: z.string(),
  permissions: z.array(z.string()),
});
const Permissions = z.looseObject({
  permissions: z.array(z.looseObject({ permission: z.string(), expires: z.string().optional() })),
  roles: z.array(z.string()),
  effective: z.array(z.string()),
});
const Keys = z.looseObject({
  keys: z.array(
    z.looseObject({
      key_id: z.string(),
      created: z.string(),
      last_used: z.string().optional(),
      expires: z.string().optional(),
      revoked: z.string().optional(),
    }),
  ),
});
const NewKey = z.looseObject({ key_id: z.string(), api_key: z.string() });

const one = (id: string, rest = ""): string => `${BASE}/${encodeURIComponent(id)}${rest}`;

/** A subcommand that does one thing to one agent. */
function onAgent(name: string, description: string, example: string): Command {
  const command = new Command(name)
    .description(description)
    .argument("<agent-id>")
    .addHelpText("after", `\nExample:\n  deputize agent ${example}`);
  return withOperator(command);
}

const EXAMPLE_ID = "0199f0c0-1111-7222-8333-444455556666";

function show(agent: z.infer<typeof Agent>): void {
  const confirmed = agent.confirmed ? "" : ", not confirmed by its owner";
  print(
    `${plain(agent.agent_name)} (${plain(agent.agent_id)}): ${plain(agent.status)}${confirmed}`,
    `owner: ${plain(agent.owner_email ?? "this installation")}`,
    `may: ${plain(agent.permissions.join(" ")) || "nothing"}`,
  );
}

function listCommand(): Command {
  const command = new Command("list")
    .description("agents, newest first")
    .option("--limit <n>", "1 to 200", wholeNumber(1, 200), 100)
    .option("--cursor <cursor>", "`next` of the page before")
    .addHelpText("after", "\nExample:\n  deputize agent list");
  return withOperator(command).action(
    async (options: OperatorOptions & { limit: number; cursor?: string }) => {
      const query = new URLSearchParams({ limit: String(options.limit) });
      if (options.cursor !== undefined) query.set("cursor", options.cursor);
      const answer = await (await openOperator(options)).request("GET", `${BASE}?${query.toString()}`);
      if (options.json) {
        printJson(answer);
        return;
      }
      const page = readAnswer(z.object({ agents: z.array(Agent), next: z.string().optional() }), answer);
      printTable(
        ["AGENT", "NAME", "STATUS", "OWNER", "PERMISSIONS"],
        page.agents.map((agent) => [
          agent.agent_id,
          agent.agent_name,
          agent.confirmed ? agent.status : `${agent.status}, unconfirmed`,
          agent.owner_email ?? "-",
          agent.permissions.join(" ") || "-",
        ]),
      );
      if (page.next !== undefined) print(`there are more: --cursor ${plain(page.next)}`);
    },
  );
}

function showCommand(): Command {
  return onAgent("show", "one agent", `show ${EXAMPLE_ID}`).action(
    async (id: string, options: OperatorOptions) => {
      const answer = await (await openOperator(options)).request("GET", one(id));
      if (options.json) printJson(answer);
      else show(readAnswer(Agent, answer));
    },
  );
}

function registerCommand(): Command {
  const command = new Command("register")
    .description(
      "register an agent and vouch for it; its API key is shown once, and it may do nothing until it is permitted",
    )
    .requiredOption("--name <name>")
    .requiredOption("--owner <e-mail>", "whose agent it is")
    .addHelpText(
      "after",
      "\nExample:\n  deputize agent register --name WeatherBot --owner owner@example.com --out weatherbot.json",
    );
  return withOperator(withOut(command)).action(
    async (options: OperatorOptions & NewSecretOptions & { name: string; owner: string }) => {
      await checkOut(options);
      const client = await openOperator(options);
      const body = { agent_name: options.name, owner_email: options.owner };
      const made = readAnswer(
        NewKey.extend({ agent_id: z.string() }),
        await client.request("POST", BASE, body),
      );
      await showSecret(
        made,
        "api_key",
        [`agent ${plain(made.agent_id)} registered`, `key_id: ${plain(made.key_id)}`],
        options,
      );
    },
  );
}

/** What changes an agent and shows it. */
function changeCommand(name: "confirm" | "suspend" | "resume", description: string): Command {
  return onAgent(name, description, `${name} ${EXAMPLE_ID}`).action(
    async (id: string, options: OperatorOptions) => {
      const answer = await (await openOperator(options)).request("POST", one(id, `/${name}`), {});
      if (options.json) printJson(answer);
      else show(readAnswer(Agent, answer));
    },
  );
}

function removeCommand(): Command {
  return onAgent(
    "remove",
    "end an agent for good, with its keys and tokens; the log keeps that it was",
    `remove ${EXAMPLE_ID}`,
  ).action(async (id: string, options: OperatorOptions) => {
    await (await openOperator(options)).request("DELETE", one(id));
    if (options.json) printJson({ agent_id: id, removed: true });
    else print(`${plain(id)} is removed; everything that hung from it has ended`);
  });
}

function permissionsCommand(): Command {
  return onAgent(
    "permissions",
    "what it may do, by permissions and roles",
    `permissions ${EXAMPLE_ID}`,
  ).action(async (id: string, options: OperatorOptions) => {
    const answer = await (await openOperator(options)).request("GET", one(id, "/permissions"));
    if (options.json) {
      printJson(answer);
      return;
    }
    const held = readAnswer(Permissions, answer);
    for (const { permission, expires } of held.permissions) {
      print(`${plain(permission)}${expires === undefined ? "" : `   until ${plain(expires)}`}`);
    }
    print(
      `roles: ${plain(held.roles.join(" ")) || "none"}`,
      `in all: ${plain(held.effective.join(" ")) || "nothing"}`,
    );
  });
}

function grantCommand(): Command {
  return onAgent("grant", "permit something; again changes nothing", `grant ${EXAMPLE_ID} read_weather`)
    .argument("<permission>", "a scope, or short for one: read_weather is read:weather:*")
    .action(async (id: string, permission: string, options: OperatorOptions) => {
      const answer = await (
        await openOperator(options)
      ).request("POST", one(id, "/permissions"), { permission });
      if (options.json) printJson(answer);
      else show(readAnswer(Agent, answer));
    });
}

function revokePermissionCommand(): Command {
  return onAgent(
    "revoke-permission",
    "take a permission back; tokens that hold it end at once",
    `revoke-permission ${EXAMPLE_ID} read_weather`,
  )
    .argument("<permission>")
    .action(async (id: string, permission: string, options: OperatorOptions) => {
      const client = await openOperator(options);
      await client.request("DELETE", one(id, `/permissions/${encodeURIComponent(permission)}`));
      const answer = await client.request("GET", one(id));
      if (options.json) printJson(answer);
      else show(readAnswer(Agent, answer));
    });
}

function keysCommand(): Command {
  return onAgent("keys", "its API keys, never the keys themselves", `keys ${EXAMPLE_ID}`).action(
    async (id: string, options: OperatorOptions) => {
      const answer = await (await openOperator(options)).request("GET", one(id, "/keys"));
      if (options.json) {
        printJson(answer);
        return;
      }
      printTable(
        ["KEY", "MADE", "LAST USED", "ENDS"],
        readAnswer(Keys, answer).keys.map((key) => [
          key.key_id,
          key.created,
          key.last_used ?? "never",
          key.revoked === undefined ? (key.expires ?? "-") : `revoked ${key.revoked}`,
        ]),
      );
    },
  );
}

function rotateKeyCommand(): Command {
  const command = onAgent(
    "rotate-key",
    "a new API key, shown once; the old one works on for a while",
    `rotate-key ${EXAMPLE_ID} 0199f0c0-7777-7222-8333-444455556666 --out weatherbot.json`,
  )
    .argument("<key-id>")
    .option("--overlap <seconds>", "how long both work; 3600 unless told", wholeNumber(0, 30 * 86_400))
    .option("--forced", "the old key ends now, with its tokens, as after a leak");
  return withOut(command).action(
    async (
      id: string,
      keyId: string,
      options: OperatorOptions & NewSecretOptions & { overlap?: number; forced?: boolean },
    ) => {
      await checkOut(options);
      const client = await openOperator(options);
      const path = one(id, `/keys/${encodeURIComponent(keyId)}/rotate`);
      const made = readAnswer(
        NewKey,
        await client.request("POST", path, {
          ...(options.overlap !== undefined && { overlap_seconds: options.overlap }),
          ...(options.forced === true && { forced: true }),
        }),
      );
      await showSecret({ agent_id: id, ...made }, "api_key", [`key_id: ${plain(made.key_id)}`], options);
    },
  );
}

export function agentCommand(): Command {
  return new Command("agent")
    .description("registered agents, which sign in with API keys")
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addCommand(registerCommand())
    .addCommand(changeCommand("confirm", "vouch for an agent that a stranger registered"))
    .addCommand(changeCommand("suspend", "stop an agent: its tokens end at once"))
    .addCommand(changeCommand("resume", "let it sign in again"))
    .addCommand(removeCommand())
    .addCommand(permissionsCommand())
    .addCommand(grantCommand())
    .addCommand(revokePermissionCommand())
    .addCommand(keysCommand())
    .addCommand(rotateKeyCommand());
}
