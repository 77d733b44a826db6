/**
 * What `deputize init NAME` writes: the files of a project that runs, tests itself and is safe to put up as far as a scaffold can be.
 *
 * Guarantees: secrets are made here, for this project alone, and stand in `.env` only, which its owner alone reads and git leaves out.
 */
import { readFileSync } from "node:fs";
import { randomHex } from "@deputize/core";
import manifest from "../../package.json" with { type: "json" };
import { readme } from "./readme.ts";

export const AUTH_CHOICES = ["none", "jwt", "custom", "deputize"] as const;
export type AuthChoice = (typeof AUTH_CHOICES)[number];

export interface ProjectFile {
  /** Within the project. */
  readonly path: string;
  readonly text: string;
  /** For its owner alone to read. */
  readonly secret?: boolean;
}

/** Copied as they are. Their text is code of ours: compiled, linted and run by the tests. */
const COPIED = {
  "agents/support.ts": new URL("./files/agents/support.ts", import.meta.url),
  "tools/orders.ts": new URL("./files/tools/orders.ts", import.meta.url),
  "tests/serve.ts": new URL("./files/tests/serve.ts", import.meta.url),
  "deputize.schema.json": new URL("../../deputize.schema.json", import.meta.url),
} as const;

const OF_CHOICE: Readonly<Record<AuthChoice, Readonly<Record<string, URL>>>> = {
  none: { "tests/agent-server.test.ts": new URL("./files/tests/none.ts", import.meta.url) },
  jwt: {
    "dev/token.ts": new URL("./files/dev/token.ts", import.meta.url),
    "tests/agent-server.test.ts": new URL("./files/tests/users.ts", import.meta.url),
  },
  custom: {
    "auth/custom.ts": new URL("./files/auth/custom.ts", import.meta.url),
    "auth/session.ts": new URL("./files/auth/session.ts", import.meta.url),
    "auth/users.json": new URL("./files/auth/users.json", import.meta.url),
    "dev/token.ts": new URL("./files/dev/session-token.ts", import.meta.url),
    "tests/agent-server.test.ts": new URL("./files/tests/users.ts", import.meta.url),
  },
  deputize: { "tests/agent-server.test.ts": new URL("./files/tests/authority.ts", import.meta.url) },
};

const AUTH: Readonly<Record<AuthChoice, unknown>> = {
  none: null,
  jwt: { method: "jwt", roles: { allow: ["staff"] } },
  custom: { method: "custom", path: "./auth/custom.ts#Sessions", roles: { allow: ["staff"] } },
  deputize: {
    method: "deputize",
    issuer: "$AUTHORITY_URL",
    audience: "$AUTHORITY_URL",
    workers: "agentwrit",
  },
};

/** Every file, in the order in which it is written: secrets last. */
export function projectFiles(name: string, auth: AuthChoice): readonly ProjectFile[] {
  const copied = Object.entries({ ...COPIED, ...OF_CHOICE[auth] }).map(([path, from]) => ({
    path,
    text: readFileSync(from, "utf8"),
  }));
  return [
    { path: "deputize.json", text: json(configuration(auth)) },
    { path: "package.json", text: json(packageOf(name)) },
    { path: "tsconfig.json", text: json(TSCONFIG) },
    { path: ".gitignore", text: "node_modules/\ndata/\n.env\n.deputize/\n" },
    { path: "README.md", text: readme(name, auth) },
    ...copied,
    { path: ".env", text: environment(name, auth), secret: true },
  ];
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

function configuration(auth: AuthChoice) {
  return {
    $schema: "./deputize.schema.json",
    agents: { support: "./agents/support.ts" },
    auth: AUTH[auth],
    authorization: "ownership",
    stores: { conversations: "sqlite" },
    rate_limit: { requests: 100, window: 60, by: auth === "none" ? "ip" : ["ip", "user"] },
  };
}

function packageOf(name: string) {
  return {
    name,
    version: "0.1.0",
    private: true,
    type: "module",
    engines: { node: ">=22.18" },
    scripts: {
      dev: "deputize dev",
      start: "deputize start",
      test: "deputize test",
      doctor: "deputize doctor",
    },
    dependencies: { deputize: manifest.version },
  };
}

const TSCONFIG = {
  compilerOptions: {
    target: "es2024",
    module: "nodenext",
    strict: true,
    noEmit: true,
    allowImportingTsExtensions: true,
    erasableSyntaxOnly: true,
    verbatimModuleSyntax: true,
    skipLibCheck: true,
  },
};

function environment(name: string, auth: AuthChoice): string {
  const own: Readonly<Record<AuthChoice, readonly string[]>> = {
    none: [],
    jwt: [
      "# Whoever has this secret can be anybody. Your login signs its tokens with it, or give a public key in its place.",
      `JWT_SECRET_KEY=${randomHex(32)}`,
      "JWT_ALGORITHM=HS256",
      `JWT_ISSUER=urn:${name}:login`,
      `JWT_AUDIENCE=urn:${name}:agents`,
    ],
    custom: ["# Signs sessions. Whoever has it can be anybody.", `SESSION_SECRET=${randomHex(32)}`],
    deputize: ["# The authority: `deputize serve`.", "AUTHORITY_URL=http://127.0.0.1:8080"],
  };
  return `${[
    "# Secrets of this project, made for it. What the environment says wins over this file.",
    "# By this the agent calls the tool server of its own process.",
    `TOOL_TOKEN_SECRET=${randomHex(32)}`,
    "# Makes the codes of the log's entries.",
    `DEPUTIZE_AUDIT_SECRET=${randomHex(32)}`,
    ...own[auth],
    "# A model, such as openai:gpt-5-mini with OPENAI_API_KEY; without one the offline planner answers.",
    "# DEPUTIZE_MODEL=",
  ].join("\n")}\n`;
}
