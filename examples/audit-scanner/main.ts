/** What a careful client looks at: health, remaining time, garbage in place of tokens, and every kind of refusal. */
import { DeputizeApp, validate } from "deputize/client";
import { type ExampleContext, refusal } from "../example.ts";

export const title = "health, remaining time, garbage tokens, and the errors as they really are";
export const ceiling = ["read:data:*"];

export async function run({ app, print }: ExampleContext): Promise<void> {
  const health = await app.health();
  print(
    `[HEALTH] ${health.status}, version ${health.version}, database ${health.dbConnected ? "up" : "down"}`,
  );

  const agent = await app.createAgent({ orchestration: "scanner", task: "scan", scope: ["read:data:logs"] });
  const { claims } = await validate(app.brokerUrl, agent.accessToken);
  print(
    `[TOKEN] valid, ${(claims?.exp ?? 0) - (claims?.iat ?? 0)}s in all, bound to task ${claims?.task_id}`,
  );

  // One answer for all of them: whoever guesses learns nothing, and nothing throws.
  const [header, payload, signature = ""] = agent.accessToken.split(".");
  const flipped = (signature.startsWith("A") ? "B" : "A") + signature.slice(1);
  const garbage = {
    nothing: "",
    words: "this is no token",
    "three dots": "...",
    "no signature": `${header}.${payload}.`,
    "one letter changed": `${header}.${payload}.${flipped}`,
    "a million letters": "a".repeat(1_000_000),
  };
  for (const [what, token] of Object.entries(garbage)) {
    const { valid, error } = await validate(app.brokerUrl, token);
    if (valid) throw new Error(`${what} was accepted`);
    print(`[GARBAGE] ${what}: ${error}`);
  }

  const show = async (what: string, work: () => unknown): Promise<void> => {
    const { name, code, status, message } = await refusal(work);
    print(`[ERROR] ${what}: ${name} ${status} ${code}: ${message}`);
  };
  await show("above the ceiling", () =>
    app.createAgent({ orchestration: "scanner", task: "scan", scope: ["write:data:logs"] }),
  );
  await show("a malformed scope", () =>
    app.createAgent({ orchestration: "scanner", task: "scan", scope: ["logs"] }),
  );
  await show("a delegate nobody knows", () =>
    agent.delegate("spiffe://agentwrit.local/agent/scanner/scan/0000000000000000", ["read:data:logs"]),
  );
  await show("a wrong secret", () =>
    new DeputizeApp({
      brokerUrl: app.brokerUrl,
      clientId: "nobody-000000000000",
      clientSecret: "0".repeat(64),
    }).createAgent({ orchestration: "scanner", task: "scan", scope: ["read:data:logs"] }),
  );
  await agent.release();
  await show("after release", () => agent.renew());
  await show("nobody there", () =>
    new DeputizeApp({ brokerUrl: "http://127.0.0.1:1", clientId: "x", clientSecret: "x" }).health(),
  );
}
