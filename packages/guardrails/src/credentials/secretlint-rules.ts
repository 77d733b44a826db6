/**
 * The rules of secretlint, run one by one over a text: the core that goes with them is made for files of a repository and takes a
 * hundred times as long. The rule that lets a comment in the text switch others off is not run, since whoever wrote the text would.
 */
import { rules } from "@secretlint/secretlint-rule-preset-recommend";
import type { Finding } from "../detector.ts";

interface Reported {
  readonly message: { readonly id: string };
  readonly range: readonly [number, number];
}

/** As much of a rule and its context as these rules use. */
interface Rule {
  readonly meta: { readonly id: string };
  create(
    context: {
      createTranslator(messages: unknown): (id: string) => { readonly id: string };
      report(found: Reported): void;
    },
    options: object,
  ): {
    file(source: {
      readonly content: string;
      readonly filePath: string;
      readonly contentType: "text";
    }): unknown;
  };
}

/** What their messages are called here; others keep their own name in capitals. */
const TYPES: Readonly<Record<string, string>> = {
  AWSAccessKeyID: "AWS_ACCESS_KEY",
  AWSSecretAccessKey: "AWS_SECRET_KEY",
  PrivateKeyJSON: "GCP_SERVICE_ACCOUNT_KEY",
  PackageJSON_xOauthToken: "NPM_TOKEN",
  Npmrc_authToken: "NPM_TOKEN",
  NPM_ACCESS_TOKEN: "NPM_TOKEN",
  IncomingWebhook: "SLACK_WEBHOOK",
  BasicAuth: "BASIC_AUTH",
  PrivateKey: "PRIVATE_KEY",
  OPENAI_TOKEN: "OPENAI_API_KEY",
  SENDGRID_KEY: "SENDGRID_API_KEY",
  SHOPIFY_KEY: "SHOPIFY_TOKEN",
  OPS_TOKEN: "ONEPASSWORD_TOKEN",
  MongoDBConnection: "CONNECTION_STRING",
  MySQLConnection: "CONNECTION_STRING",
  PostgreSQLConnection: "CONNECTION_STRING",
};

const SCORE = 0.95;

/** Made once: the rules keep nothing between two texts but whom they report to. */
function prepare(): (text: string) => Finding[] {
  let found: Finding[] = [];
  const context = {
    createTranslator: () => (id: string) => ({ id }),
    report({ message: { id }, range: [start, end] }: Reported) {
      const type = TYPES[id] ?? id.replaceAll(/[^A-Za-z0-9]+/g, "_").toUpperCase();
      found.push({ type, start, end, score: SCORE });
    },
  };
  const run = (rules as unknown as readonly Rule[])
    .filter(({ meta }) => !meta.id.endsWith("-filter-comments"))
    // An account's number is no secret and looks like many other numbers; the id of a key is found by a pattern of ours.
    .map((rule) => rule.create(context, {}));
  return (text) => {
    found = [];
    const source = { content: text, filePath: "text", contentType: "text" } as const;
    for (const rule of run) rule.file(source);
    return found;
  };
}

let scan: ReturnType<typeof prepare> | undefined;

export function secretlintFindings(text: string): Finding[] {
  return (scan ??= prepare())(text);
}
