/** The server of this project for a test: on a free port, with secrets and data of its own, offline. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startProject } from "deputize/server";

export const secret = (): string => randomBytes(32).toString("hex");

export interface Asked {
  readonly status: number;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests read any member; what is missing fails them
  readonly body: any;
}

export async function serve(env: Readonly<Record<string, string>>) {
  const data = mkdtempSync(join(tmpdir(), "agent-server-"));
  const { url, close } = await startProject({
    folder: join(import.meta.dirname, ".."),
    port: 0,
    host: "127.0.0.1",
    env: {
      TOOL_TOKEN_SECRET: secret(),
      DEPUTIZE_MODEL: "offline",
      LOG_LEVEL: "error",
      ...env,
      DEPUTIZE_DATA: data,
    },
  });

  async function ask(method: string, path: string, token?: string, body?: object): Promise<Asked> {
    const answer = await fetch(`${url}${path}`, {
      method,
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body && { "content-type": "application/json" }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    return { status: answer.status, body: await answer.json() };
  }

  return {
    ask,
    /** Says something on a new thread, and answers what the agent replied. */
    say: async (content: string, token?: string): Promise<string> => {
      const thread = await ask("POST", "/threads", token);
      const reply = await ask("POST", `/threads/${thread.body.thread_id}/messages`, token, { content });
      return String(reply.body.content);
    },
    close: async (): Promise<void> => {
      await close();
      rmSync(data, { recursive: true, force: true });
    },
  };
}
