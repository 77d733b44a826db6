/** The README of a project that `deputize init` makes. */
import type { AuthChoice } from "./project-files.ts";

const SIGN_IN: Readonly<Record<AuthChoice, string>> = {
  none: `Nobody is asked who they are: the server answers this machine alone. Before anybody else reaches it, set \`auth\` in
\`deputize.json\`.

\`\`\`sh
curl http://localhost:8000/ping
curl -X POST http://localhost:8000/threads
\`\`\``,
  jwt: `Tokens (JWT) signed with \`JWT_SECRET_KEY\` come in; \`sub\` or \`user_id\` says who it is, and \`exp\` is required.

\`\`\`sh
TOKEN=$(node dev/token.ts ada)
curl -X POST http://localhost:8000/threads -H "Authorization: Bearer $TOKEN"
\`\`\``,
  custom: `\`auth/custom.ts\` says who it is: sessions that this server signed, of users in \`auth/users.json\`. Put yours in its place.

\`\`\`sh
TOKEN=$(node dev/token.ts ada)
curl -X POST http://localhost:8000/threads -H "Authorization: Bearer $TOKEN"
\`\`\``,
  deputize: `Credentials of a Deputize authority (\`AUTHORITY_URL\` in \`.env\`) come in, as far as their scopes go: \`invoke:graph:*\` to talk to
the agent, \`read:checkpointer:*\` and \`write:checkpointer:*\` for threads. What is revoked there is refused here within a second.

\`\`\`sh
deputize serve                                   # in another terminal; says its admin secret once
deputize app register --name desk --scopes invoke:graph:* read:checkpointer:* write:checkpointer:*
\`\`\`

\`tests/agent-server.test.ts\` shows how a program gets its credential (\`DeputizeApp\`).`,
};

export function readme(name: string, auth: AuthChoice): string {
  return `# ${name}

An agent behind HTTP, with users, threads and ownership.

\`\`\`sh
deputize dev       # serve it, and start anew what is saved
deputize test      # its tests: no network, nothing to install
deputize doctor    # what is unsafe, each with the fix
deputize start     # serve it
deputize build     # Dockerfile, compose file, Kubernetes manifest
\`\`\`

${SIGN_IN[auth]}

Then say something:

\`\`\`sh
curl -X POST http://localhost:8000/threads/THREAD_ID/messages${auth === "none" ? "" : ' -H "Authorization: Bearer $TOKEN"'} \\
  -H "Content-Type: application/json" -d '{"content": "Show my orders"}'
\`\`\`

| file | |
|---|---|
| \`deputize.json\` | what is served, who may come in, what is kept |
| \`agents/support.ts\` | the agent |
| \`tools/orders.ts\` | its tools, each with who may call it |
| \`.env\` | secrets; not for git |
| \`data/\` | threads and the log, made at the first start |

Without a model's key the offline planner answers, which understands plain questions about orders. Set \`DEPUTIZE_MODEL\` in \`.env\` for
a model. All routes: \`http://localhost:8000/docs\`.
`;
}
